"""A Flyte 2 endpoint as a place to run: tasks go there as official ones, and what happens comes back."""

import asyncio
import contextvars
import json
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.flyte_address import Address
from flyte_jupyter.backends.flyte_client import Client
from flyte_jupyter.backends.flyte_deploy import deploy, version_of
from flyte_jupyter.backends.flyte_deployed import spec_of, typed
from flyte_jupyter.backends.flyte_errors import exception
from flyte_jupyter.backends.flyte_facts import phase_of
from flyte_jupyter.backends.flyte_follow import Expected, Following, Published
from flyte_jupyter.backends.flyte_images import by_layers, by_name
from flyte_jupyter.backends.flyte_lines import Printed
from flyte_jupyter.backends.flyte_shared import pod
from flyte_jupyter.backends.flyte_translation import Translated, Translator
from flyte_jupyter.backends.flyte_types import value
from flyte_jupyter.backends.flyte_uploads import in_pieces
from flyte_jupyter.backends.flyte_values import literals_of
from flyte_jupyter.backends.mirror import ABORTED, Mirror
from flyte_jupyter.backends.per_loop import PerLoop
from flyte_jupyter.errors import ActionAbortedError
from flyte_jupyter.ids import digest
from flyte_jupyter.runs.events import ROOT, Emit
from flyte_jupyter.tasks.context import ContextData, TaskContext, current
from flyte_jupyter.tasks.environment import Environment
from flyte_jupyter.tasks.report import Report
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.types.holding import current_blobs
from flyte_jupyter.types.literal import Literals

MIRROR = "flyte-jupyter/mirror"
STORE = "flyte-jupyter/store"
ACTION = "flyte-jupyter/action"
"""Labels of a run there: the run, the store and the action of ours that it stands for."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,28}[a-z0-9]")
_AT_ONCE = 200
"""Runs that one process has at an endpoint at the same time; others wait."""
_ABORT = 1.2
"""Seconds that a cancelled action waits for the endpoint to take the abort."""


class FlyteBackend:
    """Runs actions at a Flyte 2 endpoint, each as a run of its own there.

    What the action calls becomes actions of that run, which are shown here below it. The endpoint retries and
    watches time limits itself.

    Args:
        endpoint: its URL: ``http://host:port/path``, ``https://host`` or ``dns:///host``.
        project: the project there.
        domain: the domain there.
        org: the organisation there.
        insecure: whether ``dns:///host`` is reached without encryption.
        **options: further keywords of the official ``flyte.init``: authentication, storage, image builder.

    Raises:
        DefinitionError: the URL is none.
    """

    name = "flyte"
    does = frozenset({"retry", "timeout"})

    def __init__(
        self,
        endpoint: str,
        *,
        project: str = "flytesnacks",
        domain: str = "development",
        org: str | None = None,
        insecure: bool = False,
        **options: Any,
    ) -> None:
        url = re.sub("^dns:///|^https://", "http://", endpoint) if insecure else endpoint
        self.address = Address(url=url, project=project, domain=domain, org=org)
        self.client = Client(self.address, options)
        self._translator = Translator(by_name if self.address.is_here else by_layers)
        self._stopping: set[asyncio.Future[None]] = set()
        self._limit = PerLoop(lambda: asyncio.Semaphore(_AT_ONCE))

    async def run(self, spec: ActionSpec, emit: Emit) -> Literals:
        """Run one action there, follow it, and give its outputs.

        Raises:
            BaseException: what the task raised, of its own class where that is known here.
        """
        details = spec.task.deployed
        if details is None:
            translated = self._translator.shipped(spec.task, spec.version)  # refuses before anything is sent
        else:
            translated = Translated(details, calls=True, reports=True, sent=details)
        async with self._limit.get():
            await self.client.ready()
            submitted = asyncio.ensure_future(self._submit(spec, translated))
            try:
                run = await asyncio.shield(submitted)
                return await self._followed(spec, run, emit, translated)
            except asyncio.CancelledError:
                await self._abort(spec, submitted)
                raise

    async def check(self) -> str:
        """See that the endpoint answers, and say where it is.

        Raises:
            InitializationError: it does not, or does not let this process in.
        """
        await self.client.check()
        return f"{self.address.shown}, project {self.address.project}, domain {self.address.domain}"

    async def deploy(self, envs: Sequence[Environment], version: str | None) -> Mapping[str, Any]:
        """Deploy environments in the given order; gives the version and the tasks of each.

        Raises:
            DeploymentError: the endpoint refuses.
        """
        named = version or version_of(envs)
        return {"version": named, "tasks": await deploy(self.client, self._translator, envs, named)}

    async def fetch(self, name: str, version: str | None) -> TaskSpec:
        """Give what runs a deployed task, wherever it is called from.

        Raises:
            RemoteTaskNotFoundError: there is none.
        """
        return spec_of(await self.client.task(name, version), self)

    async def close(self) -> None:
        """Give back what it holds: nothing."""

    def facts(self, run: str, folder: Any) -> Mapping[str, str]:
        """Say under which name and where a run of ours that runs there as a whole can be found."""
        return {"endpoint": self.address.shown, "remote": remote_name(run, ROOT, str(folder))}

    async def _submit(self, spec: ActionSpec, translated: Translated) -> Any:
        inputs = spec.task.interface.from_literals(spec.inputs)
        with in_pieces():
            values = {name: await value(one) for name, one in inputs.items()}
        options = _options(spec)
        if translated.sent is None:
            async with translated.sending.get():
                if translated.sent is None:
                    run = await self.client.submit(translated.task, values, options)
                    translated.sent = await self.client.sent(translated.task, run)
                    return run
        known = translated.sent if spec.task.deployed is None else typed(translated.sent, values)
        return await self.client.submit(known, values, options)

    async def _followed(self, spec: ActionSpec, run: Any, emit: Emit, translated: Translated) -> Literals:
        names, voices = getattr(spec.task.func, "__globals__", {}), Voices(spec)
        mirror = Mirror(spec.run.name, spec.id.name, self.name, emit)
        expected = Expected(children=translated.calls, reports=translated.reports)
        try:
            details = await self._follow(run, mirror, voices.printed, _publisher(spec), names, expected)
        except asyncio.CancelledError:
            mirror.abandon("what called it was stopped")
            raise
        finally:
            voices.finish()
        return await self.outputs(details, spec.task, names)

    async def pick_up(
        self,
        remote: str,
        mirror: Mirror,
        printed: Printed,
        published: Published,
        names: Mapping[str, Any],
        lines: Mapping[tuple[str, int], int],
    ) -> Any:
        """Follow a run that another process has submitted, to its end; see ``Following``.

        Raises:
            RunNotFoundError: there is none of that name.
        """
        run = await self.client.run(remote)
        return await self._follow(run, mirror, printed, published, names, Expected(lines=lines))

    async def _follow(
        self,
        run: Any,
        mirror: Mirror,
        printed: Printed,
        published: Published,
        names: Mapping[str, Any],
        expected: Expected,
    ) -> Any:
        blobs = current_blobs()
        return await Following(self.client, run, mirror, printed, published, names, blobs, expected).to_end()

    async def outputs(self, details: Any, task: TaskSpec | None, names: Mapping[str, Any]) -> Literals:
        """Give the outputs of a run that has ended, typed as the task says.

        Raises:
            BaseException: it did not succeed.
        """
        phase = phase_of(details.pb2.status.phase)
        if phase == ABORTED:
            reason = details.pb2.abort_info.reason
            raise ActionAbortedError(f"the endpoint's run {details.run_name} was aborted: {reason}")
        if phase not in ("SUCCEEDED", "RECOVERED"):
            info = details.pb2.error_info if details.pb2.HasField("error_info") else None
            raise exception(info, phase, names, self.address.shown)
        _, outputs = await self.client.literals(details)
        found = literals_of(outputs, current_blobs())
        return found if task is None else {p.name: found[p.name] for p in task.interface.outputs}

    async def _abort(self, spec: ActionSpec, submitted: "asyncio.Future[Any]") -> None:
        """Stop the run there; the caller waits for the answer only a moment."""

        async def stop() -> None:
            with suppress(Exception):
                run = await submitted
                await run.abort.aio(reason=f"run {spec.run.name} was stopped")

        stopping = asyncio.ensure_future(stop())
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.wait([stopping], timeout=_ABORT)


class Voices:
    """What actions there print, written here as by actions of this process.

    Args:
        spec: the action that stands for the run's root.
    """

    def __init__(self, spec: ActionSpec) -> None:
        self._spec = spec
        self._context = contextvars.copy_context()
        self._known: dict[tuple[str, int], TaskContext] = {}

    def printed(self, action: str, attempt: int, stream: str, text: str) -> None:
        """Write a line."""
        self._context.run(_write, self._voice(action, attempt), stream, text)

    def finish(self) -> None:
        """Write what was written without an end of line."""
        for voice in self._known.values():
            capture.finish(voice)

    def _voice(self, action: str, attempt: int) -> TaskContext:
        found = self._known.get((action, attempt))
        if found is None:
            one = self._spec
            found = self._known[action, attempt] = TaskContext(
                action=type(one.id)(action, one.id.run_name, one.id.project, one.id.domain),
                run=one.run,
                attempt_number=attempt,
            )
        return found


class Page(Report):
    """A report whose HTML is made already.

    Args:
        html: the whole page.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self._html = html

    def get_final_report(self) -> str:
        """Give the page."""
        return self._html


def remote_name(run: str, action: str, store: str) -> str:
    """Name the run there: the same for the same action of a run, so that submitting it again is that run."""
    if action == ROOT and _NAME.fullmatch(run):
        return run
    return f"h{digest('remote run', run, action, store)[:24]}"


def _options(spec: ActionSpec) -> dict[str, Any]:
    scope, store = spec.run, digest("store", _host(), str(spec.run.folder))[:12]
    labels = {**scope.labels, MIRROR: scope.name, STORE: store, ACTION: spec.id.name}
    given: dict[str, Any] = {
        "name": remote_name(scope.name, spec.id.name, str(scope.folder)),
        "labels": labels,
        "env_vars": {**scope.env_vars, **_called(spec)} or None,
        "overwrite_cache": scope.overwrite_cache or None,
        "disable_run_cache": scope.disable_cache or None,
        "custom_context": dict(spec.context.custom) or None,
        "project": scope.project,
        "domain": scope.domain,
    }
    return {name: one for name, one in given.items() if one is not None}


def _called(spec: ActionSpec) -> dict[str, str]:
    """Tell the root of a run there which action of ours it is, where it is another one."""
    if spec.id.name == ROOT:
        return {}
    group = spec.context.group.name if spec.context.group else ""
    return {pod().CALLED: json.dumps({"run": spec.run.name, "action": spec.id.name, "group": group})}


def _publisher(spec: ActionSpec) -> Any:
    publish = spec.run.publish
    return (
        (lambda _action, _html: None) if publish is None else lambda action, html: publish(action, Page(html))
    )


def _write(task: TaskContext, stream: str, text: str) -> None:
    token = current.set(ContextData(task))
    try:
        target = getattr(sys, stream)
        if target is not None:
            target.write(text)
    except (OSError, ValueError):
        pass  # the kernel's stream is closed: nobody can read it
    finally:
        current.reset(token)


_host = cache(socket.gethostname)
