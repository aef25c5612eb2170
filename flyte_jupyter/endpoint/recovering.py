"""Runs that recover another one: what succeeded there is taken from there."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from flyteidl2.common import run_pb2 as common_pb2  # type: ignore[import-untyped]  # no stubs
from flyteidl2.task import run_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.endpoint.state import State
from flyte_jupyter.endpoint.values import TASK, ActionRow, Phase

_GOOD = (Phase.SUCCEEDED, Phase.RECOVERED)


def source_of(spec: Any) -> str:
    """Name the run that a ``task.RunSpec`` recovers; empty if it recovers none."""
    is_recovery = spec.relation.relation_type == common_pb2.RELATION_TYPE_RECOVER
    name: str = spec.relation.related_to.name if is_recovery else ""
    return name


def recovered(state: State, action: ActionRow) -> ActionRow | None:
    """Give an action with the outputs that it had in the run that its run recovers; None if it has to run."""
    spec: Any = run_pb2.RunSpec.FromString(state.run(action.run).spec)
    source = source_of(spec)
    if not source or action.kind != TASK or action.name in spec.recover.force_rerun_actions:
        return None
    found = state.find_action(source, action.name)
    if found is None or found.phase not in _GOOD or not Path(found.outputs_file).is_file():
        return None
    now = time.time()
    return replace(action, phase=Phase.RECOVERED, outputs=found.outputs, started=now, ended=now)
