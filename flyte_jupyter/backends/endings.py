"""What is said of an attempt in a worker when it has ended: what it used, and how its worker ended."""

import signal
import time

from flyte_jupyter.backends.limits import Enforced
from flyte_jupyter.backends.processes import Process
from flyte_jupyter.backends.usage import Usage
from flyte_jupyter.errors import OOMError, RuntimeSystemError
from flyte_jupyter.runs.events import AttemptUsed
from flyte_jupyter.tasks.quantity import cpu_text, size_text
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec


def used(spec: ActionSpec, used: Usage, limit: Enforced) -> AttemptUsed:
    """Say what an attempt used, and by which means its limits were in force."""
    memory, cpu = limit.limits.memory, limit.limits.cpu
    said = {}
    if memory is not None:
        said["memory"] = f"{size_text(memory)}, {limit.memory_by or 'not enforced'}"
    if cpu is not None:
        said["cpu"] = f"{cpu_text(cpu)}, {limit.cpu_by or 'not enforced'}"
    said |= limit.notes
    return AttemptUsed(
        run=spec.run.name, action=spec.id.name, time=time.time(), attempt=spec.attempt,
        cpu=round(used.cpu, 6), peak=used.peak, limits=said, read=used.read, written=used.written,
        gpu=round(used.gpu, 3), gpu_memory=used.gpu_memory,
    )  # fmt: skip


def reason(task: TaskSpec, process: Process) -> Exception:
    """Say how a worker ended."""
    if process.was_out_of_memory:
        return out_of_memory(task, process)
    burial = process.bury()
    used = f"; it had used {burial.cpu:.1f} s of CPU time and at most {_amount(burial.peak)} of memory"
    status = burial.status
    if status is None:
        return RuntimeSystemError("WorkerLost", f"the worker of {task.name} is gone, {burial.note}", "worker")
    if status < 0:
        name = signal.Signals(-status).name
        why = f"{_EXPLAINED.get(name, '')}{used}"
        return RuntimeSystemError(
            name, f"the worker of {task.name} was ended by the signal {name}{why}", "worker"
        )
    text = f"the worker of {task.name} exited with status {status} while the task ran{used}"
    return RuntimeSystemError("WorkerExited", text, "worker")


_EXPLAINED = {
    "SIGKILL": " (somebody killed it, or the machine ran out of memory)",
    "SIGSEGV": " (a segmentation fault in compiled code)",
    "SIGABRT": " (compiled code gave up)",
    "SIGBUS": " (a file or shared memory that was mapped became shorter, or the disk is full)",
}


def out_of_memory(task: TaskSpec, process: Process) -> OOMError:
    """Say that an attempt used more memory than it may, how much, and who saw it."""
    limit = process.limit.limits.memory or 0
    peak = process.bury().peak if not process.alive else process.limit.peak()
    most = f", its peak was {_amount(peak)}" if peak else ""
    by = process.limit.memory_by
    return OOMError(
        f"{task.name} used more memory than its limit of {size_text(limit)}{most} (enforced by {by})",
        "worker",
    )


def _amount(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
