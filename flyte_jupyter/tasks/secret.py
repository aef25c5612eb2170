"""Secrets by name: which value to bring from the secret store, and where a task or a build finds it."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath
from typing import TypeAlias

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import shown, wrong_type

FOLDER = PurePosixPath("/etc/flyte/secrets")
"""Where mounted secrets are."""

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}"
_VARIABLE = r"[A-Z_][A-Z0-9_]*"


@dataclass(frozen=True, slots=True)
class Secret:
    """The name of a secret and the way it is handed over; never its value.

    Without ``mount`` and ``as_env_var`` it becomes an environment variable named after group and key:
    ``Secret("my-api-key", "external-services")`` is ``EXTERNAL_SERVICES_MY_API_KEY``. With both, it is handed
    over both ways.

    Args:
        key: its name in the secret store: letters, digits, dots, hyphens and underscores.
        group: an optional group of keys, of the same characters.
        mount: ``/etc/flyte/secrets``, or the path of a file below it. The folder itself stands for
            ``/etc/flyte/secrets/<key>``, or ``<group>/<key>`` in it.
        as_env_var: the name of the environment variable: upper-case letters, digits and underscores.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a name or path that cannot be one.
    """

    key: str
    group: str | None = None
    mount: PurePosixPath | PurePath | str | None = None
    as_env_var: str | None = None

    __repr__ = shown

    def __post_init__(self) -> None:
        _check_name("key", self.key)
        if self.group is not None:
            _check_name("group", self.group)
        if self.mount is not None:
            object.__setattr__(self, "mount", _mount(self.mount))
        elif self.as_env_var is None:
            object.__setattr__(self, "as_env_var", _variable(self.group, self.key))
        if self.as_env_var is not None:
            _check_variable(self.key, self.as_env_var)

    def __hash__(self) -> int:
        """Hash the same in every process, unlike the hash of a text."""
        return int(self.stable_hash()[:16], 16)

    @classmethod
    def of(cls, request: "str | Secret") -> "Secret":
        """Turn a key into a Secret.

        Raises:
            TypeError: it is neither a key nor a Secret.
        """
        if not isinstance(request, str | Secret):
            raise wrong_type("secret", request, "a Secret or its key")
        return cls(request) if isinstance(request, str) else request

    @property
    def file(self) -> PurePosixPath | None:
        """The path of the file that holds it; None if it is not mounted."""
        if self.mount is None:
            return None
        path = PurePosixPath(self.mount)
        return path.joinpath(*filter(None, (self.group, self.key))) if path == FOLDER else path

    def stable_hash(self) -> str:
        """Hash key, group, mount and variable to the hex digits that Flyte 2 uses for them."""
        parts = (self.key, self.group, self.mount, self.as_env_var)
        text = "|".join("" if part is None else str(part) for part in parts)
        return hashlib.sha256(text.encode()).hexdigest()


SecretRequest: TypeAlias = str | Secret | Sequence[str | Secret]
"""What may stand for secrets: a key, a Secret, or several of them."""


def secrets_of(request: SecretRequest | None) -> tuple[Secret, ...]:
    """Turn a key, a Secret, or a list of them into Secrets, each once.

    Raises:
        TypeError: something else.
        DefinitionError: two different secrets would be handed over in the same place.
    """
    if request is None:
        return ()
    if isinstance(request, str | Secret):
        return (Secret.of(request),)
    if not isinstance(request, Sequence):
        raise wrong_type("secrets", request, "a Secret, its key, or a list of them")
    secrets = tuple(dict.fromkeys(Secret.of(one) for one in request))
    places: dict[object, Secret] = {}
    for secret in secrets:
        for place in filter(None, (secret.as_env_var, secret.file)):
            if places.setdefault(place, secret) is not secret:
                raise DefinitionError(f"{place} is asked for by {places[place]} and {secret}; rename one")
    return secrets


def _check_name(what: str, value: object) -> None:
    if not isinstance(value, str):
        raise wrong_type(what, value, "text")
    if not re.fullmatch(_NAME, value):
        raise DefinitionError(
            f"secret {what}={value!r} may hold letters, digits, dots, hyphens and underscores only, "
            "and must not begin with a dot"
        )


def _variable(group: str | None, key: str) -> str:
    name = f"{group}_{key}" if group else key
    return name.replace("-", "_").replace(".", "_").upper()


def _check_variable(key: str, name: object) -> None:
    if not isinstance(name, str):
        raise wrong_type("as_env_var", name, "text")
    if not re.fullmatch(_VARIABLE, name):
        raise DefinitionError(
            f"the environment variable {name!r} of secret {key!r} must match {_VARIABLE}; "
            f"give another as_env_var, for example {_suggested(name)!r}"
        )


def _suggested(name: str) -> str:
    suggestion = re.sub(r"[^A-Z0-9_]", "_", name.upper()) or "MY_SECRET"
    return f"_{suggestion}" if suggestion[0].isdigit() else suggestion


def _mount(value: object) -> PurePosixPath:
    if not isinstance(value, str | PurePath):
        raise wrong_type("mount", value, f"a path, such as {str(FOLDER / 'my-secret')!r}")
    path = PurePosixPath(value.as_posix() if isinstance(value, PurePath) else value)
    inside = path == FOLDER or FOLDER in path.parents
    if not inside or ".." in path.parts or any(not re.fullmatch(_NAME, part) for part in path.parts[4:]):
        raise DefinitionError(f"mount={str(value)!r} must be {FOLDER} or the path of a file below it")
    return path
