"""The official SDK's client: one connection for this process, every call within a time."""

import asyncio
import atexit
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from flyteidl2.common import identifier_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.dataproxy import dataproxy_service_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import task_definition_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.backends.flyte_address import Address
from flyte_jupyter.backends.flyte_lines import Line
from flyte_jupyter.backends.flyte_quiet import silent
from flyte_jupyter.backends.flyte_sdk import flyte
from flyte_jupyter.backends.flyte_uploads import in_pieces
from flyte_jupyter.backends.per_loop import PerLoop
from flyte_jupyter.errors import (
    InitializationError,
    RemoteTaskNotFoundError,
    RunNotFoundError,
    RuntimeSystemError,
    RuntimeUserError,
)
from flyte_jupyter.loading import load, on_thread

T = TypeVar("T")
_SECONDS = 30.0
_CHECK = 6.0
_LOG_TRIES, _LOG_PAUSE = 5, 2.0
"""How often a log is asked for that is not there yet, and the seconds between."""
_MOMENT = 0.05
_OURS = "flyte-jupyter"
"""What our own endpoint calls its cluster in logs."""

_END = "\n"
_connected: list[Address] = []


class Client:
    """Talks to one endpoint.

    Args:
        address: where it is.
        options: further keywords of the official ``flyte.init``: authentication, storage, image builder.
    """

    def __init__(self, address: Address, options: Mapping[str, Any]) -> None:
        self.address = address
        self._options = dict(options)
        self._remote: Any = None
        self._readying = PerLoop(asyncio.Lock)

    async def ready(self) -> None:
        """Connect, unless this process is connected already.

        Raises:
            InitializationError: nothing answers.
        """
        async with self._readying.get():
            if self._remote is not None and _connected[-1:] == [self.address]:
                return
            await self.address.check()
            await self._within(self._init())
            self._remote = load("flyte.remote")
            _end_gently()

    async def check(self) -> None:
        """See that an endpoint answers there, and lets this process in.

        Raises:
            InitializationError: it does not.
        """
        await self.ready()

        async def listed() -> None:
            async for _ in self._remote.Run.listall.aio(limit=1):
                return

        try:
            await self._within(silent(listed()), _CHECK)
        except Exception as error:  # noqa: BLE001 - whatever it says, it is told
            raise InitializationError(
                f"what answers at {self.address.shown} is no endpoint that lets this process in: {error}"
            ) from None

    async def submit(self, task: Any, values: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
        """Start a run and give its handle; one of the same name that is ours already is that run.

        Args:
            task: the official task, or the ``TaskDetails`` of one that is there.
            values: official values by name.
            options: keywords of the official ``with_runcontext``; with name and labels.

        Raises:
            RuntimeSystemError, RuntimeUserError: the endpoint refuses.
        """
        runner = flyte.with_runcontext(
            mode="remote", interactive_mode=True, log_level=logging.CRITICAL, **options
        )
        try:
            with in_pieces():
                return await self._within(silent(runner.run.aio(task, **values)), 4 * _SECONDS)
        except flyte.errors.RuntimeUserError as error:
            if error.code != "RunAlreadyExistsError":
                raise RuntimeUserError(error.code, str(error), self.address.shown) from None
        except flyte.errors.RuntimeSystemError as error:
            await self.address.check()  # which says it better
            raise RuntimeSystemError(error.code, str(error), self.address.shown) from None
        found = await self.run(options["name"])
        labels = (await self._within(found.details.aio())).pb2.run_spec.labels.values
        if any(labels.get(key) != value for key, value in options["labels"].items()):
            raise RuntimeUserError(
                "RunAlreadyExists", f"{self.address.shown} has another run {options['name']} already"
            )
        return found

    async def sent(self, task: Any, run: Any) -> Any:
        """Give what stands for a task whose code is there, after its first run."""
        details = await self._within(run.details.aio())
        message = task_definition_pb2.TaskDetails(spec=details.action_details.pb2.task)
        found = self._remote.TaskDetails(pb2=message, overridden=True)
        vars(found)["interface"] = task.native_interface  # with the classes of this process
        return found

    async def upload(self, name: str, data: bytes) -> str:
        """Put a file there and give its address."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            await on_thread(path.write_bytes, data)
            with in_pieces():
                _, uri = await self._within(self._remote.upload_file.aio(path))
        return str(uri)

    async def deploy(self, env: Any, version: str) -> None:
        """Register an official environment's tasks, whose code is there already."""
        deploying = flyte.deploy.aio(env, version=version, copy_style="none")
        await self._within(silent(deploying), 4 * _SECONDS)

    async def task(self, name: str, version: str | None) -> Any:
        """Fetch a deployed task; without a version the latest one.

        Raises:
            RemoteTaskNotFoundError: there is none.
        """
        await self.ready()
        auto: Any = None if version else "latest"
        lazy = self._remote.Task.get(name, version=version, auto_version=auto)
        try:
            return await self._within(silent(lazy.fetch.aio()))
        except Exception as error:  # noqa: BLE001 - whatever it says, it is told
            raise RemoteTaskNotFoundError(
                f"{self.address.shown} has no task {name!r} of version {version or 'latest'}: {error}"
            ) from None

    async def run(self, name: str) -> Any:
        """Find a run.

        Raises:
            RunNotFoundError: there is none of that name.
        """
        await self.ready()
        try:
            return await self._within(self._remote.Run.get.aio(name=name))
        except Exception as error:
            if "not_found" in str(getattr(error, "code", "")).lower():
                raise RunNotFoundError(f"{self.address.shown} has no run {name!r}") from None
            raise

    async def details(self, run: str, action: str) -> Any:
        """Fetch the details of an action."""
        return await self._within(self._remote.ActionDetails.get.aio(run_name=run, name=action))

    async def action(self, run: str, name: str) -> Any:
        """Fetch an action."""
        return await self._within(self._remote.Action.get.aio(run_name=run, name=name))

    async def actions(self, run: str) -> list[Any]:
        """List the actions of a run, in the order of their making."""

        async def listed() -> list[Any]:
            return [action async for action in self._remote.Action.listall.aio(for_run_name=run)]

        return await self._within(listed())

    async def literals(self, details: Any) -> tuple[Any, Any]:
        """Fetch the inputs and outputs of an action, by name."""
        inputs = await self._within(details.input_literals())
        return inputs, await self._within(details.output_literals())

    async def report(self, action: Any, attempt: int) -> str | None:
        """Fetch the report of an attempt; None if it has none yet."""
        try:
            return str(await self._within(action.get_report.aio(attempt=attempt)))
        except TimeoutError:
            return None
        except Exception:  # noqa: BLE001 - whatever an endpoint says: there is none
            return None

    async def abort(self, run: str, reason: str) -> None:
        """Stop a run."""
        found = await self.run(run)
        await self._within(found.abort.aio(reason=reason))

    async def lines(self, root: Any, action: str, attempt: int) -> AsyncIterator[list[Line]]:
        """Give what an attempt of an action prints, as it comes.

        Args:
            root: the ``ActionIdentifier`` of the root of its run.
            action: its name there.
            attempt: the number of the attempt.
        """
        where = identifier_pb2.ActionIdentifier(run=root.run, name=action)
        request = dataproxy_service_pb2.TailLogsRequest(action_id=where, attempt=attempt)
        async for lines in load("flyte.syncify").syncify(_tailed).aio(request):
            yield lines

    async def watch(self, run: Any) -> AsyncIterator[Any]:
        """Give the details of a run's root as they change, to its end."""
        async for details in run.watch():
            yield details

    async def _within(self, call: Awaitable[T], seconds: float = _SECONDS) -> T:
        try:
            return await asyncio.wait_for(call, seconds)
        except TimeoutError:
            raise RuntimeSystemError(
                "EndpointSilent", f"{self.address.shown} did not answer within {seconds:g} s"
            ) from None

    async def _init(self) -> None:
        path, formats = list(sys.path), [(h, h.formatter) for h in logging.root.handlers]
        try:
            await flyte.init.aio(
                endpoint=self.address.url,
                project=self.address.project,
                domain=self.address.domain,
                org=self.address.org,
                insecure=self.address.is_plain,
                **{"sync_local_sys_paths": False, "log_level": logging.ERROR, **self._options},
            )
        finally:  # what it does to this process besides
            sys.path[:] = path
            for handler, form in formats:
                handler.setFormatter(form)
        _connected[:] = [self.address]


@cache
def _end_gently() -> None:
    """Let the threads of the SDK's transport finish before the interpreter ends.

    They give back objects of Python a moment after a call has returned; one that is late aborts the process.
    """
    atexit.register(time.sleep, _MOMENT)


async def _tailed(request: Any) -> AsyncIterator[list[Line]]:
    """Give the lines of a log, which may not be there at once; runs where the SDK's connection lives.

    The SDK's own way to it tells no streams, and takes a hop between threads for each line.
    """
    client = load("flyte._initialize").get_client()
    for left in reversed(range(_LOG_TRIES)):
        try:
            async for answer in client.dataproxy_service.tail_logs(request):
                yield [line for logs in answer.logs for line in _read(logs)]
        except Exception as error:
            if isinstance(error.__cause__, asyncio.CancelledError):
                raise asyncio.CancelledError from None  # nobody waits for another error any more
            if "not_found" not in str(getattr(error, "code", "")).lower() or not left:
                raise
        else:
            return
        await asyncio.sleep(_LOG_PAUSE)


def _read(logs: Any) -> Iterator[Line]:
    """Read lines; our own endpoint names their stream as their container, and cuts long ones."""
    is_ours = logs.container.cluster_name == _OURS
    stream = logs.container.kubernetes_container_name if is_ours else "stdout"
    for line in logs.lines:
        when = line.timestamp.seconds + line.timestamp.nanos / 1e9
        text = line.message if is_ours else f"{line.message.rstrip(_END)}{_END}"
        yield Line(when or time.time(), stream, text)
