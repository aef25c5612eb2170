"""REST over the run stores. Every answer is JSON but a report, which is a page in a sandbox of its own."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from flyte_jupyter import __version__
from flyte_jupyter.errors import ActionNotFoundError, Error, ResultNotKeptError, RunNotFoundError
from flyte_jupyter.lab import forms, listing, searching
from flyte_jupyter.lab.compared import comparison_json
from flyte_jupyter.lab.quickstart import quickstart
from flyte_jupyter.lab.stopping import stop
from flyte_jupyter.lab.stores import Stores, identity_of
from flyte_jupyter.lab.values import Values
from flyte_jupyter.notebook.render.marks import marks
from flyte_jupyter.notebook.render.report import POLICY, report_page
from flyte_jupyter.runs.state import ActionState
from flyte_jupyter.runs.store import RunStore

RESOURCE = "flyte_jupyter"
"""What a user has to be authorised for: to read, or to execute."""

_CHARACTERS = 1_000_000
"""Of log lines in one answer, unless fewer are asked for."""

_MOST_CHARACTERS = 8_000_000

_MISSING = (RunNotFoundError, ActionNotFoundError, ResultNotKeptError)


class Handler(APIHandler):
    """Answers from a store, in a thread, so that the server goes on meanwhile."""

    auth_resource = RESOURCE

    def initialize(self, stores: Stores, values: Values) -> None:
        """Take what all handlers share."""
        self.stores = stores
        self.values = values

    async def answer(self, work: Callable[[RunStore], Any]) -> None:
        """Do some work on the request's store, and send what it gives."""
        self.finish(await self.worked(lambda store: json.dumps(work(store))))

    async def worked(self, work: Callable[[RunStore], Any]) -> Any:
        """Do some work on the request's store.

        Raises:
            HTTPError: 404 if something is not there, 400 if the request is wrong, 409 if it cannot be done.
        """

        def on_store() -> Any:
            store = self.stores.near(self.get_query_argument("near", "", strip=False))
            if store is None:
                raise RunNotFoundError("nothing was recorded here yet")
            return work(store)

        return await translated(asyncio.to_thread(on_store))

    @property
    def said(self) -> Mapping[str, str]:
        """The request's query."""
        return {name: self.get_query_argument(name, strip=False) for name in self.request.query_arguments}


async def translated(work: Any) -> Any:
    """Wait for some work; its errors become answers.

    Raises:
        HTTPError: it failed.
    """
    try:
        return await work
    except _MISSING as error:
        raise web.HTTPError(404, _text(error)) from None
    except Error as error:
        raise web.HTTPError(409, _text(error)) from None
    except ValueError as error:
        raise web.HTTPError(400, _text(error)) from None


def _text(error: Exception) -> str:
    return str(error).replace("%", "%%")  # tornado formats it


class Status(Handler):
    """What answers here, and for which store."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """``{"version": ..., "store": id, or null where nothing was recorded}``."""
        path = self.get_query_argument("near", "", strip=False)
        store = await translated(asyncio.to_thread(self.stores.near, path))
        self.finish(json.dumps({"version": __version__, "store": identity_of(store) if store else None}))


class Runs(Handler):
    """The list of runs."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Give a page: ``{"runs": [...], "total": 12, "next": cursor or null, "store": id or null}``."""
        said = self.said

        def work() -> Any:
            query = listing.Query.of(said)
            store = self.stores.near(said.get("near", ""))
            if store is None:
                return {"runs": [], "total": 0, "next": None, "store": None}
            return {**listing.page(store, query), "store": identity_of(store)}

        self.finish(json.dumps(await translated(asyncio.to_thread(work))))


class OneRun(Handler):
    """One run's state."""

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """``{"last": number of its last event, "store": id, "state": {...}}``."""
        await self.answer(lambda store: {"store": identity_of(store), **forms.state(store, run)})


class Row(Handler):
    """One run as the list shows it."""

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """Give its row."""
        row = await self.worked(lambda store: listing.row(store, run))
        if row is None:
            raise web.HTTPError(404, _text(RunNotFoundError(f"the run store has no run {run!r}")))
        self.finish(json.dumps(row))


class Marks(Handler):
    """What tells calls of one task apart."""

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """``{"marks": {action: the inputs in which it differs from others of its name}}``."""
        await self.answer(lambda store: {"marks": dict(marks(store.state(run).actions.values()))})


class Events(Handler):
    """What happened behind an event."""

    @web.authenticated
    @authorized
    async def get(self, run: str) -> None:
        """``{"events": [[number, {...}], ...], "more": whether there are more}``."""
        after = self.said
        await self.answer(lambda store: forms.events(store, run, listing.whole(after, "after", 0)))


class Logs(Handler):
    """What an action printed."""

    @web.authenticated
    @authorized
    async def get(self, run: str, action: str) -> None:
        """Give rows behind ``after``, or from about ``tail`` characters before the row ``until``.

        With ``search``, lines that hold that text; see ``searching.found``.
        """
        said = self.said

        def work(store: RunStore) -> Any:
            after = listing.whole(said, "after", 0)
            if said.get("search"):
                line = listing.whole(said, "line", 0) if said.get("line") else None
                attempt = listing.whole(said, "attempt", 0)
                return searching.found(
                    store, run, action, said["search"], after=after, line=line, attempt=attempt
                )
            size = min(_MOST_CHARACTERS, max(1, listing.whole(said, "size", _CHARACTERS)))
            if said.get("tail"):
                until = listing.whole(said, "until", forms.LAST)
                after = forms.tail(store, run, action, listing.whole(said, "tail", _CHARACTERS), until)
            return {"begins": after, **forms.logs(store, run, action, after, size)}

        await self.answer(work)


class ActionValues(Handler):
    """Pictures of an action's inputs and outputs."""

    @web.authenticated
    @authorized
    async def get(self, run: str, action: str) -> None:
        """``{"inputs": [{"name", "kind", "text", ...}], "outputs": [...]}``; null where they are not kept."""
        await self.answer(lambda store: self.values.of(store, _action(store, run, action)))


class Frame(Handler):
    """Pages of a frame that an action was given or returned."""

    @web.authenticated
    @authorized
    async def get(self, run: str, action: str, which: str, name: str) -> None:
        """Give a page; ``page``, ``size``, ``sort``, ``order``, ``text`` and ``column`` say which."""
        said = self.said
        await self.answer(
            lambda store: self.values.frame(store, _action(store, run, action), which, name, said)
        )


class Report(Handler):
    """An action's report."""

    @property
    def content_security_policy(self) -> str:
        """The sandbox: scripts of the report itself, no network, no reach to the page around it."""
        return f"sandbox allow-scripts; frame-ancestors 'self'; {POLICY}"

    @web.authenticated
    @authorized
    async def get(self, run: str, action: str) -> None:
        """Give it as a page."""

        def work(store: RunStore) -> str:
            found = _action(store, run, action)
            if not found.report:
                raise ResultNotKeptError(f"{found.task} of run {run} wrote no report")
            try:
                return report_page(store.blobs.get(found.report).decode())
            except KeyError:
                raise ResultNotKeptError(f"the report of {found.task} is gone from the store") from None

        page = await self.worked(work)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(page, set_content_type="text/html; charset=utf-8")


class Quickstart(Handler):
    """The notebook to begin with."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Give the notebook as it is on disk."""
        self.finish(await translated(asyncio.to_thread(quickstart)))


class Abort(Handler):
    """Stops a run."""

    @web.authenticated
    @authorized("execute")  # type: ignore[untyped-decorator] # typed for use without arguments only
    async def post(self, run: str) -> None:
        """``{"phase": its phase a moment later}``."""
        await self.answer(lambda store: {"phase": stop(store, run).value})


class Comparison(Handler):
    """What differs between two runs."""

    @web.authenticated
    @authorized
    async def get(self, run: str, other: str) -> None:
        """Compare a run with a later one."""
        await self.answer(lambda store: comparison_json(store, run, other))


def routes(stores: Stores) -> list[tuple[str, type[Handler], dict[str, Any]]]:
    """Give the routes, without the server's base."""
    shared = {"stores": stores, "values": Values()}
    run, action = r"flyte-jupyter/runs/([^/]+)", r"/actions/([^/]+)"
    found: Mapping[str, type[Handler]] = {
        r"flyte-jupyter/status": Status,
        r"flyte-jupyter/quickstart": Quickstart,
        r"flyte-jupyter/runs": Runs,
        run: OneRun,
        f"{run}/row": Row,
        f"{run}/events": Events,
        f"{run}/marks": Marks,
        f"{run}/abort": Abort,
        f"{run}/compare/([^/]+)": Comparison,
        f"{run}{action}/logs": Logs,
        f"{run}{action}/values": ActionValues,
        f"{run}{action}/report": Report,
        f"{run}{action}/frames/(inputs|outputs)/([^/]+)": Frame,
    }
    return [(f"/{pattern}", handler, shared) for pattern, handler in found.items()]


def _action(store: RunStore, run: str, action: str) -> ActionState:
    found = store.state(run).actions.get(action)
    if found is None:
        raise ActionNotFoundError(f"run {run} has no action {action!r}")
    return found
