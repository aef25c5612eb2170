"""DataProxyService: uploads, inputs, outputs, downloads and logs."""

import asyncio
import os
from collections.abc import AsyncIterator
from itertools import groupby
from pathlib import Path
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.dataproxy import dataproxy_service_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.dataproxy.dataproxy_service_connect import DataProxyService  # type: ignore[import-untyped]  # no stubs
from flyteidl2.logs.dataplane import payload_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import common_pb2  # type: ignore[import-untyped]  # no stubs
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.hub import Hub
from flyte_jupyter.endpoint.links import GET, PUT
from flyte_jupyter.endpoint.messages import moment
from flyte_jupyter.endpoint.output import Line
from flyte_jupyter.endpoint.results import inputs_hash
from flyte_jupyter.endpoint.services.tasks import deployed
from flyte_jupyter.endpoint.values import ActionRow
from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.ids import random_name

_HOUR = 3600.0
_LINES = 500  # in one message
CLUSTER = "flyte-jupyter"
"""What a log names as its cluster; who knows it takes the container for the stream."""


class Data(DataProxyService):  # type: ignore[misc]  # no stubs
    """The service."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def create_upload_location(self, request: Any, ctx: Any) -> Any:
        """Give a link to upload a file to."""
        root = request.filename_root or random_name("u")
        path = self._hub.folders.upload(root, request.filename or "file")
        seconds = min(request.expires_in.seconds or _HOUR, _HOUR)
        url, until = self._hub.links.make(PUT, path, seconds)
        return dataproxy_service_pb2.CreateUploadLocationResponse(
            signed_url=url, native_url=str(path), expires_at=moment(until)
        )

    async def upload_inputs(self, request: Any, ctx: Any) -> Any:
        """Take inputs, and give where they are with their hash."""
        spec = request.task_spec
        if request.WhichOneof("task") == "task_id":
            spec = deployed(self._hub, request.task_id)
        path = written_inputs(self._hub, request.inputs, request.base_dir)
        ignored = tuple(spec.task_template.metadata.cache_ignore_input_vars)
        return dataproxy_service_pb2.UploadInputsResponse(
            offloaded_input_data={
                "uri": str(path.parent),
                "inputs_hash": inputs_hash(request.inputs, ignored),
            }
        )

    async def get_action_data(self, request: Any, ctx: Any) -> Any:
        """Give an action's inputs and outputs."""
        action = self._hub.state.action(request.action_id.run.name, request.action_id.name)
        return data_of(self._hub, action)

    async def create_download_link(self, request: Any, ctx: Any) -> Any:
        """Give a link to an attempt's report, or to a task's code."""
        path = self._wanted(request)
        if path is None or not path.is_file():
            raise ConnectError(Code.NOT_FOUND, "there is no such file for it")
        seconds = min(request.expires_in.seconds or _HOUR, _HOUR)
        url, until = self._hub.links.make(GET, path, seconds)
        return dataproxy_service_pb2.CreateDownloadLinkResponse(
            pre_signed_urls={"signed_url": [url], "expires_at": moment(until)}
        )

    async def tail_logs(self, request: Any, ctx: Any) -> AsyncIterator[Any]:
        """Give what an attempt printed, as it comes, up to the end of the attempt."""
        run, name = request.action_id.run.name, request.action_id.name
        self._hub.state.action(run, name)
        attempt, position = request.attempt or 1, 0
        topics = (("output", run, name, attempt), ("action", run, name))
        with self._hub.bells.heard(*topics) as rung:
            while True:
                rung.clear()
                over = self._over(run, name, attempt)
                lines, position = self._hub.output.read(run, name, attempt, position)
                for start in range(0, len(lines), _LINES):
                    yield _logs(lines[start : start + _LINES], request)
                if over:
                    return
                await rung.wait()
                await asyncio.sleep(0.02)  # what comes together goes together

    def _over(self, run: str, name: str, attempt: int) -> bool:
        action = self._hub.state.action(run, name)
        return action.phase.terminal or action.attempts > attempt

    def _wanted(self, request: Any) -> Path | None:
        if request.WhichOneof("source") == "task_id":
            return self._code(deployed(self._hub, request.task_id))
        if request.WhichOneof("source") != "action_attempt_id":
            return None
        wanted = request.action_attempt_id
        action = self._hub.state.action(wanted.action_id.run.name, wanted.action_id.name)
        if request.artifact_type == dataproxy_service_pb2.ARTIFACT_TYPE_REPORT:
            return report_of(action, wanted.attempt)
        from_spec: Any = self._hub.messages.spec(action)
        return self._code(from_spec)

    def _code(self, spec: Any) -> Path | None:
        args = list(spec.task_template.container.args)
        for flag in ("--tgz", "--pkl"):
            if flag in args:
                return self._hub.folders.inside(args[args.index(flag) + 1])
        return None


def report_of(action: ActionRow, attempt: int) -> Path:
    """Name the file of an attempt's report."""
    return Path(action.base) / action.name / str(attempt) / "report.html"


def written_inputs(hub: Hub, inputs: Any, base: str = "") -> Path:
    """Write inputs to a folder of their own, and give the file."""
    where = hub.folders.inside(base) if base else hub.folders.data / "inputs"
    folder = where / random_name("i")
    folder.mkdir(mode=0o700, parents=True)
    path = folder / "inputs.pb"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(inputs.SerializeToString())
    return path


def data_of(hub: Hub, action: ActionRow) -> Any:
    """Read an action's inputs and outputs."""
    outputs = action.outputs_file
    message: Any = dataproxy_service_pb2.GetActionDataResponse(inputs_uri=action.inputs, outputs_uri=outputs)
    message.inputs.CopyFrom(_read(hub, action.inputs, common_pb2.Inputs))
    if action.value:
        message.outputs.literals.add(name="o0").value.ParseFromString(action.value)
    elif action.phase.terminal:
        message.outputs.CopyFrom(_read(hub, outputs, common_pb2.Outputs))
    return message


def _read(hub: Hub, uri: str, kind: Any) -> Any:
    if not uri:
        return kind()
    try:
        return kind.FromString(hub.folders.inside(uri).read_bytes())
    except FileNotFoundError:
        return kind()
    except (OSError, DecodeError) as error:
        raise DefinitionError(f"{uri} cannot be read: {error}") from None


def _logs(found: list[Line], request: Any) -> Any:
    """Write lines; the stream, which the protocol has no word for, stands where clusters name a container."""
    message: Any = dataproxy_service_pb2.TailLogsResponse()
    where = request.action_id
    for stream, lines in groupby(found, lambda line: line.stream):
        container = payload_pb2.ContainerIdentifier(
            cluster_name=CLUSTER, kubernetes_namespace=where.run.name,
            kubernetes_pod_name=f"{where.name}-{request.attempt or 1}", kubernetes_container_name=stream,
        )  # fmt: skip
        logs = message.logs.add(container=container)
        for line in lines:
            logs.lines.add(timestamp=moment(line.time), message=line.text, originator=payload_pb2.USER)
    return message
