"""A process that has libraries loaded and forks ready workers.

It is a small interpreter with one thread. It loads what the kernel has loaded of the heavy libraries, so a
forked worker starts in milliseconds and shares their memory. It buries what its workers leave behind, and it
ends, with all of them, as soon as the kernel is gone, however that came about. What it forks to go on without
the kernel it lets go.
"""

import gc
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyte_jupyter.backends.usage import counted
from flyte_jupyter.backends.wire import Frame, Wire, close_files
from flyte_jupyter.loading import load

TOKEN = "FLYTE_JUPYTER_WORKER"  # noqa: S105 - the name of a variable that marks a worker's child processes


def kill_group(pid: int) -> None:
    """Kill a worker and the processes of its group at once."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def serve(descriptor: int, kernel: int) -> None:
    """Fork workers until the kernel is gone."""
    _Server(Wire(socket.socket(fileno=descriptor)), kernel).run()


class _Server:
    def __init__(self, wire: Wire, kernel: int) -> None:
        self._wire = wire
        self._workers: dict[int, str] = {}
        self._buried: dict[int, tuple[int, int, float, int, int]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(wire, selectors.EVENT_READ, self._orders)
        self._woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._woken, selectors.EVENT_READ, self._children)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._wake = wake
        self._going = True
        _adopt_orphans()
        # A forked child of the kernel may hold the socket open when the kernel itself is gone.
        with suppress(AttributeError, OSError):
            self._selector.register(os.pidfd_open(kernel), selectors.EVENT_READ, self._stop)

    def run(self) -> None:
        """Serve until the kernel is gone, then end every worker."""
        while self._going:
            for key, _ in self._selector.select():
                key.data()
        for pid in list(self._workers):
            self._bury(pid)

    def _stop(self) -> None:
        self._going = False

    def _orders(self) -> None:
        received = self._wire.receive(wait=False)
        if received is None:
            self._going = False
            return
        for one in received:
            if one.frame[0] == "fork":
                self._fork(one.frame[1], one.frame[2], one.files)
            elif one.frame[0] == "release":
                self._release(one.frame[1], one.frame[2], one.files)
            else:
                self._answer(self._bury(one.frame[1]))

    def _answer(self, frame: Frame) -> None:
        with suppress(OSError):  # the kernel is gone, which is noticed in a moment
            self._wire.send(frame)

    def _release(self, target: str, missing: tuple[str, ...], files: list[int]) -> None:
        """Fork a process that goes on when the kernel is gone."""
        _preload((*missing, target.partition(":")[0]))
        pid = os.fork()
        if pid == 0:
            self._go_on_alone(target, files)
        close_files(files)
        self._answer((pid,))

    def _go_on_alone(self, target: str, files: list[int]) -> None:
        """Turn this forked child into a process of its own session; does not return."""
        try:
            os.setsid()
            self._let_go()
            with open(os.devnull, "r+b", buffering=0) as nowhere:  # noqa: PTH123 - a device
                for descriptor in (0, 1, 2):  # whoever reads what the kernel writes does not wait for us
                    os.dup2(nowhere.fileno(), descriptor)
            gc.enable()
            load(target)(socket.socket(fileno=files[0]))
        finally:
            os._exit(70)

    def _fork(self, token: str, missing: tuple[str, ...], files: list[int]) -> None:
        _preload(missing)
        pid = os.fork()
        if pid == 0:
            self._become_worker(token, files)
        close_files(files)
        with suppress(OSError):
            os.setpgid(
                pid, pid
            )  # here as well as there: whoever comes first, it is its own group from now on
        self._workers[pid] = token
        self._answer((pid,))

    def _become_worker(self, token: str, files: list[int]) -> None:
        """Turn this forked child into a worker; does not return."""
        try:
            os.setpgid(0, 0)
            _die_with_parent()
            self._let_go()
            os.environ[TOKEN] = token
            sock, out, err = files
            os.dup2(out, 1)
            os.dup2(err, 2)
            close_files([out, err])
            load("flyte_jupyter.backends.worker:main")(socket.socket(fileno=sock))
        except BaseException:  # noqa: BLE001 - a defect of ours: it is shown where output is shown
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(70)

    def _let_go(self) -> None:
        """Close, in a forked child, what is the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        close_files([self._woken, self._wake])
        self._wire.close()

    def _children(self) -> None:
        with suppress(BlockingIOError):
            while os.read(self._woken, 4096):
                pass
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._note(pid, status, used)

    def _bury(self, pid: int) -> tuple[int, int, float, int, int]:
        token = self._workers.pop(pid, None)
        kill_group(pid)
        if token is not None and pid not in self._buried:
            with suppress(ChildProcessError):
                self._note(pid, *os.wait4(pid, 0)[1:], known=True)
        if token is not None:
            _kill_orphans(token, self._workers)
        return self._buried.pop(pid, (0, 0, 0.0, 0, 0))

    def _note(self, pid: int, status: int, used: Any, *, known: bool = False) -> None:
        if known or pid in self._workers:
            exit_code = os.waitstatus_to_exitcode(status)
            self._buried[pid] = (exit_code, used.ru_maxrss * 1024, *counted(used))


def _preload(names: Iterable[str]) -> None:
    for name in names:
        with suppress(Exception):  # what cannot be loaded here is the child's business
            load(name)
        gc.freeze()  # what is loaded stays; looking at it again would copy its pages into each child


def _adopt_orphans() -> None:
    """Become the parent of processes that dead workers leave, so that they can be found and buried."""
    _prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def _die_with_parent() -> None:
    _prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        load("ctypes").CDLL(None).prctl(option, value, 0, 0, 0)


def _kill_orphans(token: str, workers: dict[int, str]) -> None:
    """Kill what a dead worker started in other process groups; each death may bring further orphans."""
    mark = f"{TOKEN}={token}".encode()
    for _ in range(100):
        found = [pid for pid in _own_children() if pid not in workers and mark in _environment_of(pid)]
        if not found:
            return
        for pid in found:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _own_children() -> list[int]:
    mine, found = os.getpid(), []
    for entry in Path("/proc").iterdir() if Path("/proc/self").exists() else ():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
                if parent == mine:
                    found.append(int(entry.name))
    return found


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
