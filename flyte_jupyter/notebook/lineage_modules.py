"""What cells use of the user's modules, and whether it has changed: an edited file makes them stale."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from flyte_jupyter.notebook.lineage_code import function_of, walk_over
from flyte_jupyter.tasks.slicing.guards import stamp
from flyte_jupyter.tasks.slicing.names import Chain
from flyte_jupyter.tasks.slicing.origins import Origin, of_module
from flyte_jupyter.tasks.slicing.texts import file_of_module
from flyte_jupyter.tasks.slicing.walk import Walk

_Stamps = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Use:
    """Something of a module that cells use.

    Args:
        name: what it is called, with its module.
        start: the module or code from which to walk.
        chain: the attributes taken from a module.
    """

    name: str
    start: Any
    chain: Chain = ()

    def begin(self, walk: Walk) -> object:
        """Walk over it."""
        return walk.member(self.start, self.chain) if self.chain else walk.refer(self.start)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a use came to: its content, the walk, and the files that it rests on as they were then."""

    use: _Use
    content: str
    walk: Walk
    stamps: _Stamps


class Modules:
    """Looks after all that the cells of a notebook have used of the user's modules."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}

    def contents(self, dotted: Iterable[Chain], scope: Mapping[str, Any]) -> dict[str, str]:
        """Digest what names, each with its attributes, take from modules.

        Args:
            dotted: the names.
            scope: the notebook's names.
        """
        uses = {use.name: use for chain in dotted if (use := _use_of(chain, scope))}
        return {name: self._look(use) for name, use in uses.items()}

    def changed(self, *, whole: bool = False) -> dict[str, str]:
        """Digest anew what rests on a file that was touched.

        Args:
            whole: look at all: a cell has changed a module that is loaded.
        """
        now: dict[str, object] = {}
        touched = [f for f in list(self._found.values()) if whole or _is_touched(f.stamps, now)]
        return {f.use.name: content for f in touched if (content := self._look(f.use)) != f.content}

    def _look(self, use: _Use) -> str:
        known = self._found.get(use.name)
        try:
            if known is None or known.use.start is not use.start or not known.walk.holds():
                known = self._found[use.name] = _walked(use, known)
        except Exception:  # noqa: BLE001 - looking at values runs their own code
            return known.content if known is not None else ""
        return known.content


def _walked(use: _Use, before: _Found | None) -> _Found:
    """Walk over a use. Stamps stay until its content is another: files are loaded again some time after."""
    content, walk = walk_over(use.begin)
    if before is not None and before.content == content:
        return _Found(use, content, walk, before.stamps)
    return _Found(use, content, walk, {file: stamp(file, None) for file in _files(walk)})


def imported(value: object) -> str:
    """Name a function or class that a module of the user's defines at its top; empty for any other value."""
    if not isinstance(value, FunctionType | type) or getattr(value, "__closure__", None):
        return ""
    use = _of_code(value)
    return use.name if use is not None and "<" not in use.name else ""


def _use_of(chain: Chain, scope: Mapping[str, Any]) -> _Use | None:
    """Find what a name with its attributes takes from a module of the user's."""
    value = scope.get(chain[0])
    if not isinstance(value, ModuleType):
        return _of_code(value)
    for at, name in enumerate(chain[1:], 1):
        inside = vars(value).get(name)
        if not isinstance(inside, ModuleType):
            return _Use(f"{value.__name__}.{name}", value, (chain[at],)) if _is_users(value) else None
        value = inside
    return _Use(value.__name__, value) if _is_users(value) else None


def _of_code(value: object) -> _Use | None:
    func = function_of(value)
    code = func if func is not None else value
    if not isinstance(code, FunctionType | type):
        return None
    module = sys.modules.get(code.__module__ or "")
    return _Use(f"{code.__module__}.{code.__qualname__}", code) if _is_users(module) else None


def _is_users(module: object) -> bool:
    """Whether it is a module of the user's that has a file; the notebook is none."""
    if not isinstance(module, ModuleType) or not isinstance(vars(module).get("__file__"), str):
        return False
    return module.__name__ != "__main__" and of_module(module) is Origin.LOCAL


def _files(walk: Walk) -> Iterator[str]:
    """Give the files that hold what a walk has found; names of values begin with their modules."""
    for part in walk.parts.values():
        pieces = part.name.split(".")
        for end in range(1, len(pieces) + 1):
            name = ".".join(pieces[:end])
            file = file_of_module(name)
            if file is not None and _is_users(sys.modules.get(name)):
                yield file


def _is_touched(stamps: _Stamps, now: dict[str, object]) -> bool:
    """Whether one of the files is not as it was; ``now`` keeps what was looked up."""
    for file in stamps:
        if file not in now:
            now[file] = stamp(file, None)
    return any(now[file] != before for file, before in stamps.items())
