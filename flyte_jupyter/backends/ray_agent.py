"""On a node: the actor that forks workers there, and relays between them and the kernels that use them.

All of it is done by one thread; what takes longer than a moment is done beside it.
"""

import asyncio
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

import ray

from flyte_jupyter.backends import limits
from flyte_jupyter.backends.forking import ForkServer
from flyte_jupyter.backends.ray_relay import End
from flyte_jupyter.backends.ray_session import Session
from flyte_jupyter.backends.ray_worker import Worker
from flyte_jupyter.backends.wire import Received, Wire

_log = logging.getLogger("flyte_jupyter")

_TICK = 0.5
_LENT = 0.02
"""Seconds that a body waits for what it called before its cores are lent to others."""


class Agent:
    """Looks after the workers of a node.

    Args:
        controller: the actor that knows where workers are.
    """

    def __init__(self, controller: Any) -> None:
        limits.sweep()
        self._controller = controller
        self._forks = ForkServer()
        self._selector = selectors.DefaultSelector()
        self._sessions: dict[str, Session] = {}
        self._lending: dict[str, float] = {}
        self._calls: deque[Callable[[], object]] = deque()
        self._woken, self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector.register(self._woken, selectors.EVENT_READ, self._called)
        self._listener = socket.create_server(("", 0), backlog=256)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._host, self._port = ray.util.get_node_ip_address(), self._listener.getsockname()[1]
        threading.Thread(target=self._relay, name="flyte-relay", daemon=True).start()

    async def keep(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Hold a worker until its kernel needs it no more; tells how the worker ended.

        Args:
            order: what the kernel asks for: "lease" stands for the worker, who knows "secret" may give it
                orders, "memory" and "cpu" are its limits, "wanted" names libraries that it is to have loaded,
                "gpus" are those that it may use, None for any.
        """
        ended: Future[None] = Future()
        worker = await asyncio.to_thread(Worker.begun, self._forks, order)
        session = Session(self, order, worker, self._selector, ended)
        self._do(partial(self._sessions.__setitem__, order["lease"], session))
        self._do(session.begin)
        self._controller.up.remote(order["lease"], self._host, self._port)
        await asyncio.wrap_future(ended)
        return await asyncio.to_thread(worker.bury)

    async def end(self, lease: str) -> None:
        """End a worker at once."""
        self._do(lambda: self._sessions[lease].stop() if lease in self._sessions else None)

    # Of sessions, on the relay's thread

    def remove(self, lease: str) -> None:
        """Forget a session that is over."""
        self._sessions.pop(lease, None)
        self._lending.pop(lease, None)

    def lend(self, lease: str, *, wanted: bool) -> None:
        """Let others have a worker's cores, if it waits long enough; or have them back."""
        if wanted:
            self._lending.setdefault(lease, time.monotonic() + _LENT)
        elif self._lending.pop(lease, None) == 0:
            self._controller.regain.remote(lease)

    def orphaned(self, lease: str, keys: list[str]) -> None:
        """Say that attempts go on without a kernel."""
        self._controller.orphaned.remote(lease, keys)

    def forgotten(self, key: str) -> None:
        """Say that such an attempt has ended."""
        self._controller.forgotten.remote([key])

    # Inside

    def _do(self, call: Callable[[], object]) -> None:
        """Let the relay's thread call something."""
        self._calls.append(call)
        os.write(self._wake, b"c")

    def _called(self, _events: int) -> None:
        os.read(self._woken, 4096)
        while self._calls:
            self._calls.popleft()()

    def _relay(self) -> None:
        while True:
            try:
                for key, events in self._selector.select(_LENT if any(self._lending.values()) else _TICK):
                    key.data(events)
                self._mind_time()
            except Exception:  # noqa: BLE001 - the other workers go on
                _log.exception("a defect in the relay")  # in Ray's log of this actor

    def _mind_time(self) -> None:
        now = time.monotonic()
        for lease, due in list(self._lending.items()):
            if due and due <= now:
                self._lending[lease] = 0.0
                self._controller.lend.remote(lease)
        for session in list(self._sessions.values()):
            session.mind_time(now)

    def _accept(self, _events: int) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        End(Wire(sock), self._selector, self._greeted)

    def _greeted(self, end: End, one: Received | None) -> None:
        """Take orders from who knows a worker and its secret, and from nobody else."""
        session = None
        if one is not None and one.frame[0] == "hello":
            session = self._sessions.get(one.frame[1])
        if session is None or one is None or not session.welcome(end, one.frame[2]):
            end.close()
