"""Exceptions that travel: as the user's own class, with the user's frames and what they follow from."""

import ast
import asyncio
import io
import itertools
import linecache
import pickle
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

from flyte_jupyter.backends.pickling import NamesPickler, NamesUnpickler
from flyte_jupyter.errors import RuntimeUserError

_PACKAGE = f"{Path(__file__).parents[1]}/"
_MACHINERY = (f"{Path(asyncio.__file__).parent}/", threading.__file__)
_DEEPEST = 8
_MOST_FRAMES = 60

Columns = tuple[int, int, int]
"""How many more lines, and the first and last column in bytes, of what was being evaluated."""

Place = tuple[str, int, str, int, Columns | None]
"""File, line, function's qualified name, its first line, and columns of a frame."""

Told = Mapping[str, Any]
"""An exception as plain data."""


def told(error: BaseException, home: str, names: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Write an exception as plain data.

    Args:
        error: the exception.
        home: the name of the module that stands for the notebook.
        names: what it holds.
        depth: how many exceptions led here.
    """
    kind = type(error)
    out: dict[str, Any] = {
        "code": kind.__name__,
        "message": _message(error),
        "object": _object(error, home, names),
        "frames": _frames(error.__traceback__),
        "hidden": error.__suppress_context__,
        "notes": [str(note) for note in getattr(error, "__notes__", ())],
    }
    for name, other in (("cause", error.__cause__), ("context", error.__context__)):
        if other is not None and depth < _DEEPEST and not (name == "context" and other is error.__cause__):
            out[name] = told(other, home, names, depth + 1)
    return out


def retold(data: Told, names: Mapping[str, Any], place: str) -> BaseException:
    """Make the exception again, of this side's classes; a ``RuntimeUserError`` where its class is unknown."""
    error = _remade(data, names)
    if error is None:
        error = RuntimeUserError(data["code"], data["message"], place)
    for note in data["notes"]:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    if "cause" in data:
        error.__cause__ = retold(data["cause"], names, place)
    if "context" in data:
        error.__context__ = retold(data["context"], names, place)
    elif error.__cause__ is not None:
        error.__context__ = error.__cause__
    error.__suppress_context__ = data["hidden"]
    return error.with_traceback(traceback_of(data["frames"]))


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as nested:  # noqa: BLE001 - the user's __str__ may do anything
        return f"<{type(error).__name__} whose text cannot be had: {type(nested).__name__}>"


def _object(error: BaseException, home: str, names: Mapping[str, Any]) -> tuple[str, bytes] | None:
    """Pickle an exception in the way that gives it back; None if there is none."""
    cause, context, trace = error.__cause__, error.__context__, error.__traceback__
    for how, content in (("whole", error), ("parts", (type(error), error.args, _state(error)))):
        file = io.BytesIO()
        try:
            NamesPickler(file, home, names).dump(content)
            data = file.getvalue()
            again = _unpickled(how, data, names)
            if type(again) is type(error) and _message(again) == _message(error):
                return how, data
        except Exception:  # noqa: BLE001, S112 - the user's class may do anything when it is pickled
            continue
        finally:
            error.__cause__, error.__context__, error.__traceback__ = cause, context, trace
    return None


def _state(error: BaseException) -> dict[str, Any]:
    return {key: value for key, value in vars(error).items() if key != "__notes__"}


def _remade(data: Told, names: Mapping[str, Any]) -> BaseException | None:
    if data["object"] is None:
        return None
    try:
        how, pickled = data["object"]
        return _unpickled(how, pickled, names)
    except Exception:  # noqa: BLE001 - the user's class may do anything when it is made
        return None


def _unpickled(how: str, data: bytes, names: Mapping[str, Any]) -> BaseException:
    found = NamesUnpickler(data, names).load()
    if how == "parts":
        kind, args, state = found
        found = kind.__new__(kind, *args)
        found.args = args
        found.__dict__.update(state)
    if not isinstance(found, BaseException):
        raise pickle.UnpicklingError("no exception")
    return found


def _frames(trace: TracebackType | None) -> list[Place]:
    """Give the places of the user's frames, outermost first."""
    found: list[Place] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith((_PACKAGE, *_MACHINERY)):
            place = (trace.tb_lineno, code.co_qualname, code.co_firstlineno, _columns(trace))
            found.append((code.co_filename, *place))
        trace = trace.tb_next
    half = _MOST_FRAMES // 2
    return found if len(found) <= _MOST_FRAMES else found[:half] + found[-half:]


def _columns(trace: TracebackType) -> Columns | None:
    """Tell what of its line a frame had come to; None where the code does not say."""
    steps = itertools.islice(trace.tb_frame.f_code.co_positions(), trace.tb_lasti // 2, None)
    line, end, first, last = next(steps, (None, None, None, None))
    if line != trace.tb_lineno or end is None or first is None or last is None:
        return None
    return end - line, first, last


def traceback_of(frames: Iterable[Sequence[Any]]) -> TracebackType | None:
    """Make a traceback that shows frames of another process: each a place, or its first three items."""
    trace: TracebackType | None = None
    for filename, line, name, *more in reversed(list(frames)):
        first, columns = more or (1, None)
        found = _frame(filename, line, name, first, columns or _whole(filename, line))
        if found is not None:
            trace = TracebackType(trace, found.tb_frame, found.tb_lasti, line)
    return trace


def _whole(filename: str, line: int) -> Columns:
    text = linecache.getline(filename, line).encode()
    return 0, len(text) - len(text.lstrip()), len(text.rstrip())


def _frame(filename: str, line: int, name: str, first: int, columns: Columns) -> TracebackType | None:
    marker, code = _MarkerError(), _raising(filename, max(line, first) - first, columns)
    try:
        exec(_named(code, name, first), {"error": marker, "__name__": name})  # noqa: S102 - our code
    except _MarkerError as caught:
        return caught.__traceback__.tb_next if caught.__traceback__ else None
    return None


def _raising(filename: str, below: int, columns: Columns) -> CodeType:
    """Write code that raises an exception so many lines below its first."""
    end, first, last = columns
    at = {
        "lineno": 1 + below,
        "end_lineno": 1 + below + end,
        "col_offset": first,
        "end_col_offset": max(last, first),
    }
    step = ast.Raise(exc=ast.Name(id="error", ctx=ast.Load(), **at), cause=None, **at)
    code: CodeType = compile(ast.Module(body=[step], type_ignores=[]), filename, "exec")
    return code


def _named(code: CodeType, name: str, first: int) -> CodeType:
    """Let code pass for that of a function whose first line is elsewhere: there its source is looked for."""
    short = name.rpartition(".")[2]
    return code.replace(co_name=short, co_qualname=name, co_firstlineno=max(first, 1))


class _MarkerError(Exception):
    """Raised to get a frame."""
