"""Errors of an endpoint as exceptions of this process, with the user's frames."""

import os
import re
import tempfile
from collections.abc import Mapping
from typing import Any

from flyte_jupyter import errors
from flyte_jupyter.backends.flyte_shared import pod
from flyte_jupyter.backends.raising import traceback_of
from flyte_jupyter.errors import BaseRuntimeError, RuntimeSystemError, RuntimeUnknownError, RuntimeUserError

_CODES: Mapping[str, type[Exception]] = {
    "QUEUED_TIMEOUT_EXCEEDED": errors.MaxQueuedTimeExceededError,
    "MaxQueuedTimeExceededError": errors.MaxQueuedTimeExceededError,
    "MAX_RUNTIME_EXCEEDED": errors.MaxRuntimeExceededError,
    "MaxRuntimeExceededError": errors.MaxRuntimeExceededError,
    "DEADLINE_EXCEEDED": errors.DeadlineExceededError,
    "DeadlineExceededError": errors.DeadlineExceededError,
    "InlineIOMaxBytesBreached": errors.InlineIOMaxBytesBreached,
    "DataValidationError": errors.RuntimeDataValidationError,
    "RuntimeDataValidationError": errors.RuntimeDataValidationError,
}
_UNFIT = re.compile(r"(?s)In task (\S*) variable (\S*), failed to serialize/deserialize because of (.*)")
_WRONG = re.compile(
    r"(?s)Expected value of type (?:<class ')?([^'>]*)(?:'>)? but got (.*) of type <class '([^']*)'>"
)
_KINDS: Mapping[int, type[BaseRuntimeError]] = {1: RuntimeUserError, 2: RuntimeSystemError}


def exception(info: Any, phase: str, names: Mapping[str, Any], place: str) -> BaseException:
    """Make the exception that an error of the endpoint stands for.

    Args:
        info: the ``ErrorInfo`` message; None if the endpoint gave none.
        phase: how the action ended.
        names: what the module of the task's function holds.
        place: where it happened, for people.
    """
    if info is None:
        return RuntimeUnknownError("Unknown", f"it ended {phase} and the endpoint did not say why", place)
    data = pod().payload(info.message)
    if data is not None:
        return _retold(data, names, place)
    return _official(info, phase, place)


def _official(info: Any, phase: str, place: str) -> BaseException:
    code = getattr(info, "code", "")  # older messages have none
    known = _CODES.get(code)
    if known is None and phase == "TIMED_OUT":
        known = errors.TaskTimeoutError
    if known is None and "OOM" in code.upper():
        known = errors.OOMError
    if known is not None:
        return known(_plain(info.message))
    return _KINDS.get(info.kind, RuntimeUnknownError)(code or "Unknown", info.message, place)


def _plain(message: str) -> str:
    """Say in our words that a part of a result does not fit, which is found out only as it is written."""
    found = _UNFIT.fullmatch(message)
    if found is None:
        return message
    task, output, why = found.groups()
    why = _WRONG.sub(r"expected \1, got \2 (\3)", why)
    return f"{task}: output {output!r}: {why}"


def _retold(data: dict[str, Any], names: Mapping[str, Any], place: str) -> BaseException:
    error = pod().remade(_ours(data), names)
    if error is None:
        error = RuntimeUserError(data["code"], data["message"], place)
        for note in data["notes"]:
            error.add_note(note)
    for name in ("cause", "context"):
        if name in data:
            setattr(error, f"__{name}__", _retold(data[name], names, place))
    error.__suppress_context__ = data["hidden"]
    frames = [(here(file), line, function) for file, line, function in data["frames"]]
    return error.with_traceback(traceback_of(frames))  # type: ignore[no-any-return]


def _ours(data: dict[str, Any]) -> dict[str, Any]:
    """Let an official error be one of ours."""
    module, name = data["class"]
    if module != "flyte.errors" or not hasattr(errors, name):
        return data
    return {**data, "class": (errors.__name__, name)}


def here(file: str) -> str:
    """Give the file that a cell's code has in this kernel."""
    kernel, slash, name = file.partition("/")
    if kernel != "ipykernel" or not slash:
        return file
    return os.path.join(tempfile.gettempdir(), f"ipykernel_{os.getpid()}", name)  # noqa: PTH118 - as the kernel writes it
