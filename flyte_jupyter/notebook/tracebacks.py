"""Errors that end a cell: of the user's class, with the user's frames only, down to the cell's line."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from flyte_jupyter.errors import Error
from flyte_jupyter.runs.failures import trim

_HERE = Path(__file__).parent
_PACKAGE = _HERE.parent
_OURS = f"{_PACKAGE}/"
_MAGICS = frozenset(str(_HERE / f"{name}.py") for name in ("body", "cell_magic", "line_magic", "magics"))
_CAUGHT = (Exception, KeyboardInterrupt, asyncio.CancelledError)


def watch(shell: Any) -> Callable[[], None]:
    """Present the errors of a shell's cells; gives the undo.

    The shell has one place for this. Where the user took it, it stays the user's.
    """
    if shell.custom_exceptions:
        return lambda: None
    shell.set_custom_exc(_CAUGHT, _present)
    installed = shell.CustomTB

    def undo() -> None:
        if shell.CustomTB is installed:
            shell.set_custom_exc((), None)

    return undo


def involves_us(error: BaseException) -> bool:
    """Whether a frame of this package is in the traceback of an error or of one that it follows from."""
    return any(_is_ours(found) for one in _following(error) for found in _frames(one))


def shorten(error: BaseException) -> None:
    """Take out of an error's traceback all frames but the shell's outermost one and the user's.

    What stands for the line of a magic goes too: the user wrote no such call. So do causes of ours that the
    error's own text tells already.
    """
    first, *frames = _frames(error)
    top = max((at for at, found in enumerate(frames) if _file(found) in _MAGICS), default=-1)
    error.__traceback__ = _linked([found for found in frames[top + 1 :] if not _is_ours(found)])
    trim(error)
    for one in list(_following(error)):
        if isinstance(one.__cause__, Error) and one.__cause__.__traceback__ is None:
            one.__cause__, one.__suppress_context__ = None, True
    error.__traceback__ = _linked([first, *_frames(error)])


def _present(
    shell: Any, _kind: type, error: BaseException, _trace: Any, tb_offset: int | None = None
) -> None:
    if isinstance(error, SyntaxError) and not _ran(error):
        shell.showsyntaxerror()
        return
    if error.__traceback__ is not None and involves_us(error):
        shorten(error)
    where = (type(error), error, error.__traceback__)
    shell.showtraceback(where, tb_offset=tb_offset, running_compiled_code=True)


def _ran(error: SyntaxError) -> bool:
    """Whether code that ran raised it; else it is the cell itself that is no Python."""
    names = [found.tb_frame.f_code.co_name for found in _frames(error)]
    return "run_code" in names and not involves_us(error)


def _following(error: BaseException) -> Iterator[BaseException]:
    """Walk over an error and those that it follows from."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__]


def _is_ours(found: TracebackType) -> bool:
    """Whether a frame is this package's, be it of code that was generated."""
    module = str(found.tb_frame.f_globals.get("__name__", ""))
    return _file(found).startswith(_OURS) or module.partition(".")[0] == _PACKAGE.name


def _frames(error: BaseException) -> list[TracebackType]:
    frames, found = [], error.__traceback__
    while found is not None:
        frames.append(found)
        found = found.tb_next
    return frames


def _linked(frames: list[TracebackType]) -> TracebackType | None:
    out: TracebackType | None = None
    for found in reversed(frames):
        out = TracebackType(out, found.tb_frame, found.tb_lasti, found.tb_lineno)
    return out


def _file(found: TracebackType) -> str:
    return found.tb_frame.f_code.co_filename
