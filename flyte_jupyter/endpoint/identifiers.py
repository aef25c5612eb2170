"""Identifiers of the protocol as values, and values as identifiers."""

from typing import Any

from flyteidl2.common import identifier_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import task_definition_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.values import ActionRow, Place, RunRow

ORG, PROJECT, DOMAIN = "local", "flytesnacks", "development"
"""What stands where a client names none."""


def place_of(message: Any) -> Place:
    """Read the place of a run, project or task."""
    org = getattr(message, "org", "") or getattr(message, "organization", "")
    project = message.project if hasattr(message, "project") else message.name
    return Place(org=org or ORG, project=project or PROJECT, domain=message.domain or DOMAIN)


def run_id(run: RunRow) -> Any:
    """Write the identifier of a run."""
    place = run.place
    return identifier_pb2.RunIdentifier(
        org=place.org, project=place.project, domain=place.domain, name=run.name
    )


def action_id(run: RunRow, action: ActionRow) -> Any:
    """Write the identifier of an action."""
    return identifier_pb2.ActionIdentifier(run=run_id(run), name=action.name)


def task_id(place: Place, name: str, version: str) -> Any:
    """Write the identifier of a task."""
    return task_definition_pb2.TaskIdentifier(
        org=place.org, project=place.project, domain=place.domain, name=name, version=version
    )
