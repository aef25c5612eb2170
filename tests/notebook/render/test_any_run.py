"""Any sequence of events, however broken, has a card, a bundle and a text."""

import json
from pathlib import Path

import lab_sanitiser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_jupyter.notebook.render.bundle import bundle, run_json
from flyte_jupyter.notebook.render.card import card
from flyte_jupyter.runs.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptFailed,
    AttemptStarted,
    CacheChecked,
    Failure,
    RunInterrupted,
    RunStarted,
    from_json,
)
from flyte_jupyter.runs.state import fold

GOLDEN = sorted(Path(__file__).parents[2].glob("golden/*.events.jsonl"))
NAMES = st.sampled_from(["a0", "a1", "a2", "a3", "a4", "gone"])
TEXT = st.text(st.characters(codec=None), max_size=12)
TIMES = st.floats(0, 2e9, allow_nan=False)
FAILURES = st.builds(
    Failure, code=TEXT, message=TEXT, traceback=TEXT, kind=st.sampled_from(["user", "timeout", "abort", ""])
)
BASE = {"run": TEXT, "action": NAMES, "time": TIMES}
EVENTS = st.one_of(
    st.builds(RunStarted, **BASE, task=TEXT, mode=TEXT, labels=st.dictionaries(TEXT, TEXT, max_size=2)),
    st.builds(ActionQueued, **BASE, task=TEXT, name=TEXT, parent=st.none() | NAMES, group=st.none() | TEXT),
    st.builds(AttemptStarted, **BASE, attempt=st.integers(0, 3), place=TEXT),
    st.builds(AttemptFailed, **BASE, attempt=st.integers(0, 3), failure=FAILURES),
    st.builds(CacheChecked, **BASE, status=st.sampled_from(["hit", "miss", "disabled", "?"])),
    st.builds(ActionSucceeded, **BASE),
    st.builds(ActionFailed, **BASE, failure=FAILURES),
    st.builds(ActionAborted, **BASE, reason=TEXT),
    st.builds(RunInterrupted, **BASE, reason=TEXT),
)


@given(st.lists(EVENTS, min_size=1, max_size=25), TIMES, TEXT)
@settings(max_examples=300, deadline=None)
def test_any_run_can_be_shown(events, now, log):
    state = fold(events)
    html = card(state, now=now, logs=dict.fromkeys(state.actions, log), outputs={log: log})
    found = bundle(state, now=now)

    assert lab_sanitiser.read(html).lost == []
    assert json.dumps(run_json(state), allow_nan=False)
    found["text/plain"].encode()


@pytest.mark.parametrize("log", GOLDEN, ids=lambda path: path.name.partition(".")[0])
def test_every_kind_of_event_has_its_place_in_the_card(log):
    state = fold(map(from_json, log.read_text().splitlines()))

    assert str(card(state))
    assert bundle(state)["text/plain"]
