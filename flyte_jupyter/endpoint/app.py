"""The ASGI application: the services of the protocol and files, behind the endpoint's secret path."""

import asyncio
import hmac
import json
import time
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
    """Answers requests below ``/<secret>/``, and signed links below ``/files/``; refuses all others.

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
        self._answering: set[asyncio.Future[None]] = set()
        self._closed = False
        self._state = hub.state
        self._asked = time.monotonic()

    def idle(self) -> float:
        """Give the seconds since somebody asked for something; 0 while anything runs or is watched."""
        busy = self._answering or self._state.is_busy()
        return 0.0 if busy else time.monotonic() - self._asked

    def close(self) -> None:
        """End the answers that are in progress; clients that watch ask again."""
        self._closed = True
        for answering in list(self._answering):
            answering.cancel()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        self._asked = time.monotonic()
        word, _, rest = scope["path"].lstrip("/").partition("/")
        if word == "files":
            await files.serve(scope, receive, send, rest, self._links)
        elif not hmac.compare_digest(word.encode(), self._secret.encode()):
            await files.answer(
                send, 403, "this is not the URL of the endpoint; see endpoint.json in its store"
            )
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
        await self._while_connected(service, {**scope, "path": path, "root_path": ""}, receive, send)

    async def _while_connected(self, app: Any, scope: Any, receive: Any, send: Any) -> None:
        """Let a service answer for as long as its client and this endpoint are there.

        Who watches an idle stream does not notice by itself that nobody reads it.
        """
        messages: asyncio.Queue[Any] = asyncio.Queue()
        answering = asyncio.ensure_future(app(scope, messages.get, send))
        listening = asyncio.ensure_future(_listen(receive, messages))
        self._answering.add(answering)
        try:
            await asyncio.wait((answering, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone = listening.done() or self._closed
            self._answering.discard(answering)
            listening.cancel()
            answering.cancel()
        await asyncio.wait((answering,))
        error = None if answering.cancelled() else answering.exception()
        if error is not None and not (gone or self._closed):
            raise error


async def _listen(receive: Any, messages: "asyncio.Queue[Any]") -> None:
    """Pass on what a client sends, up to its end."""
    while True:
        message = await receive()
        messages.put_nowait(message)
        if message["type"] == "http.disconnect":
            return
