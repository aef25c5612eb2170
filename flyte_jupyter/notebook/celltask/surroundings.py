"""The state of the process that a cell may change besides the notebook's names."""

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.environment import environments

_MISSING = "not loaded"
_WORDS = {
    "the filters of warnings": "warnings",
    "os.environ": "environ",
    "the handlers of logging": "logging",
}


def _figures() -> Any:
    return tuple(sys.modules["matplotlib._pylab_helpers"].Gcf.figs)


def _style() -> Any:
    skipped = {"backend", "backend_fallback", "interactive"}
    return {k: str(v) for k, v in dict.items(sys.modules["matplotlib"].rcParams) if k not in skipped}


def _pandas() -> Any:
    found = sys.modules["pandas._config.config"]
    return repr(found._global_config)  # noqa: SLF001 - all options at once have no other name


def _decimal() -> Any:
    context = sys.modules["decimal"].getcontext()
    return (context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp)


def _logging() -> Any:
    root = sys.modules["logging"].root
    known = {name: getattr(one, "level", 0) for name, one in root.manager.loggerDict.items()}
    levels = {name: level for name, level in known.items() if level}
    return (root.level, len(root.handlers), root.disabled, levels)


def _sklearn() -> Any:
    return sys.modules["sklearn"].get_config()


def _tasks() -> Any:
    return {name: tuple(getattr(env, "tasks", ())) for name, env in environments().items()}


_FIXED: Mapping[str, tuple[str, Callable[[], Any]]] = MappingProxyType(
    {
        "the working folder": ("os", os.getcwd),
        "os.environ": ("os", lambda: dict(os.environ)),
        "sys.path": ("sys", lambda: list(sys.path)),
        "the filters of warnings": ("warnings", lambda: list(warnings.filters)),
        "the style of matplotlib": ("matplotlib", _style),
        "the open figures of matplotlib": ("matplotlib._pylab_helpers", _figures),
        "the options of pandas": ("pandas._config.config", _pandas),
        "the print options of numpy": ("numpy", lambda: repr(sys.modules["numpy"].get_printoptions())),
        "the error handling of numpy": ("numpy", lambda: dict(sys.modules["numpy"].geterr())),
        "the context of decimal": ("decimal", _decimal),
        "the handlers of logging": ("logging", _logging),
        "the settings of scikit-learn": ("sklearn", _sklearn),
        "the limit of recursion": ("sys", sys.getrecursionlimit),
        "the environments of tasks": ("sys", _tasks),
    }
)
"""State that a kept result does not bring back: a cell that changes it is not kept."""

_READ = (
    "the options of pandas", "the print options of numpy", "the error handling of numpy",
    "the context of decimal", "the settings of scikit-learn",
)  # fmt: skip
"""State that results depend on; what is not loaded yet has the state that it begins with."""

_RANDOM: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"random": ("getstate", "setstate"), "numpy.random": ("get_state", "set_state")}
)
"""Generators of random numbers: what they go on with afterwards is kept and brought back."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What other cells may set, as it was before a cell ran.

    Args:
        what: which setting, a key of ``_FIXED``.
        content: its digest.
    """

    what: str
    content: str

    def holds(self) -> bool:
        """Whether it is still the same."""
        now = _look(*_FIXED[self.what])
        return now is _MISSING or digest("setting", repr(now)) == self.content

    @property
    def words(self) -> str:
        """Say that it is not."""
        return f"{self.what} was set otherwise then"


class Surroundings:
    """The state of the process at one moment."""

    def __init__(self) -> None:
        self._modules = len(sys.modules)
        self._fixed = {what: _look(module, look) for what, (module, look) in _FIXED.items()}
        self._random = _random_states()

    def changes(self, text: str) -> tuple[str, ...]:
        """Name what is different now and cannot be brought back.

        Args:
            text: the cell's text.
        """
        now = {what: _look(module, look) for what, (module, look) in _FIXED.items()}
        # What was not loaded before has the state that it begins with: whoever loads it again finds the same.
        found = [what for what in now if self._fixed[what] not in (_MISSING, now[what])]
        # What modules change when they are imported, they change again: imports are done again.
        imports = len(sys.modules) > self._modules
        return tuple(what for what in found if not (imports and what in _WORDS and _WORDS[what] not in text))

    @property
    def settings(self) -> tuple[Setting, ...]:
        """What other cells may have set."""
        found = {what: self._fixed[what] for what in _READ if self._fixed[what] is not _MISSING}
        return tuple(Setting(what, digest("setting", repr(value))) for what, value in found.items())

    def randomness(self, text: str) -> dict[str, Any]:
        """Give the states of generators that are different now.

        Args:
            text: the cell's text. One that was not loaded before counts only if the cell speaks of it.
        """
        now = _random_states()
        return {
            module: state
            for module, state in now.items()
            if state is not _MISSING
            and not _alike(self._random[module], state)
            and (self._random[module] is not _MISSING or "random" in text)
        }

    def drawn(self, changed: Container[str]) -> dict[str, str]:
        """Give the digests of the states from which generators began, by module.

        Args:
            changed: those whose states are different now.
        """
        return {module: _digest(state) for module, state in self._random.items() if module in changed}


def is_where(drawn: Mapping[str, str]) -> bool:
    """Whether generators now are in the states with these digests."""
    now = _random_states()
    return all(_digest(now.get(module, _MISSING)) == content for module, content in drawn.items())


def restore_randomness(states: Mapping[str, Any]) -> None:
    """Let generators go on where they were."""
    for module, state in states.items():
        getattr(importlib.import_module(module), _RANDOM[module][1])(state)


def _random_states() -> dict[str, Any]:
    return {
        module: getattr(sys.modules[module], get)() if module in sys.modules else _MISSING
        for module, (get, _) in _RANDOM.items()
    }


def _digest(state: Any) -> str:
    if state is _MISSING:
        return ""
    return digest("random", *(x.tobytes().hex() if hasattr(x, "tobytes") else repr(x) for x in state))


def _look(module: str, look: Callable[[], Any]) -> Any:
    if module not in sys.modules:
        return _MISSING
    try:
        return look()
    except Exception:  # noqa: BLE001 - other versions of a library may have it elsewhere
        return _MISSING


def _alike(a: Any, b: Any) -> bool:
    if a is _MISSING or b is _MISSING:
        return a is b
    return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))


def _equal(a: Any, b: Any) -> bool:
    found = a == b
    return bool(found.all()) if hasattr(found, "all") else bool(found)
