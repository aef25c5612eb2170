"""Places to run by a word, as settings and ``init`` name them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load


def place_of(text: str) -> Backend:
    """Make the place that a text names.

    Args:
        text: "ray" for a cluster on this machine, "ray:auto" for the one that Ray finds, "ray:HOST:PORT".

    Raises:
        DefinitionError: it names none.
    """
    word, _, address = text.partition(":")
    make = WORDS.get(word)
    if make is None:
        raise DefinitionError(f"backend {text!r} is no place to run; accepted are {', '.join(FORMS)}")
    return make(address.removeprefix("//"))


def _ray(address: str) -> Backend:
    return cast("Backend", load("flyte_jupyter.backends.ray:RayBackend")(address or None))


WORDS: Mapping[str, Callable[[str], Backend]] = MappingProxyType({"ray": _ray})
"""What each word makes of the address behind it."""

FORMS = ('"ray"', '"ray:auto"', '"ray:HOST:PORT"')
"""What is accepted, for messages."""
