"""Runs one attempt: starts its worker, keeps what it prints, ends it in time, and reads how it ended."""

import asyncio
import shutil
import time
from collections.abc import Awaitable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from flyteidl2.task import run_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.workflow import run_definition_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.backends.secrets import injected
from flyte_jupyter.endpoint import contract
from flyte_jupyter.endpoint.bounds import Bounds, seconds
from flyte_jupyter.endpoint.folders import Folders
from flyte_jupyter.endpoint.limits import most_of
from flyte_jupyter.endpoint.observer import Observer
from flyte_jupyter.endpoint.outcomes import error, outcome, timed_out
from flyte_jupyter.endpoint.output import Output
from flyte_jupyter.endpoint.secret import secrets_of
from flyte_jupyter.endpoint.state import State
from flyte_jupyter.endpoint.values import ActionRow, AttemptRow, Launch, Outcome, Phase
from flyte_jupyter.endpoint.workers.base import Heard, Worker, Workers
from flyte_jupyter.errors import Error

T = TypeVar("T")

_TOKEN = "FLYTE_JUPYTER_WORKER"  # noqa: S105 - the name of a variable that marks a worker's processes


class Attempts:
    """Runs attempts.

    Args:
        state: what is known.
        folders: where they work.
        output: takes what they print.
        workers: where they run.
        observer: is told what happens.
    """

    def __init__(
        self, state: State, folders: Folders, output: Output, workers: Workers, observer: Observer
    ) -> None:
        self._state = state
        self._folders = folders
        self._output = output
        self._workers = workers
        self._observer = observer
        self.url = ""

    async def run(self, action: ActionRow, spec: Any, limits: Bounds, number: int) -> Outcome:
        """Run an attempt to its end; cancelled, it is ended."""
        attempt = AttemptRow(number=number, started=time.time(), outputs=contract.outputs(action, number))
        self._write(action, attempt)
        _clear(attempt)
        container = spec.task_template.container
        argv = contract.arguments(container, self._state.run(action.run), action, number)
        if argv[:1] != ("a0",):
            text = f"task {action.task} runs a container of its own ({spec.task_template.type}), not Python"
            return Outcome(phase=Phase.FAILED, error=error("NotSupported", text))
        try:
            with ExitStack() as stack:
                secrets = await _unbroken(asyncio.to_thread(stack.enter_context, injected(secrets_of(spec))))
                launch = self._launch(action, container, number, argv, secrets)
                worker = await self._started(launch, self._hearing(action, number))
                running = replace(attempt, phase=Phase.RUNNING, running=time.time(), pid=worker.pid)
                self._write(action, running)
                known = self._state.action(action.run, action.name)
                self._observer.started(known, running, self._workers.name)
                return await self._ended(worker, action, attempt, limits)
        except Error as refused:
            name = type(refused).__name__
            return Outcome(phase=Phase.FAILED, error=error(name, str(refused), system=True))

    def left(self, action: ActionRow) -> tuple[int, Outcome | None]:
        """Tell where an earlier endpoint stopped.

        Gives the number of the attempt to go on with, and how it ended; None if it has to be run.
        """
        last = self._state.attempts(action.run, action.name)[-1:]
        if not last or last[0].number <= action.before:
            return action.attempts + 1, None
        number, ended = last[0].number, last[0].ended
        if ended is None:
            return number, self._finished(action, number)
        return number, Outcome(phase=last[0].phase, error=last[0].error, again=True)

    def over(self, action: ActionRow, how: Outcome) -> None:
        """Write that the last attempt has ended, and where its outputs are."""
        attempts = self._state.attempts(action.run, action.name)
        if attempts and attempts[-1].ended is None:
            done = replace(attempts[-1], ended=time.time(), phase=how.phase, error=how.error)
            self._state.put_attempt(action, done)
        if attempts and how.phase is Phase.SUCCEEDED:
            self._state.set_action(action.run, action.name, outputs=attempts[-1].outputs)

    def patience(self, action: ActionRow) -> float:
        """Give the seconds that a condition waits; 0 for ever."""
        message: Any = run_definition_pb2.ConditionAction.FromString(self._state.spec(action.spec))
        return seconds(message.timeout)

    @staticmethod
    def defect(what: Exception) -> Outcome:
        """Tell that the endpoint itself failed."""
        return Outcome(phase=Phase.FAILED, error=error(type(what).__name__, str(what), system=True))

    # Inside

    def _finished(self, action: ActionRow, number: int) -> Outcome | None:
        """Tell how an attempt ended that an earlier endpoint started; None if it did not end by itself."""
        try:
            code = int((self._folders.attempt(action.run, action.name, number) / "exit").read_text())
        except (OSError, ValueError):
            return None
        if code < 0:
            return None
        return outcome(
            contract.outputs(action, number), code, self._output.tail(action.run, action.name, number)
        )

    def _launch(
        self, action: ActionRow, container: Any, number: int, argv: tuple[str, ...], secrets: dict[str, str]
    ) -> Launch:
        run = self._state.run(action.run)
        run_spec = run_pb2.RunSpec.FromString(run.spec)
        env = contract.variables(container, run_spec, run, action, number, self.url) | secrets
        folder = self._folders.attempt(action.run, action.name, number)
        return Launch(
            argv=argv, env=env | {_TOKEN: str(folder)}, folder=folder, data=self._folders.data,
            image=container.image, most=most_of(container),
        )  # fmt: skip

    async def _started(self, launch: Launch, heard: Heard) -> Worker:
        """Start a worker; who is cancelled meanwhile leaves none behind."""
        starting = asyncio.ensure_future(self._workers.start(launch, heard))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with suppress(Error):
                worker = await starting
                await worker.kill()
            raise

    def _hearing(self, action: ActionRow, number: int) -> Any:
        def heard(stream: str, text: str) -> None:
            kept = self._output.write(action.run, action.name, number, stream, text)
            if kept:
                self._observer.printed(action, number, stream, kept)

        return heard

    async def _ended(self, worker: Worker, action: ActionRow, attempt: AttemptRow, limits: Bounds) -> Outcome:
        try:
            async with asyncio.timeout(limits.runtime or None):
                ending = await worker.ended()
        except TimeoutError:
            text = f"{action.task} ran longer than its {limits.runtime:g} s"
            return timed_out("MAX_RUNTIME_EXCEEDED", text)
        finally:
            await asyncio.shield(worker.kill())
            for stream, rest in self._output.over(action.run, action.name, attempt.number).items():
                if rest:
                    self._observer.printed(action, attempt.number, stream, rest)
            self._tidy(action, attempt.number)
        self._observer.used(action, attempt.number, ending)
        tail = self._output.tail(action.run, action.name, attempt.number) if ending.code else ""
        return outcome(attempt.outputs, ending.code, tail)

    def _tidy(self, action: ActionRow, number: int) -> None:
        """Remove the working folder and the launch, which holds the values of secrets."""
        folder = self._folders.attempt(action.run, action.name, number)
        shutil.rmtree(folder / "work", ignore_errors=True)
        with suppress(OSError):
            (folder / "launch.json").unlink(missing_ok=True)

    def _write(self, action: ActionRow, attempt: AttemptRow) -> None:
        self._state.put_attempt(action, attempt)
        changes: dict[str, Any] = {"phase": attempt.phase, "attempts": attempt.number}
        if attempt.number == 1:
            changes["started"] = attempt.started
        self._state.set_action(action.run, action.name, **changes)


def _clear(attempt: AttemptRow) -> None:
    """Remove what an earlier endpoint's worker left of this attempt."""
    for name in ("outputs.pb", "error.pb"):
        (Path(attempt.outputs) / name).unlink(missing_ok=True)


async def _unbroken(work: Awaitable[T]) -> T:
    """Wait for some work to its end, also when cancelled: what it holds has to be let go behind it."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,))
        raise
