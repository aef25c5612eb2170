"""The first process in a container: reports to the kernel, forks the worker there, and ends when either ends.

The kernel's connection is the container's lifeline: when the kernel is gone, however that came about, this
process ends, and with it everything in the container. It needs nothing but Python's standard library.
"""

import array
import importlib.util
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyte_jupyter.backends.usage import counted
from flyte_jupyter.loading import load

NEEDED = ("msgpack", "xxhash", "cloudpickle")
"""The libraries that a worker cannot do without."""

_CGROUP = Path("/sys/fs/cgroup")
_OWN = 3


def main(sock: socket.socket) -> None:
    """Serve until the worker or the kernel is gone; then the container ends."""
    _Keeper(sock).run()


class _Keeper:
    """Looks after one worker.

    Args:
        sock: the connection to the kernel.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""
        self._worker = 0
        self._secrets: set[Path] = set()

    def run(self) -> None:
        self._tell(about())
        files = self._files()
        self._worker = os.fork()
        if self._worker == 0:
            _become_worker(self._sock, files)
        for file in files:
            os.close(file)
        self._watch()

    def _watch(self) -> None:
        """Wait for orders, and for the end of processes: the orphans of a container are this one's."""
        woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self._sock, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        going = self._reap()
        while going:
            ready = [key.fileobj for key, _ in selector.select()]
            if woken in ready:
                os.read(woken, 4096)
                going = self._reap()
            if going and self._sock in ready:
                going = self._listen()

    def _reap(self) -> bool:
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._worker:
                self._tell(
                    {
                        "status": os.waitstatus_to_exitcode(status),
                        "peak": max(used.ru_maxrss * 1024, peak()),
                        "used": counted(used),
                        "out_of_memory": out_of_memory(),
                    }
                )
                return False

    def _listen(self) -> bool:
        try:
            data = self._sock.recv(1 << 16)
        except OSError:
            return False
        if not data:
            return False
        self._held += data
        while b"\n" in self._held:
            line, _, self._held = self._held.partition(b"\n")
            self._put(json.loads(line))
        return True

    def _put(self, secrets: Mapping[str, str]) -> None:
        """Let there be these secret files and no others."""
        wanted = {Path(path): value for path, value in secrets.items()}
        try:
            for path in self._secrets - wanted.keys():
                path.unlink(missing_ok=True)
            for path, value in wanted.items():
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.unlink(missing_ok=True)
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                    out.write(value)
            self._secrets = set(wanted)
            self._tell({"put": len(wanted)})
        except OSError as error:
            self._tell({"error": str(error)})

    def _tell(self, content: Mapping[str, Any]) -> None:
        with suppress(OSError):
            self._sock.sendall(json.dumps(content).encode() + b"\n")

    def _files(self) -> list[int]:
        """Take the descriptors of the worker's connection and of its two outputs."""
        found = array.array("i")
        _, ancillary, _, _ = self._sock.recvmsg(1, socket.CMSG_SPACE(_OWN * found.itemsize))
        for _, _, given in ancillary:
            found.frombytes(given[: len(given) - len(given) % found.itemsize])
        if len(found) != _OWN:
            sys.exit(0)  # the kernel has no use for this container
        return list(found)


def about() -> dict[str, Any]:
    """Tell what the kernel wants to know before it sends anything."""
    return {
        "folder": str(Path.cwd()),
        "path": sys.path,
        "environ": dict(os.environ),
        "missing": [name for name in NEEDED if importlib.util.find_spec(name) is None],
    }


def peak() -> int:
    """Tell the most memory that the container held, in bytes; 0 if that is not known."""
    for name in ("memory.peak", "memory/memory.max_usage_in_bytes"):
        with suppress(OSError, ValueError):
            return int((_CGROUP / name).read_text())
    return 0


def out_of_memory() -> bool:
    """Whether a process of the container was killed for its memory."""
    for name in ("memory.events", "memory/memory.oom_control"):
        with suppress(OSError):
            lines = (_CGROUP / name).read_text().splitlines()
            return any(line.startswith("oom_kill ") and not line.endswith(" 0") for line in lines)
    return False


def _become_worker(sock: socket.socket, files: list[int]) -> None:
    """Turn this forked child into a worker; does not return."""
    try:
        sock.close()
        wire, out, err = files
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        load("flyte_jupyter.backends.worker:main")(socket.socket(fileno=wire))
    except BaseException:  # noqa: BLE001 - a defect of ours: it is shown where output is shown
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(70)
