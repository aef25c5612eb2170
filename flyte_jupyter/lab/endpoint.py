"""The endpoint of a store, in a process of its own: its runs outlive the kernel and the server."""

import asyncio
import json
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from flyte_jupyter.lab.handlers import Handler, translated
from flyte_jupyter.loading import load


class Endpoint(Handler):
    """Whether an endpoint serves a notebook's store; starts one when asked to."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``{"serving": true, "pid": 12, "started": seconds}``; both are null where none serves."""
        await self._told("flyte_jupyter.endpoint.found:find")

    @web.authenticated
    @authorized("execute")  # type: ignore[untyped-decorator] # typed for use without arguments only
    async def post(self) -> None:
        """Start it, unless one serves; the answer is that of ``get``."""
        await self._told("flyte_jupyter.endpoint.starting:ensure")

    async def _told(self, how: str) -> None:
        near = self.get_query_argument("near", "")
        work = asyncio.to_thread(lambda: load(how, "endpoint")(self.stores.home(near)))
        found: Any = await translated(work)
        pid, started = (found.pid, found.started) if found else (None, None)
        self.finish(json.dumps({"serving": found is not None, "pid": pid, "started": started}))
