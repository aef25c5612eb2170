"""Names of images, registries and repositories, as container engines accept them."""

import re

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import text

_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?"
_REPOSITORY = rf"{_PART}(?:/{_PART})*"
_REGISTRY = rf"{_HOST}(?:/{_PART})*"
_URI = (
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)


def uri(value: object) -> str:
    """Check the URI of an image, such as ghcr.io/me/app:1.2.

    Raises:
        TypeError: it is no text.
        DefinitionError: it is no such URI.
    """
    return _matched("image URI", value, _URI, "ghcr.io/me/app:1.2")


def registry(value: object) -> str:
    """Check a registry: a host, with a port and a path if need be.

    Raises:
        TypeError: it is no text.
        DefinitionError: it is no registry.
    """
    return _matched("registry", value, _REGISTRY, "ghcr.io/me")


def repository(value: object) -> str:
    """Check an image's name in its registry: lower-case letters, digits, and separators between them.

    Raises:
        TypeError: it is no text.
        DefinitionError: it is no such name.
    """
    return _matched("name", value, _REPOSITORY, "my-app")


def _matched(what: str, value: object, form: str, example: str) -> str:
    name = text(what, value, example)
    if len(name) > 255 or not re.fullmatch(form, name):  # noqa: PLR2004 - the longest that registries keep
        hint = (
            "; leave the scheme out"
            if "://" in name
            else "; names are lower-case"
            if name != name.lower()
            else ""
        )
        raise DefinitionError(f"{what}={name!r} cannot be one; give for example {example!r}{hint}")
    return name
