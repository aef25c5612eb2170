"""A process that has the official SDK loaded and forks one worker per attempt.

It is run by its path with any interpreter that has the SDK, so it needs nothing of this package. It ends with
all of its workers as soon as the endpoint is gone, however that came about.
"""

import asyncio
import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import traceback
import warnings
from typing import Any

WARM = (
    "flyte", "flyte._bin.runtime", "flyte.errors", "flyte.io", "flyte.report", "flyte.remote",
    "flyte.storage", "flyte.types", "httpx", "cloudpickle", "fsspec.implementations.local",
    "flyte._internal.runtime.entrypoints", "flyte._internal.runtime.convert",
    "flyte._internal.controllers.remote", "flyte._internal.controllers.remote._controller",
    "flyte._internal.controllers.remote._client", "flyte._internal.image_cache", "flyte._code_bundle",
    "flyte.remote._client.controlplane", "flyte.remote._client.auth._interceptors.default_metadata",
    "flyte.remote._client.auth._interceptors.retry", "flyte._internal.resolvers.default", "flyte.git",
    "flyte.io._dataframe.dataframe", "anyio", "certifi", "httpcore", "opentelemetry.metrics",
    "opentelemetry.propagate", "opentelemetry.trace", "pyqwest._glue",
)  # fmt: skip
"""What a worker needs before its body runs; what is missing in a version of the SDK is left out."""

HEAVY = ("numpy", "pandas", "pyarrow", "pyarrow.parquet")
"""What is loaded here as soon as one worker has needed it, so that the next ones have it at once."""

TOKEN = "FLYTE_JUPYTER_WORKER"  # noqa: S105 - the name of a variable that marks a worker's processes
NO_SDK = 3
"""The exit status that says that the SDK cannot be imported."""

_PDEATHSIG, _SUBREAPER = 1, 36
_ready: set[str] = set()  # of what is heavy, what is loaded here
_loops: list[Any] = []  # the SDK's background loops, found before the collector forgets them


def main(descriptor: int) -> None:
    """Load the SDK, say so, and serve until the endpoint is gone."""
    link = socket.socket(fileno=descriptor)
    # The SDK's own thread is why Python warns; workers start it anew.
    warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
    try:
        importlib.import_module("flyte")
    except ImportError as error:
        print(f"{sys.executable}: {error}", file=sys.stderr)  # noqa: T201 - the endpoint's log
        sys.exit(NO_SDK)
    for name in WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    kind = importlib.import_module("flyte.syncify._api")._BackgroundLoop
    _loops.extend(one for one in gc.get_objects() if type(one) is kind)
    gc.freeze()
    _prctl(_SUBREAPER, 1)
    Zygote(link).serve()


def single(folder: str, endpoint: int) -> int:
    """Be one worker without a warm process; ends with the endpoint."""
    _prctl(_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != endpoint:
        return 70  # it is gone already
    try:
        code = run(folder)
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown and ends this process
        traceback.print_exc()
        code = 1
    note(folder, code)
    return code


class Zygote:
    """Forks workers and tells how they end.

    Args:
        link: the connection to the endpoint: packets of JSON, with descriptors for a worker's output.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._workers: dict[int, str] = {}
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Serve until the connection ends, then end every worker."""
        self._say({"ready": os.getpid()})
        with selectors.DefaultSelector() as selector:
            selector.register(self._link, selectors.EVENT_READ, self._order)
            selector.register(self._woken, selectors.EVENT_READ, self._reap)
            while all(key.data() for key, _ in selector.select()):
                pass
        self._reap()
        for pid in list(self._workers):
            _kill_group(pid)
        while self._workers:
            pid, status, _ = os.wait4(-1, 0)
            self._ended(pid, os.waitstatus_to_exitcode(status))

    def _order(self) -> bool:
        try:
            data, files, _, _ = socket.recv_fds(self._link, 1 << 16, 2)
        except OSError:
            return False
        if data:
            self._fork(json.loads(data)["folder"], files)
        return bool(data)

    def _fork(self, folder: str, files: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_worker(folder, files)
        for file in files:
            os.close(file)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # here as well as there: whoever comes first, it is its own group
        self._workers[pid] = folder
        self._say({"folder": folder, "pid": pid})

    def _become_worker(self, folder: str, files: list[int]) -> None:
        """Turn this forked child into a worker; does not return."""
        code = 70
        try:
            os.setpgid(0, 0)
            _prctl(_PDEATHSIG, signal.SIGKILL)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._link.close()
            for descriptor in (self._woken, self._wake):
                os.close(descriptor)
            for number, file in enumerate(files, 1):
                os.dup2(file, number)
                os.close(file)
            code = run(folder)
            _want(folder)
        except BaseException:  # noqa: BLE001 - whatever it is, it is shown and ends this process
            traceback.print_exc()
            code = 1
        finally:
            with contextlib.suppress(Exception):
                atexit._run_exitfuncs()  # as at the end of any interpreter
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            os._exit(code)

    def _reap(self) -> bool:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._woken, 4096):
                pass
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return True
            if found is None:
                return True
            if found.si_pid in self._workers:
                _kill_group(found.si_pid)  # what it started and left, while its number is still its own
            pid, status, used = os.wait4(found.si_pid, 0)
            self._ended(pid, os.waitstatus_to_exitcode(status), used)

    def _ended(self, pid: int, code: int, used: object = None) -> None:
        folder = self._workers.pop(pid, None)
        if folder is None:
            return  # a process that a worker left
        note(folder, code)
        _load_wanted(folder)
        _kill_marked(folder)
        cpu = getattr(used, "ru_utime", 0.0) + getattr(used, "ru_stime", 0.0)
        peak = getattr(used, "ru_maxrss", 0) * 1024
        self._say({"folder": folder, "exit": code, "cpu": cpu, "peak": peak})

    def _say(self, message: dict[str, object]) -> None:
        with contextlib.suppress(OSError):
            self._link.send(json.dumps(message).encode())


def note(folder: str, code: int) -> None:
    """Note how a worker ended, where a later endpoint finds it."""
    with contextlib.suppress(OSError):
        draft = os.path.join(folder, "exit.draft")  # noqa: PTH118 - cheap
        with open(draft, "w") as file:  # noqa: PTH123
            file.write(str(code))
        os.replace(draft, os.path.join(folder, "exit"))  # noqa: PTH105, PTH118


def _want(folder: str) -> None:
    """Note what this worker has loaded that is slow to load."""
    names = [name for name in HEAVY if name in sys.modules and name not in _ready]
    if names:
        with open(os.path.join(folder, "wanted"), "w") as file:  # noqa: PTH118, PTH123
            file.write(" ".join(names))


def _load_wanted(folder: str) -> None:
    """Load what a worker had to load by itself."""
    with contextlib.suppress(OSError):
        path = os.path.join(folder, "wanted")  # noqa: PTH118
        with open(path) as file:  # noqa: PTH123
            names = file.read().split()
        os.unlink(path)  # noqa: PTH108
        for name in [name for name in HEAVY if name in names and name not in _ready]:
            _ready.add(name)
            with contextlib.suppress(Exception):  # it is the worker's business
                importlib.import_module(name)
            gc.freeze()  # what is loaded stays; looking at it again would copy its pages into each worker


def run(folder: str) -> int:
    """Run the official runtime as the launch in ``folder`` says, in this process; gives the exit status."""
    with open(os.path.join(folder, "launch.json")) as file:  # noqa: PTH118, PTH123
        launch = json.load(file)
    os.unlink(file.name)  # noqa: PTH108 - it may hold the values of secrets
    os.environ.clear()
    os.environ.update(launch["env"])
    os.chdir(launch["cwd"])
    sys.argv = launch["argv"]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]  # they are files
            line_buffering=True, write_through=False
        )
    _fresh_loops()
    _fresh_settings()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    runtime = importlib.import_module("flyte._bin.runtime")
    try:
        runtime._pass_through.main(args=launch["argv"], prog_name="runtime", standalone_mode=False)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


def _fresh_loops() -> None:
    """Start the SDK's background threads, which a fork does not take along."""
    for loop in _loops:
        loop.loop = asyncio.new_event_loop()
        loop.thread = threading.Thread(name=loop.thread.name, target=loop._run, daemon=True)
        loop.thread.start()


def _fresh_settings() -> None:
    """Have fsspec read this worker's variables; it read the warm process's when it was loaded."""
    with contextlib.suppress(ImportError):
        config = importlib.import_module("fsspec.config")
        config.set_conf_env(config.conf)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_marked(folder: str) -> None:
    """Kill what a worker started in groups of their own; orphans come to this process."""
    mark = f"{TOKEN}={folder}".encode()
    for pid in _children():
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
                marked = mark in file.read().split(b"\0")
            if marked:
                os.kill(pid, signal.SIGKILL)


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{threading.get_native_id()}/children") as file:  # noqa: PTH123
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    del sys.path[0]  # this folder: what is beside this file is not to be found by the names that users give
    if len(sys.argv) > 2:  # noqa: PLR2004 - a folder and a process
        sys.exit(single(sys.argv[1], int(sys.argv[2])))
    main(int(sys.argv[1]))
