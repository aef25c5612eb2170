"""Finds the endpoint that serves a store; needs none of the endpoint's libraries."""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

_PATIENCE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An endpoint that serves: its URL, its process, and since when."""

    url: str
    pid: int
    started: float


def find(store: Path) -> Found | None:
    """Find the endpoint of a store; None if none serves it."""
    try:
        note = json.loads((store / "endpoint.json").read_text())
        found = Found(url=note["url"], pid=int(note["pid"]), started=float(note["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if psutil.pid_exists(found.pid) and _answers(found.url) else None


def _answers(url: str) -> bool:
    where = urlsplit(url)
    try:
        with socket.create_connection((where.hostname or "", where.port or 0), _PATIENCE):
            return True
    except OSError:
        return False
