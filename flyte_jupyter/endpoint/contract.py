"""What the official runtime is started with: its arguments, its variables, and the places that it is told."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flyte_jupyter.endpoint.values import ActionRow, RunRow

_NOT_PASSED = ("FLYTE_JUPYTER_", "FLYTE_", "UCTL_CONFIG", "_U_", "_UNION_", "_F_")
"""Beginnings of variables of the endpoint's own that would mislead a worker."""


def places(action: ActionRow, attempt: int) -> dict[str, str]:
    """Name what a container's arguments refer to by templates, but for what belongs to the run."""
    here = Path(action.base) / action.name / str(attempt)
    before = Path(action.base) / action.name / str(attempt - 1)
    return {
        "{{.input}}": action.inputs,
        "{{.outputPrefix}}": str(here),
        "{{.rawOutputDataPrefix}}": str(here / "raw"),
        "{{.checkpointOutputPrefix}}": str(here / "_flytecheckpoints"),
        "{{.prevCheckpointPrefix}}": str(before / "_flytecheckpoints") if attempt > 1 else "",
        "{{.actionName}}": action.name,
    }


def arguments(container: Any, run: RunRow, action: ActionRow, attempt: int) -> tuple[str, ...]:
    """Fill in a container's command and arguments."""
    start = datetime.fromtimestamp(run.start, UTC).isoformat()
    known = places(action, attempt) | {"{{.runName}}": run.name, "{{.runStartTime}}": start}
    return tuple(_filled(part, known) for part in (*container.command, *container.args))


def variables(
    container: Any, spec: Any, run: RunRow, action: ActionRow, attempt: int, url: str
) -> dict[str, str]:
    """Give the whole environment of a worker: the endpoint's, the task's, the run's and the protocol's."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_PASSED)}
    env |= {pair.key: pair.value for pair in container.env}
    env |= {pair.key: pair.value for pair in spec.envs.values}
    return env | {
        "ACTION_NAME": action.name,
        "RUN_NAME": run.name,
        "FLYTE_INTERNAL_EXECUTION_PROJECT": run.place.project,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": run.place.domain,
        "FLYTE_ATTEMPT_NUMBER": str(attempt - 1),
        "FLYTE_JUPYTER_GROUP": action.group,
        "FSSPEC_FILE_AUTO_MKDIR": "true",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        "_U_RUN_BASE": run.base,
        "_U_ORG_NAME": run.place.org,
        "_U_EP_OVERRIDE": url,
        "_U_INSECURE": "true",
        "_U_USE_ACTIONS": "1",
    }


def outputs(action: ActionRow, attempt: int) -> str:
    """Name the folder that an attempt writes its outputs, error and report to."""
    return places(action, attempt)["{{.outputPrefix}}"]


def _filled(text: str, known: Mapping[str, str]) -> str:
    for template, value in known.items():
        text = text.replace(template, value)
    return text
