"""Pickles between the kernel and a worker: the notebook's classes by name, code by value where it must be."""

import dataclasses
import functools
import io
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, ModuleType
from typing import Any
from weakref import WeakValueDictionary

from flyte_jupyter.loading import load
from flyte_jupyter.tasks.slicing.origins import Origin, of_module

_NOWHERE = "<dynamic-code>"
"""What pickling by value puts in place of the file of code."""

_SENTINELS = ("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY")
"""Objects of ``dataclasses`` that are told by identity, and that pickling by value would copy."""

_CACHED: Any = type(functools.cache(len))
"""What ``functools.cache`` and ``lru_cache`` make of a function."""


class NamesPickler(pickle.Pickler):
    """Pickles an object; classes of the home module go by name, whatever the module holds over there.

    Args:
        file: where the pickle goes.
        home: the name of the module that stands for the notebook.
        names: what it holds.
    """

    def __init__(self, file: io.BytesIO, home: str, names: Mapping[str, Any]) -> None:
        super().__init__(file, 5)
        self._home = home
        self._names = names

    def persistent_id(self, obj: Any) -> tuple[str, str] | None:
        """Name a class of the home module, or of one that is loaded over there only."""
        return home_id(obj, self._home, self._names)


def home_id(obj: Any, home: str, names: Mapping[str, Any]) -> tuple[str, str] | None:
    """Name a class that the home module holds, or one whose module is over there; None for anything else."""
    if not isinstance(obj, type):
        return None
    if obj.__module__ != home:
        if not _came_by_value(obj):
            return None
        side.copies[obj.__module__, obj.__qualname__] = obj
        return obj.__module__, obj.__qualname__
    try:
        return ("home", obj.__qualname__) if _found(obj.__qualname__, names) is obj else None
    except (KeyError, AttributeError):
        return None


class Side:
    """Which side of the wire this process is on."""

    is_away = False
    """Whether the user's modules are on the other side, and copies of what they hold came from there."""

    def __init__(self) -> None:
        self.copies: WeakValueDictionary[tuple[str, str], type] = WeakValueDictionary()

    def find(self, module: str, qualname: str) -> Any:
        """Find a class of a module: a copy, where it is on the other side."""
        copy = self.copies.get((module, qualname))
        return _found(qualname, vars(sys.modules[module])) if copy is None else copy


side = Side()


def _came_by_value(cls: type) -> bool:
    """Whether a class is a copy of one whose module is on the other side.

    There it must not be made anew: that would put the copy's methods into the class itself.
    """
    if not side.is_away or "<locals>" in cls.__qualname__:
        return False
    module = sys.modules.get(cls.__module__)
    if module is None or of_module(module) is not Origin.LOCAL:
        return module is None
    try:
        return _found(cls.__qualname__, vars(module)) is not cls
    except (KeyError, AttributeError):
        return True


def _found(qualname: str, names: Mapping[str, Any]) -> Any:
    first, *rest = qualname.split(".")
    found = names[first]
    for part in rest:
        found = getattr(found, part)
    return found


class NamesUnpickler(pickle.Unpickler):
    """Reads what ``NamesPickler`` wrote, with the classes of this side.

    Args:
        data: the pickle.
        names: what the home module holds here.
    """

    def __init__(self, data: bytes, names: Mapping[str, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._names = names

    def persistent_load(self, pid: Any) -> Any:
        """Find a class by its name: of the home module, or of another one."""
        home, qualname = pid
        try:
            return _found(qualname, self._names) if home == "home" else side.find(home, qualname)
        except (KeyError, AttributeError) as error:
            raise pickle.UnpicklingError(f"there is no {qualname} here") from error


def dumps_by_value(value: Any, replace: Callable[[Any], Any]) -> bytes:
    """Pickle code: what the user's own modules hold goes along by value.

    Args:
        value: a function, or whatever holds one.
        replace: gives ``(function, arguments)`` for an object that has to be rebuilt otherwise, else None.
    """
    cloudpickle = load("cloudpickle")

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc,name-defined] # loaded late
        def reducer_override(self, obj: Any) -> Any:
            found = _sentinel(obj) or replace(obj) or _cached(obj)
            if found is None and isinstance(obj, CodeType):
                found = _located(obj, self.dispatch_table[CodeType](obj))
            return super().reducer_override(obj) if found is None else found

    file = io.BytesIO()
    with user_modules(cloudpickle):
        Pickler(file, protocol=5).dump(value)
    return file.getvalue()


def _located(code: CodeType, reduced: Any) -> tuple[Any, ...]:
    """Keep the file of code, which errors name."""
    made, args = reduced
    return made, tuple(code.co_filename if arg == _NOWHERE else arg for arg in args)


def _cached(obj: Any) -> tuple[Any, ...] | None:
    """Take a cached function of the user's apart: its own pickle is its name, which only its module has."""
    if not isinstance(obj, _CACHED):
        return None
    module = sys.modules.get(obj.__module__)
    if obj.__module__ != "__main__" and (module is None or not _is_users(module)):
        return None
    asked = obj.cache_parameters()
    made = (obj.__wrapped__, asked["maxsize"], asked["typed"], type(obj.cache_info()))
    return _CACHED, made, vars(obj)


def _sentinel(obj: Any) -> tuple[Any, ...] | None:
    for name in _SENTINELS:
        if obj is getattr(dataclasses, name):
            return getattr, (dataclasses, name)
    return None


@contextmanager
def user_modules(cloudpickle: Any) -> Iterator[None]:
    """Let functions and classes of the user's importable modules go by value: files may change under them."""
    known = cloudpickle.list_registry_pickle_by_value()
    mine = [m for m in list(sys.modules.values()) if _is_users(m) and m.__name__ not in known]
    for module in mine:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in mine:
            cloudpickle.unregister_pickle_by_value(module)


def _is_users(module: object) -> bool:
    if not isinstance(module, ModuleType) or sys.modules.get(getattr(module, "__name__", "")) is not module:
        return False
    if module.__name__ == "__main__" or not getattr(module, "__file__", None):
        return False
    return of_module(module) is Origin.LOCAL
