"""Exceptions of tasks: only the user's frames, and a text that is safe to keep."""

import contextlib
import re
import threading
import traceback
from pathlib import Path
from types import TracebackType

from flyte_jupyter import redaction
from flyte_jupyter.errors import BaseRuntimeError, TaskTimeoutError
from flyte_jupyter.loading import load
from flyte_jupyter.runs.events import Failure

_PACKAGE = str(Path(__file__).parents[1]) + "/"
_MACHINERY = (
    str(Path(threading.__file__).parent / "asyncio") + "/",
    str(Path(threading.__file__).parent / "concurrent") + "/",
    contextlib.__file__,
    threading.__file__,
)
_PLACE = re.compile(r'^(\s*)File "([^"\n]+)", line (\d+)', re.MULTILINE)
_LONGEST = 20_000
"""Characters of a message or traceback that are kept."""


def trim(error: BaseException) -> BaseException:
    """Take the engine's frames out of an exception's traceback, and out of those that it follows from."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.__traceback__ = _users(one.__traceback__)
        todo += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions
    return error


def failure_of(error: BaseException) -> Failure:
    """Describe an exception as text, secrets redacted."""
    kind = "user"
    if isinstance(error, TaskTimeoutError):
        kind = "timeout"
    elif isinstance(error, BaseRuntimeError):
        kind = error.kind
    code = error.code if isinstance(error, BaseRuntimeError) else type(error).__name__
    return Failure(code=code, message=_kept(_message(error)), traceback=_kept(_text(error)), kind=kind)


def _users(found: TracebackType | None) -> TracebackType | None:
    frames = []
    while found is not None:
        if not _is_ours(found.tb_frame.f_code.co_filename):
            frames.append(found)
        found = found.tb_next
    out: TracebackType | None = None
    for frame in reversed(frames):
        out = TracebackType(out, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return out


def _is_ours(file: str) -> bool:
    return file.startswith(_PACKAGE) or file.startswith(_MACHINERY)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as nested:  # noqa: BLE001 - the user's __str__ may do anything
        return f"<{type(error).__name__} whose text cannot be had: {type(nested).__name__}>"


def _text(error: BaseException) -> str:
    try:
        found = "".join(traceback.format_exception(trim(error)))
    except Exception:  # noqa: BLE001 - the user's __repr__ or __str__ may do anything
        found = "".join(traceback.format_tb(_users(error.__traceback__)))
    return _PLACE.sub(_named, found)


def _named(place: re.Match[str]) -> str:
    """Name a notebook's cell as people know it: the file that stands for it is gone with its kernel."""
    indent, file, line = place.groups()
    known: str = load("flyte_jupyter.tasks.slicing.texts:where")(file, int(line))
    return f"{indent}{known}" if known.startswith("Cell ") else place.group()


def _kept(text: str) -> str:
    safe = redaction.redact(text).encode("utf-8", "replace").decode()
    if len(safe) <= _LONGEST:
        return safe
    half = _LONGEST // 2
    return f"{safe[:half]}\n... {len(safe) - _LONGEST:,} characters left out ...\n{safe[-half:]}"
