"""What *there* means where nobody named a place: the endpoint of the settings, or that of the store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.config import Settings
from flyte_jupyter.engine.loop import loop, settled
from flyte_jupyter.loading import load


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


def checked(place: Any) -> str:
    """See that a place answers, and say where it is.

    Raises:
        InitializationError: it does not answer.
    """
    check = getattr(place, "check", None)
    if check is None:
        return str(place.name)
    with loop.beside():
        return str(settled(loop.submit(check())))


def served(store: Path) -> str:
    """Find the endpoint that serves a store, or start one that outlives this process; gives its URL.

    Raises:
        InitializationError: an extra is missing, or it does not start.
    """
    load("flyte_jupyter.backends.flyte_sdk", "flyte")  # what is missing here is missing there
    load("flyte_jupyter.endpoint.serve", "endpoint")
    return str(load("flyte_jupyter.endpoint.starting:ensure")(store).url)
