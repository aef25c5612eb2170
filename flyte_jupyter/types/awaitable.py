"""A file whose results can be awaited, and just as well used at once."""

from collections.abc import AsyncIterator, Generator
from typing import Any, Self


class _Ready:
    """Something that is there already; ``await`` gives it."""

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return self


class _Bytes(_Ready, bytes):
    pass


class _Text(_Ready, str):
    __slots__ = ()


class _Number(_Ready, int):
    pass


_READY: dict[type, type] = {bytes: _Bytes, str: _Text, int: _Number}


class Awaitable:
    """Forwards to a file; ``await file.read()`` and ``file.read()`` give the same."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._file, name)
        return _call(found) if callable(found) else found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self._file.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    async def __aiter__(self) -> AsyncIterator[Any]:
        for line in self._file:
            yield line


class _Nothing(_Ready):
    def __await__(self) -> Generator[None, None, None]:
        yield from ()


def _call(function: Any) -> Any:
    def called(*arguments: Any, **options: Any) -> Any:
        result = function(*arguments, **options)
        ready = _READY.get(type(result))
        return _Nothing() if result is None else ready(result) if ready else result

    return called
