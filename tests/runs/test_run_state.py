"""A state is the fold of a run's events."""

import json

import pytest
from eventlogs import GOLDEN, LOGS, Clock, nested, wide
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.runs.events import (
    ROOT,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptFailed,
    AttemptStarted,
    CacheChecked,
    Event,
    Failure,
    ReportWritten,
    RunInterrupted,
    RunStarted,
    TaskSeen,
    from_json,
)
from flyte_jupyter.runs.state import ActionState, Phase, RunState, advance, fold, to_plain

names = [path.name.removesuffix(".events.jsonl") for path in sorted(GOLDEN.glob("*.events.jsonl"))]


def read(name):
    return [from_json(line) for line in (GOLDEN / f"{name}.events.jsonl").read_text().splitlines()]


def advanced(events):
    state = None
    for event in events:
        state = advance(state, event)
    return state


@pytest.mark.parametrize("name", names)
def test_golden_logs_fold_to_golden_states(name):
    assert to_plain(fold(read(name))) == json.loads((GOLDEN / f"{name}.state.json").read_text())


def test_there_is_a_golden_log_of_each_kind():
    assert set(names) == {log.__name__ for log in LOGS}
    for log in LOGS:
        assert read(log.__name__) == list(log())


some = st.sampled_from(["a0", "a1", "a2"])
kinds = st.one_of(
    st.builds(RunStarted, run=st.just("r"), action=st.just(ROOT), time=st.floats(0, 9), task=st.just("t")),
    st.builds(ActionQueued, run=st.just("r"), action=some, time=st.floats(0, 9), task=st.just("t"),
              name=st.just("t"), parent=st.none() | some),
    st.builds(AttemptStarted, run=st.just("r"), action=some, time=st.floats(0, 9), attempt=st.integers(1, 3)),
    st.builds(AttemptFailed, run=st.just("r"), action=some, time=st.floats(0, 9), attempt=st.integers(1, 3),
              failure=st.just(Failure(code="E", message="m")), retry_in=st.none() | st.just(1.0)),
    st.builds(CacheChecked, run=st.just("r"), action=some, time=st.floats(0, 9), status=st.just("hit")),
    st.builds(ReportWritten, run=st.just("r"), action=some, time=st.floats(0, 9), blob=st.just("b")),
    st.builds(ActionSucceeded, run=st.just("r"), action=some, time=st.floats(0, 9)),
    st.builds(ActionFailed, run=st.just("r"), action=some, time=st.floats(0, 9),
              failure=st.just(Failure(code="E", message="m", kind="timeout"))),
    st.builds(RunInterrupted, run=st.just("r"), action=st.just(ROOT), time=st.floats(0, 9)),
    st.builds(TaskSeen, run=st.just("r"), action=some, time=st.floats(0, 9), task=st.just("t"),
              version=st.sampled_from(["v1", "v2"])),
    st.builds(Event, run=st.just("r"), action=some, time=st.floats(0, 9)),
)  # fmt: skip


@given(log=st.lists(kinds, min_size=1))
def test_any_log_folds_and_advancing_event_by_event_gives_the_same(log):
    state = fold(log)

    assert state == advanced(log)
    assert state.root.name == ROOT
    assert all(type(action) is ActionState for action in state.actions.values())
    assert all((action.ended is not None) == action.phase.terminal for action in state.actions.values())


@given(log=st.lists(kinds, min_size=1), event=kinds)
def test_advancing_changes_neither_an_action_that_was_handed_out_nor_a_snapshot(log, event):
    state = fold(log)
    copy, plain = state.snapshot(), to_plain(state)

    after = advance(state, event)

    assert to_plain(copy) == plain
    assert after.called.keys() >= copy.called.keys()


def test_no_events_are_no_state():
    assert fold([]) is None


def test_children_come_in_the_order_in_which_they_were_called():
    state = fold(nested())

    assert [child.name for child in state.children()] == ["a1", "a5"]
    assert [child.name for child in state.children("a1")] == ["a2", "a3", "a4"]
    assert state.children("a5") == ()


def test_a_state_is_frozen():
    state = fold(nested())

    for value in (state, state.root, state.root.attempts[0]):
        with pytest.raises(AttributeError):
            value.started = 0.0


def test_the_first_end_counts():
    e = Clock()
    log = [*e.begin(), e(ActionSucceeded), e(ActionFailed, failure=Failure(code="E", message=""))]

    assert fold(log).phase is Phase.SUCCEEDED


def test_a_large_run_folds_once_for_each_event():
    state = fold(wide(2000))

    assert isinstance(state, RunState)
    assert len(state.actions) == 2001
    assert len(state.children()) == 2000


def test_the_code_of_a_task_has_a_version_only_if_it_was_the_same_all_along():
    e = Clock()
    log = [
        *e.begin(),
        *(e(TaskSeen, task=task, version=v) for task, v in (("f", "1"), ("g", "1"), ("g", "2"))),
    ]

    seen = fold([*log, e(TaskSeen, task="f", version="1")]).seen

    assert {task: one.version for task, one in seen.items()} == {"f": "1", "g": ""}


def test_the_whole_inputs_of_what_failed_take_the_place_of_the_others():
    e = Clock()
    failure = Failure(code="E", message="")
    log = [
        *e.begin(),
        *e.queue("a1", parent="a0", inputs=b"some"),
        e(ActionFailed, "a1", failure=failure, inputs=b"all"),
    ]

    assert fold(log).actions["a1"].inputs == b"all"
