"""``connect``: see what the modes hybrid and remote reach."""

from argparse import Namespace
from typing import Any

from flyte_jupyter.engine import connecting
from flyte_jupyter.engine.setup import process
from flyte_jupyter.terminal.screen import Screen


def connect(args: Namespace, screen: Screen) -> int:
    """Look whether an endpoint answers; the store's own is started if it does not run."""
    screen.print(told(place(args.url)))
    return 0


def place(url: str | None) -> Any:
    """Give the place that a URL names, or the one that is connected."""
    return connecting.endpoint(url, {}) if url else process.setup.place()


def told(found: Any) -> str:
    """See that a place answers, and say so."""
    return f"hybrid and remote runs go to {connecting.checked(found)}"
