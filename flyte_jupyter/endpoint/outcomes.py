"""How an attempt ended, read from what the official runtime left: its outputs, or its error."""

from pathlib import Path
from typing import Any

from flyteidl2.core import execution_pb2  # type: ignore[import-untyped]  # no stubs
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.values import Outcome, Phase
from flyte_jupyter.redaction import redact

_SIGNALS = 128
_USER, _SYSTEM = execution_pb2.ExecutionError.USER, execution_pb2.ExecutionError.SYSTEM


def outcome(folder: str, code: int, tail: str = "") -> Outcome:
    """Tell how an attempt ended.

    Args:
        folder: where it wrote its outputs.
        code: the exit status of its process; negative for a signal.
        tail: the end of what it printed.
    """
    where = Path(folder)
    if (where / "error.pb").is_file():
        return _failed(where / "error.pb")
    if code == 0 or (where / "outputs.pb").is_file():
        return Outcome(phase=Phase.SUCCEEDED)
    return _died(code, tail)


def error(code: str, message: str, *, system: bool = False) -> bytes:
    """Write an error as the protocol does."""
    kind = _SYSTEM if system else _USER
    written: Any = execution_pb2.ExecutionError(code=code, message=redact(message), kind=kind)
    data: bytes = written.SerializeToString()
    return data


def timed_out(code: str, message: str) -> Outcome:
    """Tell that a bound of the task's timeout was reached."""
    return Outcome(phase=Phase.TIMED_OUT, error=error(code, message), again=code == "MAX_RUNTIME_EXCEEDED")


def _failed(path: Path) -> Outcome:
    try:
        found = execution_pb2.ErrorDocument.FromString(path.read_bytes()).error
    except (DecodeError, OSError) as damaged:
        return Outcome(phase=Phase.FAILED, error=error("DamagedError", f"{path}: {damaged}", system=True))
    message = execution_pb2.ExecutionError(
        code=found.code, message=redact(found.message), kind=found.origin, recoverability=found.kind
    )
    again = found.kind == execution_pb2.ContainerError.RECOVERABLE
    return Outcome(phase=Phase.FAILED, error=message.SerializeToString(), again=again)


def _died(code: int, tail: str) -> Outcome:
    """A process that left neither outputs nor an error."""
    number = -code if code < 0 else code - _SIGNALS
    how = f"was killed by signal {number}" if number > 0 else f"ended with exit status {code}"
    lines = tail.strip().splitlines()
    last = f"; its last line: {lines[-1][:500]}" if lines else ""
    name = "OOMError" if number == 9 else "WorkerDied"  # noqa: PLR2004 - SIGKILL, nearly always for memory
    text = f"the worker process {how}{last}"
    return Outcome(phase=Phase.FAILED, error=error(name, text), again=True)
