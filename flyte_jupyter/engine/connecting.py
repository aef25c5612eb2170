"""What *there* means where nobody named a place: the endpoint of the settings, or that of the store."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.config import Settings
from flyte_jupyter.errors import InitializationError
from flyte_jupyter.loading import load

_PATIENCE = 10.0
"""Seconds that an endpoint has to start."""
_STEP = 0.05
_TOLD = 2_000


class There:
    """The place that is found when it is first needed, and kept as long as it answers."""

    def __init__(self) -> None:
        self._url = ""
        self._place: Backend | None = None

    def get(self, settings: Settings, store: Path) -> Backend:
        """Give the place.

        Raises:
            InitializationError: the extra is missing, or no endpoint can be had.
        """
        url = settings.endpoint or served(store)
        if self._place is None or url != self._url:
            named = {"project": settings.project, "domain": settings.domain}
            self._place = endpoint(url, {key: value for key, value in named.items() if value})
            self._url = url
        return self._place


def endpoint(url: str, options: Mapping[str, Any]) -> Backend:
    """Make the place that an endpoint's URL names.

    Raises:
        InitializationError: the extra is missing.
        DefinitionError: the URL is none.
    """
    made = load("flyte_jupyter.backends.flyte", "flyte").FlyteBackend(url, **options)
    return cast("Backend", made)


def served(store: Path) -> str:
    """Find the endpoint that serves a store, or start one that outlives this process; gives its URL.

    Raises:
        InitializationError: it does not start.
    """
    find = load("flyte_jupyter.endpoint.found:find")
    found = find(store)
    return str((found or _started(store, find)).url)


def _started(store: Path, find: Any) -> Any:
    load("flyte_jupyter.backends.flyte", "flyte")  # what is missing here is missing there
    load("uvicorn", "endpoint")
    note = store / "serve.log"
    with os.fdopen(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as log:
        process = subprocess.Popen(  # noqa: S603 - this package, by this interpreter
            [sys.executable, "-m", "flyte_jupyter", "serve", "--store", str(store)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if (found := find(store)) is not None:
            return found
        if process.poll():
            break
        time.sleep(_STEP)
    why = note.read_text(errors="replace")[-_TOLD:].strip().splitlines()[-1:] or ["it said nothing"]
    raise InitializationError(
        f"the endpoint of {store} did not start within {_PATIENCE:g} s: {why[0]}. All that it said: {note}"
    )
