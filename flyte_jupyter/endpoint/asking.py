"""Asks the endpoint of a store from another process; needs none of the endpoint's libraries."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from flyte_jupyter.endpoint.found import find
from flyte_jupyter.errors import InitializationError, RuntimeSystemError

_PATIENCE = 20.0
_SERVICES = "flyteidl2."


def abort_run(store: Path, run: str, place: str, reason: str) -> None:
    """End a run that the endpoint of a store drives.

    Args:
        store: the store's folder.
        run: the run's name.
        place: its organisation, project and domain, as the run's source has them: ``"org/project/domain"``.
        reason: why.

    Raises:
        InitializationError: no endpoint serves the store.
        RuntimeSystemError: it refuses.
    """
    org, project, domain = place.split("/", 2)
    run_id = {"org": org, "project": project, "domain": domain, "name": run}
    call(store, "workflow.RunService/AbortRun", {"runId": run_id, "reason": reason})


def call(store: Path, method: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call a method of the protocol, in JSON.

    Raises:
        InitializationError: no endpoint serves the store.
        RuntimeSystemError: it refuses.
    """
    found = find(store)
    if found is None:
        raise InitializationError(
            f"the endpoint of {store} does not serve now. Start it: flyte-jupyter serve --store {store}"
        )
    asked = urllib.request.Request(  # noqa: S310 - the URL is the store's own note
        f"{found.url}/{_SERVICES}{method}", json.dumps(request).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=_PATIENCE) as answer:  # noqa: S310 - likewise
            given: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as refused:
        said = json.loads(refused.read() or b"{}").get("message", refused.reason)
        raise RuntimeSystemError("EndpointRefused", str(said)) from None
    except (OSError, ValueError) as error:
        raise RuntimeSystemError("EndpointUnavailable", f"the endpoint of {store}: {error}") from None
    return given
