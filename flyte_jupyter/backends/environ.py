"""Environment variables that only one task's body sees.

While such a body runs, ``os.environ`` looks a name up in the body's own variables first; which body is
running is a context variable, so neighbours in other threads and coroutines see nothing of it, and neither
do the tasks that it calls: they have variables of their own. Child processes that a body starts get its
variables as well.
"""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from flyte_jupyter.guards import guard
from flyte_jupyter.loading import subprocess

_overlay: ContextVar[dict[str, str | None] | None] = ContextVar("flyte_jupyter_environ", default=None)
_lock = guard()
_users = 0
_plain_class: type[Any] = type(os.environ)
_plain_system = os.system


class _Scoped(_plain_class):  # type: ignore[misc] # os._Environ has no public name
    """``os.environ`` with the running body's variables on top."""

    def __getitem__(self, key: str) -> str:
        mine = _overlay.get()
        if mine is not None and key in mine:
            value = mine[key]
            if value is None:
                raise KeyError(key)
            return value
        return str(super().__getitem__(key))

    def __setitem__(self, key: str, value: str) -> None:
        mine = _overlay.get()
        if mine is None:
            super().__setitem__(key, value)
        else:
            self.encodekey(key)
            self.encodevalue(value)
            mine[key] = value

    def __delitem__(self, key: str) -> None:
        mine = _overlay.get()
        if mine is None:
            super().__delitem__(key)
            return
        self[key]
        mine[key] = None

    def __iter__(self) -> Iterator[str]:
        mine = _overlay.get() or {}
        for key in super().__iter__():
            if key not in mine:
                yield key
        yield from (key for key, value in mine.copy().items() if value is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        mine = _overlay.get()
        if mine is not None and key in mine:
            return mine[str(key)] is not None
        return bool(super().__contains__(key))


def _popen(self: Any, *args: Any, **kwargs: Any) -> None:
    if _overlay.get() is not None and len(args) <= _ENV_POSITION and kwargs.get("env") is None:
        kwargs["env"] = dict(os.environ)
    _plain_popen()(self, *args, **kwargs)


@cache
def _plain_popen() -> Any:
    """Give the initialiser of processes as it was before the first body with variables of its own."""
    return subprocess.Popen.__init__


_ENV_POSITION = 10  # of ``env`` among the positional parameters of Popen


def _system(command: Any) -> int:
    """Do what ``os.system`` does; itself it would take the process's own variables."""
    if _overlay.get() is None:
        return _plain_system(command)
    code = subprocess.call(command, shell=True)  # noqa: S604 - the caller's own command
    return code << 8 if code >= 0 else -code


def is_scoped() -> bool:
    """Whether the running body has variables of its own."""
    return _overlay.get() is not None


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[MutableMapping[str, str]]:
    """Let the code inside see these environment variables; what it sets is gone afterwards."""
    with _installed():
        token = _overlay.set(dict(values))
        try:
            yield os.environ
        finally:
            _overlay.reset(token)


@contextmanager
def outside() -> Iterator[None]:
    """Let the code inside see the process's variables only."""
    token = _overlay.set(None)
    try:
        yield
    finally:
        _overlay.reset(token)


@contextmanager
def _installed() -> Iterator[None]:
    global _users  # noqa: PLW0603 - one os.environ in the process
    with _lock:
        _users += 1
        if _users == 1:
            os.environ.__class__ = _Scoped
            _plain_popen()
            subprocess.Popen.__init__ = _popen  # type: ignore[method-assign]
            os.system = _system
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                os.environ.__class__ = _plain_class
                subprocess.Popen.__init__ = _plain_popen()  # type: ignore[method-assign]
                os.system = _plain_system
