"""Whether results are kept and found again, and what makes up the version under which they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.checks import duration, flag, not_one_of, shown, text, wrong_type
from flyte_jupyter.tasks.source import slice_of
from flyte_jupyter.tasks.warned import warn_once

if TYPE_CHECKING:
    from flyte_jupyter.tasks.image import Image

BEHAVIORS = ("auto", "override", "disable")
_ALIASES = dict.fromkeys(("enable", "enabled", "on", "true", "yes"), "auto") | dict.fromkeys(
    ("disabled", "off", "false", "no", "none"), "disable"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionParameters:
    """What a policy may make a version from.

    Args:
        func: the task's function.
        image: the task's image.
        code_bundle: the code that is shipped with the run, if any.
    """

    func: Callable[..., Any] | None = None
    image: "Image | str | None" = None
    code_bundle: Any = None

    __repr__ = shown


@runtime_checkable
class CachePolicy(Protocol):
    """Makes a version from a task: results are reused as long as it stays the same."""

    def get_version(self, salt: str, params: VersionParameters) -> str:
        """Give a text that changes when results must not be reused."""


@dataclass(frozen=True, slots=True)
class FunctionBodyPolicy:
    """The version is the task's source code, with the helpers, globals and closures that it uses."""

    def get_version(self, salt: str, params: VersionParameters) -> str:
        """Hash the function with everything of the user's that it depends on.

        Raises:
            DefinitionError: there is no function.
        """
        if params.func is None:
            raise DefinitionError(
                "FunctionBodyPolicy needs the task's function; give version_override instead"
            )
        found = slice_of(params.func)
        if found.unseen:
            _warn(params.func, found.unseen[0])
        return found.salted(salt)


def _warn(func: Callable[..., Any], what: str) -> None:
    """Warn that results may be taken although something has changed."""
    name = getattr(func, "__name__", "a task")
    text = (
        f"{name} is cached by its code, but {what}: a change of what it reaches in this way is not seen, and "
        "an old result is taken. Pass the value as an argument, or give a version (--cache-version, "
        "Cache(version_override=...)) or cache='disable'."
    )
    warn_once(func, what, text)


_POLICIES = (FunctionBodyPolicy(),)


@dataclass(frozen=True, slots=True)
class Cache:
    """How a task's results are cached.

    ``Cache("override", "v1")`` keeps and finds results under the version "v1". ``Cache("override")`` without
    a version refreshes: the task runs, and its result replaces the kept one.

    Args:
        behavior: "auto" keeps and finds results, "override" see above, "disable" does neither.
        version_override: the version; made by the policies if not given.
        serialize: calls with the same inputs at the same time run once, and the others take the result.
        ignored_inputs: names of inputs that do not matter, or one name.
        salt: any text that counts for the version made by policies.
        policies: what makes the version; the function's source code if not given.
        max_age: how old a result may be to be found, a timedelta or seconds; None for any age.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: an unknown behavior, or neither policies nor a version.
    """

    behavior: str = "auto"
    version_override: str | None = None
    serialize: bool = False
    ignored_inputs: tuple[str, ...] | str = ()
    salt: str = ""
    policies: Sequence[CachePolicy] | CachePolicy | None = field(default=_POLICIES, hash=False)
    max_age: timedelta | int | float | None = None

    __repr__ = shown

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "behavior", _behavior(self.behavior))
        if self.version_override is not None:
            text("version_override", self.version_override, "v1")
        flag("serialize", self.serialize)
        put(self, "ignored_inputs", _names(self.ignored_inputs))
        if not isinstance(self.salt, str):
            raise wrong_type("salt", self.salt, "text")
        put(self, "policies", _policies(self.policies))
        if self.max_age is not None:
            put(self, "max_age", duration("max_age", self.max_age))
        if self.is_enabled and not self.policies and self.version_override is None:
            raise DefinitionError("policies=[] makes no version; give a policy or version_override")

    @classmethod
    def of(cls, cache: "Cache | str") -> "Cache":
        """Turn "auto", "override", "disable" or an alias ("on", "off", ...) into a Cache.

        Raises:
            TypeError: it is neither text nor a Cache.
            DefinitionError: it is an unknown word.
        """
        return cache if isinstance(cache, Cache) else cls(_behavior(cache))

    @property
    def is_enabled(self) -> bool:
        """Whether results are kept."""
        return self.behavior != "disable"

    @property
    def finds(self) -> bool:
        """Whether a kept result is looked for; a refresh does not."""
        return self.behavior == "auto" or (self.behavior == "override" and self.version_override is not None)

    def get_version(self, params: VersionParameters | None = None) -> str:
        """Make the version: empty if disabled, the given one, else a digest of what the policies say.

        Raises:
            DefinitionError: a policy could not make one; its exception is the cause.
        """
        if not self.is_enabled:
            return ""
        if self.version_override is not None:
            return self.version_override
        if params is None:
            raise DefinitionError("the policies need VersionParameters(func=...), or give version_override")
        policies = cast("tuple[CachePolicy, ...]", self.policies)
        return digest("cache version", *(self._part(policy, params) for policy in policies))

    def _part(self, policy: CachePolicy, params: VersionParameters) -> str:
        name = getattr(params.func, "__qualname__", "the task")
        try:
            part = policy.get_version(self.salt, params)
        except Exception as error:
            raise DefinitionError(f"{policy!r} made no cache version of {name}: {error}") from error
        if not isinstance(part, str):
            raise wrong_type(f"the version of {name} by {policy!r}", part, "text")
        return part


def _behavior(value: object) -> str:
    if not isinstance(value, str):
        raise wrong_type("cache", value, f"a Cache or one of {', '.join(map(repr, BEHAVIORS))}")
    word = value.strip().lower()
    if word not in BEHAVIORS and word not in _ALIASES:
        raise not_one_of("cache", value, BEHAVIORS)
    return _ALIASES.get(word, word)


def _names(value: object) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, tuple | list | set | frozenset) or not all(isinstance(n, str) for n in names):
        raise wrong_type("ignored_inputs", value, "the name of an input, or a tuple of names")
    return tuple(sorted(names) if isinstance(names, set | frozenset) else names)


def _policies(value: object) -> tuple[CachePolicy, ...]:
    if value is None:
        return _POLICIES
    policies = tuple(value) if isinstance(value, list | tuple) else (value,)
    for policy in policies:
        if isinstance(policy, type) or not isinstance(policy, CachePolicy):
            raise wrong_type(
                "policies", policy, "objects with get_version(salt, params), as FunctionBodyPolicy()"
            )
    return policies
