"""The extension of Jupyter Server: routes below ``/flyte-jupyter/``, and the watch over the stores."""

import asyncio
from pathlib import Path
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from tornado.ioloop import IOLoop

from flyte_jupyter.lab.endpoint import Endpoint
from flyte_jupyter.lab.handlers import routes
from flyte_jupyter.lab.stores import Stores
from flyte_jupyter.lab.values import Values
from flyte_jupyter.lab.watching import SCHEMA, SCHEMA_FILE, Watch


class FlyteRuns(ExtensionApp):
    """Shows the run stores of the notebooks below the server's folder."""

    name = "flyte_jupyter"

    def initialize_settings(self) -> None:
        """Start to watch."""
        server: Any = self.serverapp
        self.stores = Stores(Path(server.contents_manager.root_dir if _is_local(server) else server.root_dir))
        server.event_logger.register_event_schema(SCHEMA_FILE)
        watch = Watch(self.stores, lambda data: server.event_logger.emit(schema_id=SCHEMA, data=data))
        self._watching: asyncio.Task[None] | None = None
        IOLoop.current().add_callback(self._start, watch)

    def initialize_handlers(self) -> None:
        """Add the routes."""
        shared = {"stores": self.stores, "values": Values()}
        self.handlers.extend([*routes(self.stores), ("/flyte-jupyter/endpoint", Endpoint, shared)])

    async def stop_extension(self) -> None:
        """Close what is open."""
        if self._watching is not None:
            self._watching.cancel()
        await asyncio.to_thread(self.stores.close)

    def _start(self, watch: Watch) -> None:
        self._watching = asyncio.create_task(watch.run())


def _is_local(server: Any) -> bool:
    """Whether the server's notebooks are files of this machine below one folder."""
    return bool(getattr(server.contents_manager, "root_dir", ""))
