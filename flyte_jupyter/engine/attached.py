"""Runs that go on at an endpoint without the process that submitted them: picked up, followed, completed."""

import sys
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from flyte_jupyter import redaction
from flyte_jupyter.backends.bodies import Stopped
from flyte_jupyter.backends.mirror import Mirror
from flyte_jupyter.engine import keeping
from flyte_jupyter.engine.loop import loop, settled
from flyte_jupyter.engine.scoped import process as driver
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import ActionAbortedError
from flyte_jupyter.ids import digest
from flyte_jupyter.loading import asyncio
from flyte_jupyter.runs.events import (
    ROOT,
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    ReportWritten,
    RunStarted,
)
from flyte_jupyter.runs.failures import failure_of, trim
from flyte_jupyter.runs.locks import acquire, release
from flyte_jupyter.runs.run import Run, driven
from flyte_jupyter.runs.state import Phase, RunState
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.environment import find_task
from flyte_jupyter.types.holding import holding
from flyte_jupyter.types.packed import pack

if TYPE_CHECKING:
    import concurrent.futures
    import sqlite3
    from collections.abc import Mapping


def attach(store: RunStore, name: str) -> None:
    """Follow a run on, if it was submitted to an endpoint and the process that followed it is gone.

    Raises:
        InitializationError: no endpoint answers.
        RunNotFoundError: the endpoint that is connected does not have it.
    """
    state = store.state(name)
    if goes_on(state):
        Attached(store, state).begin()


def resumed(run: Run) -> str:
    """Follow a run on, if it may go on at an endpoint; says so, and is empty otherwise.

    Raises:
        InitializationError: no endpoint answers.
    """
    state = run.state
    if not goes_on(state):
        return ""
    Attached(run.store, state).begin()
    return (
        f"the process that submitted run {run.name} is gone; it goes on at {state.source.get('endpoint')} as "
        f"{state.source['remote']}, and is followed from here again"
    )


def goes_on(state: RunState) -> bool:
    """Whether a run may go on at an endpoint, although nobody follows it: its process is gone, or gave up."""
    if state.mode != "remote" or not state.source.get("remote"):
        return False
    failure = state.root.failure
    return state.phase is Phase.INTERRUPTED or (failure is not None and failure.code == "EndpointLost")


class Attached:
    """The live side of a run that another process has submitted.

    Args:
        store: where it is recorded.
        state: what is on record of it.
    """

    def __init__(self, store: RunStore, state: RunState) -> None:
        self._store = store
        self._state = state
        self._place: Any = process.setup.place()
        self._remote = state.source["remote"]
        self._surroundings = ExitStack()
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._reason = ""
        self._future: concurrent.futures.Future[None] | None = None

    def begin(self) -> None:
        """Take the run over, unless another process has; then it goes on in the background."""
        path = self._store.folder / "locks" / digest("attached", self._state.name)
        lock = acquire(path, wait=False)
        if lock is None:
            return
        self._surroundings.callback(release, lock, path)
        try:
            with loop.beside():
                settled(loop.submit(self._place.client.run(self._remote)))  # it has to be there
        except BaseException:
            self._surroundings.close()
            raise
        self._surroundings.callback(driven(self._store, self._state.name, self))
        self._take_over()
        with loop.beside():
            self._future = loop.submit(self._whole())
        self._future.add_done_callback(lambda _: self._finish())

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end; False if the time is up before."""
        return self._ended.wait(timeout)

    def stop(self, reason: str) -> None:
        """Stop the run at the endpoint; what follows it ends with it."""
        self._reason = self._reason or reason
        loop.submit(self._place.client.abort(self._remote, reason))

    def result(self) -> Any:
        """Raise what it raised; what it returned is on record."""
        self._ended.wait()
        if self._error is not None:
            raise self._error

    def _take_over(self) -> None:
        """Put on record that this process follows it: its root is in progress again."""
        state, root = self._state, self._state.root
        now, run = time.time(), state.name
        source = {**state.source, **driver()}
        self._store.goes_on(
            RunStarted(
                run=run, action=ROOT, time=state.started, task=state.task, mode=state.mode, source=source,
                labels=state.labels, environment=state.environment, rerun_of=state.rerun_of,
            ),
            ActionQueued(
                run=run, action=ROOT, time=root.queued or now, task=root.task, name=root.short,
                version=root.version, inputs=root.inputs, asked=root.asked,
            ),
        )  # fmt: skip

    async def _whole(self) -> None:
        store, run = self._store, self._state.name
        task = find_task(self._state.task)
        names: Mapping[str, Any] = (
            getattr(task.func, "__globals__", {}) if task else vars(sys.modules["__main__"])
        )
        mirror = Mirror(run, ROOT, self._place.name, store.append, self._state)
        with holding(store.blobs):
            try:
                details = await self._place.pick_up(
                    self._remote, mirror, self._printed, self._published, names, self._lines()
                )
                outputs = await self._place.outputs(details, task.spec if task else None, names)
                packed = pack(
                    {name: keeping.settled(one, store.blobs, None) for name, one in outputs.items()}
                )
            except BaseException as error:
                self._failed(error)
                raise
        store.append(ActionSucceeded(run=run, action=ROOT, time=time.time(), outputs=packed))

    def _failed(self, error: BaseException) -> None:
        run, now = self._state.name, time.time()
        self._error = trim(error)
        if isinstance(error, ActionAbortedError | asyncio.CancelledError | Stopped):
            reason = self._reason or str(error)
            self._store.append(ActionAborted(run=run, action=ROOT, time=now, reason=reason))
        else:
            self._store.append(ActionFailed(run=run, action=ROOT, time=now, failure=failure_of(error)))

    def _finish(self) -> None:
        self._surroundings.close()
        self._recount()
        self._ended.set()

    def _recount(self) -> None:
        """Let what was begun a second time count once where runs are listed."""
        self._store.settle()
        actions = self._store.state(self._state.name).actions.values()
        done = sum(action.ended is not None for action in actions)
        row = len(actions), done, self._state.name
        sql = "UPDATE runs SET actions = ?, done = ? WHERE name = ?"

        def count(connection: "sqlite3.Connection") -> None:
            connection.execute(sql, row)

        self._store.transact(count)

    def _lines(self) -> dict[tuple[str, int], int]:
        """Count the lines that are on record."""
        found: dict[tuple[str, int], int] = {}
        for row in self._store.logs(self._state.name):
            key = (row.action, row.attempt)
            found[key] = found.get(key, 0) + row.text.count("\n")
        return found

    def _printed(self, action: str, attempt: int, stream: str, text: str) -> None:
        self._store.log(self._state.name, action, attempt, stream, redaction.redact(text))

    def _published(self, action: str, html: str) -> None:
        blob = self._store.blobs.put(redaction.redact(html).encode("utf-8", "replace"))
        self._store.append(ReportWritten(run=self._state.name, action=action, time=time.time(), blob=blob))
