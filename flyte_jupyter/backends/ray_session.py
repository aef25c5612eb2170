"""On a node: what goes on between one worker and the kernel that uses it.

When the kernel is gone, the body goes on; what it says is remembered until another kernel listens, and how it
ended goes on record.
"""

import hmac
import os
import selectors
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from flyte_jupyter.backends import ray_record
from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.backends.raising import told
from flyte_jupyter.backends.ray_frames import Memory, inlined, kind_of, restored
from flyte_jupyter.backends.ray_relay import End
from flyte_jupyter.backends.ray_version import package
from flyte_jupyter.backends.ray_worker import Worker
from flyte_jupyter.backends.secrets import placed
from flyte_jupyter.backends.wire import Frame, Received, close_files
from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import Error, InitializationError

if TYPE_CHECKING:
    from concurrent.futures import Future

_CHUNK = 1 << 16
_HELLO = 30.0
"""Seconds that a worker waits for the kernel that asked for it."""

_ALONE = 3600.0
"""Seconds that a body waits for what it called when there is no kernel to answer."""

_FORGOTTEN = 24 * 3600.0
"""Seconds that a body goes on without a kernel."""


class Office(Protocol):
    """What a session tells."""

    def remove(self, lease: str) -> None:
        """Forget a session that is over."""

    def lend(self, lease: str, *, wanted: bool) -> None:
        """Let others have a worker's cores, or have them back."""

    def orphaned(self, lease: str, keys: list[str]) -> None:
        """Say that attempts go on without a kernel."""

    def forgotten(self, key: str) -> None:
        """Say that such an attempt has ended."""


class Session:
    """One worker in use; all of it is for the relay's thread.

    Args:
        office: is told what others need to know.
        order: what the kernel asked for.
        worker: the worker.
        selector: looks whether something comes.
        ended: is done when the worker is of no use any more.
    """

    def __init__(
        self,
        office: Office,
        order: Mapping[str, Any],
        worker: Worker,
        selector: selectors.BaseSelector,
        ended: "Future[None]",
    ) -> None:
        self._office = office
        self._order = order
        self._lease = str(order["lease"])
        self._process = worker
        self._selector = selector
        self._ended = ended
        self._kernel: End | None = None
        self._memories: dict[int, Memory] = {}
        self._placed: dict[int, tuple[ExitStack, dict[str, str]]] = {}
        self._shared: dict[str, bool] = {}
        self._since = time.monotonic()
        self._met = False

    def begin(self) -> None:
        """Hear the worker."""
        self._worker = End(self._process.wire, self._selector, self._from_worker)
        self._pipes = {"stdout": self._process.out, "stderr": self._process.err}
        for name, file in self._pipes.items():
            os.set_blocking(file, False)
            self._selector.register(file, selectors.EVENT_READ, partial(self._read, name, file))

    def welcome(self, end: End, secret: object) -> bool:
        """Serve a kernel from here on, if it knows the secret."""
        if self._ended.done() or not hmac.compare_digest(str(secret), self._order["secret"]):
            return False
        if self._kernel is not None:
            self._left()
        self._kernel, self._met = end, True
        end.heard, end.drained = self._from_kernel, partial(self._worker.listen, wanted=True)
        limit = self._process.limit
        about = {"memory_by": limit.memory_by, "cpu_by": limit.cpu_by, "package": package()}
        end.send(("about", about))
        return True

    def mind_time(self, now: float) -> None:
        """End what nobody has use for."""
        if self._kernel is not None:
            return  # it minds the time itself
        alone, memories = now - self._since, self._memories.values()
        if (
            (not self._met and alone > _HELLO)
            or (alone > _ALONE and any(memory.calls for memory in memories))
            or alone > _FORGOTTEN
            or any(memory.limit and now - memory.began > memory.limit for memory in memories)
        ):
            self.stop()

    def stop(self) -> None:
        """The worker is of no use any more."""
        if self._ended.done():
            return
        for name, file in list(self._pipes.items()):
            self._read(name, file, 0)
        for file in self._pipes.values():
            self._selector.unregister(file)
        self._worker.close()
        if self._kernel is not None:
            self._kernel.finish()
        for stack, _ in self._placed.values():
            stack.close()
        self._office.remove(self._lease)
        self._ended.set_result(None)

    # What the kernel says

    def _from_kernel(self, end: End, one: Received | None) -> None:
        if end is not self._kernel:
            end.close()
        elif one is None:
            self._left()
        else:
            try:
                getattr(self, f"_on_{kind_of(one.frame)}", self._forward)(one.frame)
            except Exception:
                self.stop()  # whoever waits for the worker is told that it is gone
                raise

    def _left(self) -> None:
        """The kernel is gone, or has no use for the worker."""
        if self._kernel is not None:
            self._kernel.close()
        self._kernel, self._since = None, time.monotonic()
        self._worker.listen(wanted=True)
        for memory in list(self._memories.values()):
            if not memory.has_begun:
                del self._memories[
                    memory.number
                ]  # the kernel was gone before it said what to run, or was refused
            elif memory.has_ended:
                self._record(memory)
        if self._memories:
            self._office.orphaned(self._lease, [memory.key for memory in self._memories.values()])
        self._stop_if_idle()

    def _stop_if_idle(self) -> None:
        if self._kernel is None and not self._memories:
            self.stop()

    def _forward(self, frame: Frame) -> None:
        received = restored(frame)
        self._worker.send(received.frame, received.files)

    def _on_kill(self, _frame: Frame) -> None:
        self.stop()

    def _on_ack(self, frame: Frame) -> None:
        for memory in list(self._memories.values()):
            if frame[1] == (memory.heard[0] if memory.heard is not None else memory.number):
                del self._memories[memory.number]

    def _on_world(self, frame: Frame) -> None:
        """Let a worker be where the kernel is, as far as there is the same here."""
        world = dict(frame[1])
        world["path"] = [*sys.path, *(folder for folder in world["path"] if folder not in sys.path)]
        world["environ"] = {name: value for name, value in os.environ.items() if name != TOKEN}
        if self._order["gpus"] is not None:
            world["environ"]["CUDA_VISIBLE_DEVICES"] = self._order["gpus"]
        self._worker.send(("world", world))

    def _on_attempt(self, frame: Frame) -> None:
        _, number, run, action, key, folder, proof, files, values, limit = frame
        memory = self._memories[number] = Memory(number, run, action, key, folder, values, limit)
        stack = ExitStack()
        try:
            self._check_shared(folder, proof)
            self._placed[number] = (stack, stack.enter_context(placed(files)))
        except (Error, OSError) as error:
            memory.has_ended = True
            self._tell(("failed", number, told(error, "", {}), ()))

    def _on_run(self, frame: Frame) -> None:
        received = restored(frame)
        number = received.frame[1]
        if number not in self._placed:
            close_files(received.files)  # it was refused
            return
        *order, variables, gpus = received.frame
        variables = {**variables, **self._placed[number][1]}
        self._memories[number].has_begun = True
        self._worker.send((*order, variables, gpus), received.files)

    def _on_reply(self, frame: Frame) -> None:
        for memory in self._memories.values():
            memory.calls.discard(frame[1])
        self._lend()
        self._forward(frame)

    def _on_attach(self, frame: Frame) -> None:
        """Let a later kernel hear an attempt that an earlier one began."""
        _, key, number, run, attempt = frame
        memory = next((one for one in self._memories.values() if one.key == key), None)
        if memory is None:
            self._left()
            return
        memory.heard = (number, run, attempt)
        for said in memory.frames():
            self._tell(memory.addressed(said))

    def _on_cancel(self, frame: Frame) -> None:
        for memory in self._memories.values():
            if memory.heard is not None and memory.heard[0] == frame[1]:
                frame = ("cancel", memory.number)
        self._forward(frame)

    def _check_shared(self, folder: str, proof: tuple[bytes, bytes]) -> None:
        if folder not in self._shared:
            store = BlobStore(folder)
            self._shared[folder] = not folder or (
                (store.folder / "key").is_file() and store.signed(proof[1], proof[0])
            )
        if not self._shared[folder]:
            raise InitializationError(
                f"the node {os.uname().nodename} of the Ray cluster does not see the store in {folder}. Put "
                "it where every node sees it: set FLYTE_JUPYTER_HOME to a shared folder"
            )

    # What the worker says

    def _from_worker(self, _end: End, one: Received | None) -> None:
        if one is None:
            self.stop()
            return
        frame = inlined(one.frame, one.files)
        close_files(one.files)
        mine = [m for m in self._memories.values() if frame[1] in (m.number, m.run)]
        if isinstance(frame[1], str):  # logs and reports: of the action itself, or of a helper's
            mine = [m for m in mine if m.action == frame[2]] or mine
        if mine:
            mine[0].add(frame)
        kind = kind_of(frame)
        if kind == "call" and mine:
            mine[0].calls.add(one.frame[2])
            self._lend()
        self._tell(mine[0].addressed(frame) if mine else frame)
        if kind in ("done", "failed") and mine:
            self._has_ended(mine[0])

    def _has_ended(self, memory: Memory) -> None:
        memory.has_ended = True
        memory.calls.clear()
        self._lend()
        stack, _ = self._placed.pop(memory.number)
        stack.close()
        if self._kernel is None:
            self._record(memory)
            self._stop_if_idle()

    def _read(self, name: str, file: int, _events: int) -> None:
        """Take what the worker or a child of it wrote to a descriptor."""
        if self._ended.done():
            return
        with suppress(BlockingIOError):
            data = os.read(file, _CHUNK)
            if not data:
                self._selector.unregister(self._pipes.pop(name))
                return
            for memory in self._memories.values():
                memory.add(("raw", name, data))
            self._tell(("raw", name, data))

    def _tell(self, frame: Frame) -> None:
        if self._kernel is not None:
            self._kernel.send(frame)
            self._worker.listen(wanted=not self._kernel.is_full)

    def _record(self, memory: Memory) -> None:
        del self._memories[memory.number]
        with suppress(OSError, Error):  # it has to run again
            ray_record.write(memory)
        self._office.forgotten(memory.key)

    def _lend(self) -> None:
        """Hold the cores only while a body does not wait for what it called."""
        running = [memory for memory in self._memories.values() if not memory.has_ended]
        self._office.lend(self._lease, wanted=bool(running) and all(memory.calls for memory in running))
