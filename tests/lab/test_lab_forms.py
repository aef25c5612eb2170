"""States as the server writes them are those of the golden files, without values."""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "runs"))
from eventlogs import GOLDEN, wide

from flyte_jupyter.lab.forms import event_json, state_json
from flyte_jupyter.runs.events import from_json
from flyte_jupyter.runs.state import fold

names = [path.name.removesuffix(".events.jsonl") for path in sorted(GOLDEN.glob("*.events.jsonl"))]


def read(name):
    return [from_json(line) for line in (GOLDEN / f"{name}.events.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", names)
def test_a_state_is_written_as_in_the_golden_files_but_for_values(name):
    golden = json.loads((GOLDEN / f"{name}.state.json").read_text())
    for action in golden["actions"]:
        action.pop("inputs", None)
        action.pop("outputs", None)

    assert json.loads(json.dumps(state_json(fold(read(name))))) == golden


@pytest.mark.parametrize("name", names)
def test_events_without_values_fold_to_that_state(name):
    events = [from_json(json.dumps(event_json(event))) for event in read(name)]

    assert state_json(fold(events)) == state_json(fold(read(name)))


def test_a_large_state_is_written_whole():
    assert len(state_json(fold(wide(2_000)))["actions"]) == 2_001
