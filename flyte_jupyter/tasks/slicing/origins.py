"""Whose code it is: the user's own, an installed package's, Python's, or ours."""

import builtins
import functools
import os
import sys
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any


class Origin(Enum):
    """Whose code it is."""

    LOCAL = "the user's own, in cells or importable files"
    PACKAGE = "an installed package"
    PYTHON = "the standard library"
    OURS = "this package, which must not count for the results of tasks"


OUR_NAME = __name__.partition(".")[0]
_OURS = f"{Path(__file__).absolute().parents[2]}{os.sep}"
_STDLIB = tuple({f"{path.parent}{os.sep}" for path in (Path(os.__file__), Path(os.__file__).resolve())})
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_HEAP_TYPE = 1 << 9


@functools.lru_cache(8192)
def of_path(path: str) -> Origin:
    """Tell whose file it is."""
    if path.startswith("<frozen "):
        return Origin.PYTHON
    full = str(Path(path).absolute())
    if any(part in full for part in _INSTALLED):
        return Origin.OURS if full.startswith(_OURS) else Origin.PACKAGE
    if full.startswith(_OURS):
        return Origin.OURS
    return Origin.PYTHON if full.startswith(_STDLIB) else Origin.LOCAL


def of_module(module: ModuleType) -> Origin:
    """Tell whose module it is."""
    facts = vars(module)
    name, file = facts.get("__name__"), facts.get("__file__")
    if isinstance(file, str):
        return of_path(file)
    if name == "__main__" or not isinstance(name, str):
        return Origin.LOCAL
    if name.partition(".")[0] in sys.stdlib_module_names:
        return Origin.PYTHON
    paths = list(facts.get("__path__") or ())  # a namespace package has folders only
    return of_path(f"{paths[0]}{os.sep}x") if paths else Origin.LOCAL


def of_name(module: object) -> Origin:
    """Tell whose a module of this name is, without importing it."""
    if not isinstance(module, str) or module == "__main__":  # that may be a profiler
        return Origin.LOCAL
    loaded = sys.modules.get(module) or sys.modules.get(module.partition(".")[0])
    if isinstance(loaded, ModuleType):
        return of_module(loaded)
    return Origin.PYTHON if module.partition(".")[0] in sys.stdlib_module_names else Origin.LOCAL


def of_code(code: CodeType, scope: dict[str, Any]) -> Origin:
    """Tell whose code it is: by its file, or, where it was generated, by the module that it runs in."""
    if not code.co_filename.startswith("<") or code.co_filename.startswith("<frozen "):
        return of_path(code.co_filename)
    return of_name(scope.get("__name__"))


def of_function(func: FunctionType) -> Origin:
    """Tell whose function it is."""
    return of_code(func.__code__, func.__globals__)


def of_class(cls: type) -> Origin:
    """Tell whose class it is."""
    if cls.__module__ == "builtins":
        # A class made by exec() in a namespace without a name says that it is a built-in one.
        own = cls.__flags__ & _HEAP_TYPE and getattr(builtins, cls.__name__, None) is not cls
        return Origin.LOCAL if own else Origin.PYTHON
    return of_name(cls.__module__)
