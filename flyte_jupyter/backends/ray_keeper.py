"""On a node: a Ray task that holds the resources of one worker, and relays between it and the kernel.

The worker is a process of its own, forked and buried as on the kernel's machine. When the kernel is gone, the
body goes on; what it says is remembered until another kernel listens, and how it ended goes on record.
"""

import hmac
import os
import queue
import secrets
import selectors
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import cache
from typing import Any

import ray

from flyte_jupyter.backends import limits, ray_record
from flyte_jupyter.backends.forking import Burial, ForkServer
from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.backends.limits import Limits, enforced
from flyte_jupyter.backends.raising import told
from flyte_jupyter.backends.ray_frames import Memory, inlined, kind_of, restored
from flyte_jupyter.backends.ray_relay import End
from flyte_jupyter.backends.secrets import placed
from flyte_jupyter.backends.wire import Frame, Received, Wire, close_files
from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import InitializationError

_CHUNK = 1 << 16
_TICK = 1.0
_HELLO = 30.0
"""Seconds that a worker waits for the kernel that asked for it."""

_ALONE = 3600.0
"""Seconds that a body waits for what it called when there is no kernel to answer."""

_SOON = 0.02
"""Seconds that a body waits for what it called before its cores are lent to others."""


def keep(order: Mapping[str, Any], controller: Any) -> dict[str, Any]:
    """Hold a worker until the kernel needs it no more; tells how the worker ended.

    Args:
        order: what the kernel asks for: "lease" stands for the worker, who knows "secret" may give it orders,
            "memory" and "cpu" are its limits, "wanted" names libraries that it is to have loaded.
        controller: the actor that knows where workers are.
    """
    limits.sweep()
    return _Keeper(order, controller).run()


@cache
def _forks() -> ForkServer:
    return ForkServer()


class _Keeper:
    """Looks after one worker.

    Args:
        order: what the kernel asked for.
        controller: the actor that knows where workers are.
    """

    def __init__(self, order: Mapping[str, Any], controller: Any) -> None:
        self._order = order
        self._lease = order["lease"]
        self._cores = _Cores(self._lease, controller)
        self._controller = controller
        self._selector = selectors.DefaultSelector()
        self._kernel: End | None = None
        self._memories: dict[int, Memory] = {}
        self._placed: dict[int, tuple[ExitStack, dict[str, str]]] = {}
        self._shared: dict[str, bool] = {}
        self._going = True
        self._burial = Burial()
        self._since = time.monotonic()
        self._met = False

    def run(self) -> dict[str, Any]:
        forks = _forks()
        forks.wanted = frozenset(self._order["wanted"])
        pid, sock, out, err = forks.fork(secrets.token_hex(8))
        limit = enforced(pid, Limits(self._order["memory"], self._order["cpu"]))
        self._about = {"memory_by": limit.memory_by, "cpu_by": limit.cpu_by}
        self._worker = End(Wire(sock), self._selector, self._from_worker)
        for name, file in (("stdout", out), ("stderr", err)):
            os.set_blocking(file, False)
            self._selector.register(file, selectors.EVENT_READ, _Pipe(self, name, file))
        self._listener = socket.create_server(("", 0), backlog=16)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        host, port = ray.util.get_node_ip_address(), self._listener.getsockname()[1]
        self._controller.up.remote(self._lease, host, port)
        relaying = threading.Thread(target=self._relay, name="flyte-relay", daemon=True)
        relaying.start()
        self._cores.serve()
        relaying.join()
        self._burial = forks.bury(pid)
        peak, hit = max(limit.peak(), self._burial.peak), limit.exceeded()
        limit.close()
        for end in (self._kernel, self._worker):
            if end is not None:
                end.close()
        close_files([out, err])
        self._listener.close()
        return {
            "status": self._burial.status,
            "peak": peak,
            "cpu": self._burial.cpu,
            "out_of_memory": hit,
        }

    # The relay, on a thread of its own

    def _relay(self) -> None:
        try:
            while self._going:
                for key, events in self._selector.select(_TICK):
                    if self._going:
                        key.data(events)
                if self._kernel is None:
                    self._mind_time()
        finally:
            for stack, _ in self._placed.values():
                stack.close()
            self._cores.end()

    def _mind_time(self) -> None:
        """End what nobody has use for."""
        alone = time.monotonic() - self._since
        waits = any(memory.calls for memory in self._memories.values())
        if (not self._met and alone > _HELLO) or (waits and alone > _ALONE):
            self._going = False

    def _accept(self, _events: int) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        End(Wire(sock), self._selector, self._from_kernel)

    def _from_kernel(self, end: End, one: Received | None) -> None:
        if end is not self._kernel:
            self._welcome(end, one)
        elif one is None:
            self._left(end)
        else:
            handle = getattr(self, f"_on_{kind_of(one.frame)}", self._forward)
            handle(one.frame)

    def _welcome(self, end: End, one: Received | None) -> None:
        """Take orders from who knows the secret, and from nobody else."""
        knows = (
            one is not None
            and one.frame[0] == "hello"
            and hmac.compare_digest(str(one.frame[1]), self._order["secret"])
        )
        if not knows:
            end.close()
            return
        if self._kernel is not None:
            self._left(self._kernel)
        self._kernel, self._met = end, True
        end.send(("about", self._about))

    def _left(self, end: End) -> None:
        """The kernel is gone, or has no use for the worker."""
        end.close()
        self._kernel, self._since = None, time.monotonic()
        for memory in list(self._memories.values()):
            if memory.has_ended:
                self._record(memory)
        if self._memories:
            keys = [memory.key for memory in self._memories.values()]
            self._controller.orphaned.remote(self._lease, keys)
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        if self._kernel is None and not self._memories:
            self._going = False

    # What the kernel says

    def _forward(self, frame: Frame) -> None:
        received = restored(frame)
        self._worker.send(received.frame, received.files)

    def _on_kill(self, _frame: Frame) -> None:
        self._going = False

    def _on_ack(self, frame: Frame) -> None:
        for memory in list(self._memories.values()):
            if frame[1] == (memory.heard[0] if memory.heard is not None else memory.number):
                del self._memories[memory.number]

    def _on_world(self, frame: Frame) -> None:
        """Let a worker be where the kernel is, as far as there is the same here."""
        world = dict(frame[1])
        world["path"] = [*sys.path, *(folder for folder in world["path"] if folder not in sys.path)]
        world["environ"] = {name: value for name, value in os.environ.items() if name != TOKEN}
        self._worker.send(("world", world))

    def _on_attempt(self, frame: Frame) -> None:
        _, number, run, key, folder, proof, files, values = frame
        memory = self._memories[number] = Memory(number, run, key, folder, values)
        if not self._is_shared(folder, proof):
            memory.has_ended = True
            self._refuse(
                number,
                f"the node {ray.util.get_node_ip_address()} of the Ray cluster does not see the store in "
                f"{folder}. Put it where every node sees it: set FLYTE_JUPYTER_HOME to a shared folder",
            )
            return
        stack = ExitStack()
        try:
            where = stack.enter_context(placed(files))
        except Exception as error:  # noqa: BLE001 - told as if the body had raised it
            memory.has_ended = True
            self._refuse(number, str(error))
            return
        self._placed[number] = (stack, where)

    def _on_run(self, frame: Frame) -> None:
        received = restored(frame)
        number = received.frame[1]
        if number not in self._placed:
            close_files(received.files)
            return
        where = self._placed[number][1]
        if where:
            variables = {**received.frame[-1], **where}
            received = Received((*received.frame[:-1], variables), received.files)
        self._worker.send(received.frame, received.files)

    def _on_reply(self, frame: Frame) -> None:
        for memory in self._memories.values():
            memory.calls.discard(frame[1])
        self._lend()
        self._forward(frame)

    def _on_attach(self, frame: Frame) -> None:
        """Let a later kernel hear an attempt that an earlier one began."""
        _, key, number, run, attempt = frame
        memory = next((one for one in self._memories.values() if one.key == key), None)
        if memory is None or self._kernel is None:
            self._left(self._kernel) if self._kernel is not None else None
            return
        memory.heard = (number, run, attempt)
        for said in memory.frames():
            self._kernel.send(memory.addressed(said))

    def _on_cancel(self, frame: Frame) -> None:
        for memory in self._memories.values():
            if memory.heard is not None and memory.heard[0] == frame[1]:
                frame = ("cancel", memory.number)
        self._forward(frame)

    # What the worker says

    def _from_worker(self, _end: End, one: Received | None) -> None:
        if one is None:
            self._going = False
            return
        frame = inlined(one.frame, one.files)
        close_files(one.files)
        whose = frame[1]
        mine = [m for m in self._memories.values() if whose in (m.number, m.run)]
        for memory in mine:
            memory.add(frame)
        kind = kind_of(frame)
        if kind == "call":
            mine[0].calls.add(one.frame[2])
            self._lend()
        self._tell(mine[0].addressed(frame) if mine else frame)
        if kind in ("done", "failed") and mine:
            self._ended(mine[0])

    def _ended(self, memory: Memory) -> None:
        memory.has_ended = True
        memory.calls.clear()
        self._lend()
        self._take_away(memory)
        if self._kernel is None:
            self._record(memory)
            self._end_if_idle()

    def written(self, name: str, data: bytes) -> None:
        """Take what the worker or a child of it wrote to a descriptor."""
        frame = ("raw", name, data)
        for memory in self._memories.values():
            memory.add(frame)
        self._tell(frame)

    def _tell(self, frame: Frame) -> None:
        if self._kernel is not None:
            self._kernel.send(frame)
            self._worker.listen(wanted=not self._kernel.is_full)

    def _refuse(self, number: int, why: str) -> None:
        self._tell(("failed", number, told(InitializationError(why), "", {}), 0.0, 0))

    def _record(self, memory: Memory) -> None:
        del self._memories[memory.number]
        with suppress(OSError):  # it has to run again
            ray_record.write(memory)
        self._controller.forgotten.remote([memory.key])

    def _take_away(self, memory: Memory) -> None:
        stack, _ = self._placed.pop(memory.number, (None, None))
        if stack is not None:
            stack.close()

    def _lend(self) -> None:
        """Hold the cores only while a body does not wait for what it called."""
        running = [memory for memory in self._memories.values() if not memory.has_ended]
        self._cores.lend(wanted=bool(running) and all(memory.calls for memory in running))

    def _is_shared(self, folder: str, proof: tuple[bytes, bytes]) -> bool:
        if folder not in self._shared:
            store = BlobStore(folder)
            self._shared[folder] = not folder or (
                (store.folder / "key").is_file() and store.signed(proof[1], proof[0])
            )
        return self._shared[folder]


class _Pipe:
    """A descriptor that a worker writes to.

    Args:
        keeper: is given what is written.
        name: stdout or stderr.
        file: the end to read from.
    """

    def __init__(self, keeper: _Keeper, name: str, file: int) -> None:
        self._keeper = keeper
        self._name = name
        self._file = file

    def __call__(self, _events: int) -> None:
        with suppress(BlockingIOError):
            data = os.read(self._file, _CHUNK)
            if data:
                self._keeper.written(self._name, data)
            else:
                self._keeper._selector.unregister(self._file)  # noqa: SLF001 - of this file


class _Cores:
    """The cores of this Ray task: Ray lends them to others while its main thread waits for an object.

    Args:
        lease: stands for the worker.
        controller: makes the object, when they are needed again.
    """

    def __init__(self, lease: str, controller: Any) -> None:
        self._lease = lease
        self._controller = controller
        self._orders: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._needed = threading.Event()
        self._needed.set()
        self._lent = False
        self._number = 0

    def serve(self) -> None:
        """Do what is asked for, on the main thread, until the end."""
        while (number := self._orders.get()) is not None:
            if self._needed.wait(_SOON):
                continue
            with self._lock:
                if self._needed.is_set() or number != self._number:
                    continue
                self._lent = True
                gate = self._controller.gate.remote(self._lease, number)
            with suppress(ray.exceptions.RayError):
                ray.get(gate)

    def lend(self, *, wanted: bool) -> None:
        """Let others have the cores, or have them back."""
        with self._lock:
            if wanted == (not self._needed.is_set()):
                return
            if wanted:
                self._number += 1
                self._needed.clear()
                self._orders.put(self._number)
            else:
                self._needed.set()
                if self._lent:
                    self._lent = False
                    self._controller.open_gate.remote(self._lease, self._number)

    def end(self) -> None:
        """Let the main thread go on."""
        self.lend(wanted=False)
        self._orders.put(None)
