"""Checks of what an installer is given: requirements, index URLs, arguments."""

import re
import shlex
from collections.abc import Sequence
from typing import TypedDict

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import flag, text, wrong_type
from flyte_jupyter.tasks.secret import Secret, SecretRequest, secrets_of

_REQUIREMENT = (
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"  # a name
    r"\s*(?:\[[A-Za-z0-9._,\s-]*\])?"  # its extras
    r"\s*(?:(?:[<>=!~(@;]).*)?"  # versions, a URL, markers
)
_LEAK = r"://[^/\s@:]*:(?!\$)[^/\s@]+@|\b(?:gh[opsu]_|github_pat_|glpat-|pypi-AgEI)[A-Za-z0-9]"


class Options(TypedDict):
    """What all installing layers have in common."""

    index_url: str | None
    extra_index_urls: tuple[str, ...]
    pre: bool
    extra_args: tuple[str, ...]
    secret_mounts: tuple[Secret, ...]


def options(
    index_url: str | None,
    extra_index_urls: str | Sequence[str] | None,
    extra_args: str | Sequence[str] | None,
    secret_mounts: SecretRequest | None,
    *,
    pre: bool,
) -> Options:
    """Check what all installing layers have in common.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a value that cannot be, or a password in a URL.
    """
    return Options(
        index_url=None if index_url is None else _url("index_url", index_url),
        extra_index_urls=tuple(
            _url("extra_index_urls", one) for one in _several("extra_index_urls", extra_index_urls)
        ),
        pre=flag("pre", pre),
        extra_args=_arguments(extra_args),
        secret_mounts=secrets_of(secret_mounts),
    )


def requirement(value: object) -> str:
    """Check one requirement in the form of pip, such as "scipy==1.10.0", a URL, or a path in the image.

    Raises:
        TypeError: it is no text; several go one by one.
        DefinitionError: it is no requirement, or holds a password.
    """
    if isinstance(value, list | tuple | set):
        raise TypeError(
            f"packages={value!r}: give requirements one by one, as in with_pip_packages(*packages)"
        )
    check_no_password("package", value)
    name = text("package", value, "scipy==1.10.0").strip()
    if "://" in name or name.startswith("/") or re.fullmatch(_REQUIREMENT, name):
        return name
    if name.startswith("-"):
        raise DefinitionError(f"package={name!r} is an option of the installer; give it as extra_args")
    if name.startswith("."):
        raise DefinitionError(f"package={name!r} is a local folder; copy it with with_source_folder first")
    raise DefinitionError(
        f"package={name!r} is no requirement; give one each, such as 'numpy', 'scipy==1.10.0'"
    )


def check_no_password(what: str, value: object) -> None:
    """Refuse a password or token in a URL; it would be readable in the image. The message does not repeat it.

    Raises:
        DefinitionError: there is one.
    """
    if isinstance(value, str) and re.search(_LEAK, value):
        raise DefinitionError(
            f"{what} holds a password or token, which everybody could read in the image; "
            "give it by name, as in secret_mounts=[Secret('TOKEN')] and https://user:$TOKEN@host"
        )


def _url(what: str, value: object) -> str:
    check_no_password(what, value)
    url = text(what, value, "https://pypi.org/simple")
    if any(c.isspace() for c in url) or not ("://" in url or url.startswith("$")):
        raise DefinitionError(f"{what}={url!r} must be a URL, such as 'https://pypi.org/simple'")
    return url


def _several(what: str, value: object) -> tuple[object, ...]:
    if value is None or isinstance(value, str):
        return () if value is None else (value,)
    if not isinstance(value, list | tuple):
        raise wrong_type(what, value, "text or a list of texts")
    return tuple(value)


def _arguments(value: str | Sequence[str] | None) -> tuple[str, ...]:
    check_no_password("extra_args", value)
    try:
        split = shlex.split(value) if isinstance(value, str) else _several("extra_args", value)
    except ValueError as error:
        raise DefinitionError(f"extra_args={value!r} cannot be split into arguments: {error}") from error
    for argument in split:
        check_no_password("extra_args", argument)
    return tuple(text("extra_args", argument, "--no-deps") for argument in split)
