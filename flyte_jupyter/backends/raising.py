"""Exceptions that travel: as the user's own class, with the user's frames and what they follow from."""

import asyncio
import io
import pickle
import threading
from collections.abc import Mapping
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any

from flyte_jupyter.backends.pickling import NamesPickler, NamesUnpickler
from flyte_jupyter.errors import RuntimeUserError

_PACKAGE = f"{Path(__file__).parents[1]}/"
_MACHINERY = (f"{Path(asyncio.__file__).parent}/", threading.__file__)
_DEEPEST = 8
_MOST_FRAMES = 60

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


def _frames(trace: TracebackType | None) -> list[tuple[str, int, str]]:
    """Give file, line and function of the user's frames, outermost first."""
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith((_PACKAGE, *_MACHINERY)):
            found.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    half = _MOST_FRAMES // 2
    return found if len(found) <= _MOST_FRAMES else found[:half] + found[-half:]


def traceback_of(frames: Any) -> TracebackType | None:
    """Make a traceback that shows frames of another process."""
    trace: TracebackType | None = None
    for filename, line, name in reversed(frames):
        found = _frame(filename, line, name)
        if found is not None:
            trace = TracebackType(trace, found.tb_frame, found.tb_lasti, line)
    return trace


def _frame(filename: str, line: int, name: str) -> TracebackType | None:
    code: CodeType = compile("\n" * (max(line, 1) - 1) + "raise error", filename, "exec")
    marker = _MarkerError()
    try:
        exec(code.replace(co_name=name, co_qualname=name), {"error": marker, "__name__": name})  # noqa: S102 - our text
    except _MarkerError as caught:
        return caught.__traceback__.tb_next if caught.__traceback__ else None
    return None


class _MarkerError(Exception):
    """Raised to get a frame."""
