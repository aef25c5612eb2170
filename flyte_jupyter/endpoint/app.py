"""The ASGI application: the services of the protocol and files, behind the endpoint's secret path."""

import asyncio
import hmac
import json
from collections.abc import Callable
from typing import Any

from flyteidl2.actions.actions_service_connect import ActionsServiceASGIApplication  # type: ignore[import-untyped]  # no stubs
from flyteidl2.auth.identity_connect import IdentityServiceASGIApplication  # type: ignore[import-untyped]  # no stubs
from flyteidl2.cluster.service_connect import ClusterServiceASGIApplication  # type: ignore[import-untyped]  # no stubs
from flyteidl2.dataproxy.dataproxy_service_connect import DataProxyServiceASGIApplication  # type: ignore[import-untyped]  # no stubs
from flyteidl2.project.project_service_connect import ProjectServiceASGIApplication  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task.task_service_connect import TaskServiceASGIApplication  # type: ignore[import-untyped]  # no stubs
from flyteidl2.workflow.run_service_connect import RunServiceASGIApplication  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter import __version__
from flyte_jupyter.endpoint import files
from flyte_jupyter.endpoint.hub import Hub
from flyte_jupyter.endpoint.refusals import Checked
from flyte_jupyter.endpoint.services.actions import Actions
from flyte_jupyter.endpoint.services.data import Data
from flyte_jupyter.endpoint.services.runs import Runs
from flyte_jupyter.endpoint.services.tasks import Tasks
from flyte_jupyter.endpoint.services.world import Clusters, Identity, Projects

_MAKERS: tuple[tuple[Callable[..., Any], Callable[[Hub], Any]], ...] = (
    (ActionsServiceASGIApplication, Actions),
    (RunServiceASGIApplication, Runs),
    (TaskServiceASGIApplication, Tasks),
    (DataProxyServiceASGIApplication, Data),
    (ProjectServiceASGIApplication, Projects),
    (ClusterServiceASGIApplication, lambda _: Clusters()),
    (IdentityServiceASGIApplication, lambda _: Identity()),
)


class App:
    """Answers requests below ``/<secret>/``; refuses all others.

    Args:
        hub: what the services work with.
        secret: the word in the URL.
        strict: whether answers are checked against the rules of the protocol, too.
    """

    def __init__(self, hub: Hub, secret: str, *, strict: bool = False) -> None:
        self._links = hub.links
        self._secret = secret
        checks = [Checked(strict=strict)]
        made = [kind(make(hub), interceptors=checks) for kind, make in _MAKERS]
        self._services = {app.path: app for app in made}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        word, _, rest = scope["path"].lstrip("/").partition("/")
        if not hmac.compare_digest(word.encode(), self._secret.encode()):
            await files.answer(
                send, 403, "this is not the URL of the endpoint; see endpoint.json in its store"
            )
        elif rest.startswith("files/"):
            await files.serve(scope, receive, send, rest.removeprefix("files/"), self._links)
        elif rest:
            await self._serve(scope, receive, send, f"/{rest}")
        else:
            text = json.dumps({"endpoint": "flyte_jupyter", "version": __version__})
            await files.answer(send, 200, text, "application/json")

    async def _serve(self, scope: Any, receive: Any, send: Any, path: str) -> None:
        service = self._services.get(path.rpartition("/")[0])
        if service is None:
            text = json.dumps({"code": "unimplemented", "message": f"this endpoint has no {path[1:]}"})
            await files.answer(send, 501, text, "application/json")
            return
        await _while_connected(service, {**scope, "path": path, "root_path": ""}, receive, send)


async def _while_connected(app: Any, scope: Any, receive: Any, send: Any) -> None:
    """Let an application answer for as long as its client is there.

    Who watches an idle stream does not notice by itself that nobody reads it.
    """
    messages: asyncio.Queue[Any] = asyncio.Queue()
    answering = asyncio.ensure_future(app(scope, messages.get, send))
    gone = False

    async def listen() -> None:
        nonlocal gone
        while not gone:
            message = await receive()
            messages.put_nowait(message)
            gone = message["type"] == "http.disconnect"
        answering.cancel()

    listening = asyncio.ensure_future(listen())
    try:
        await asyncio.wait((answering,))
    finally:
        listening.cancel()
        answering.cancel()
    error = None if answering.cancelled() else answering.exception()
    if error is not None and not gone:
        raise error
