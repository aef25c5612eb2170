"""Facts about actions elsewhere as events: each once, also when a run is picked up."""

from flyte_jupyter.backends.mirror import AttemptFact, Fact, Mirror
from flyte_jupyter.runs.events import Failure, RunInterrupted, RunStarted
from flyte_jupyter.runs.state import Phase, fold

WRONG = Failure(code="ValueError", message="no")
BEGUN = RunStarted(run="r", action="a0", time=1.0, task="t.main", mode="remote")


def mirrored(*facts, root="a0", known=None):
    events = []
    mirror = Mirror("r", root, "flyte", events.append, known)
    for fact in facts:
        mirror.see(fact)
    return events


def running(name, n=1, **more):
    return Fact(name=name, parent="a0", task="t.f", short="f", phase="RUNNING", attempts=attempts(n), **more)


def attempts(n, **last):
    early = [AttemptFact(number=i, started=i, ended=i + 0.5, failure=WRONG) for i in range(1, n)]
    return (*early, AttemptFact(number=n, started=float(n), **last))


def done(name, n=1, **more):
    return Fact(
        name=name,
        parent="a0",
        task="t.f",
        short="f",
        phase="SUCCEEDED",
        attempts=attempts(n, ended=9.0),
        ended=9.0,
        **more,
    )


def test_an_action_is_said_once_however_often_it_is_seen():
    events = mirrored(running("b"), running("b"), done("b"), done("b"))
    assert [e.kind for e in events] == ["queued", "started", "succeeded"]


def test_what_was_never_seen_running_has_its_attempts_all_the_same():
    state = fold([BEGUN, *mirrored(done("b", 3))])
    action = state.actions["b"]
    assert [(a.number, a.failure) for a in action.attempts] == [(1, WRONG), (2, WRONG), (3, None)]
    assert (action.phase, action.ended, action.parent) == (Phase.SUCCEEDED, 9.0, "a0")


def test_ends_of_each_kind():
    def ended(phase, failure=None):
        fact = Fact(name="b", parent="a0", task="t.f", short="f", phase=phase, failure=failure, ended=2.0)
        return fold([BEGUN, *mirrored(fact)]).actions["b"]

    assert ended("FAILED", WRONG).phase is Phase.FAILED
    assert ended("FAILED").failure.message == "the endpoint did not say why"
    assert ended("TIMED_OUT", WRONG).phase is Phase.TIMED_OUT
    assert ended("ABORTED", Failure(code="x", message="stop")).failure.message == "stop"


def test_what_nobody_looks_at_any_more_is_aborted():
    events = []
    mirror = Mirror("r", "a0", "flyte", events.append)
    for fact in (done("b"), running("c"), Fact(name="a0", phase="RUNNING", attempts=attempts(1))):
        mirror.see(fact)
    mirror.abandon("stopped")
    mirror.see(done("c"))
    phases = {name: a.phase for name, a in fold([BEGUN, *events]).actions.items()}
    assert phases == {"a0": Phase.RUNNING, "b": Phase.SUCCEEDED, "c": Phase.ABORTED}


def test_the_root_is_queued_and_ended_by_others():
    fact = Fact(name="a0", task="t.main", phase="SUCCEEDED", attempts=attempts(1, ended=2.0), ended=2.0)
    assert [e.kind for e in mirrored(fact)] == ["started"]


def test_actions_of_a_child_that_is_a_run_of_its_own_stand_below_it():
    root = Fact(name="a0", task="t.f", phase="RUNNING", attempts=attempts(1))
    events = mirrored(root, done("b"), root="mine")
    assert [(e.kind, e.action, getattr(e, "parent", "")) for e in events] == [
        ("started", "mine", ""),
        ("queued", "mine.b", "mine"),
        ("started", "mine.b", ""),
        ("succeeded", "mine.b", ""),
    ]


def test_a_run_that_is_picked_up_goes_on_where_the_record_ends():
    record = [BEGUN, *mirrored(done("b"), running("c"))]
    known = fold([*record, RunInterrupted(run="r", action="a0", time=3.0)])
    assert known.actions["c"].phase is Phase.INTERRUPTED
    later = mirrored(done("b"), done("c"), known=known)
    assert [(e.kind, e.action) for e in later] == [("queued", "c"), ("started", "c"), ("succeeded", "c")]
    state = fold([*record, RunInterrupted(run="r", action="a0", time=3.0), *later])
    assert {name: a.phase for name, a in state.actions.items() if name != "a0"} == {
        "b": Phase.SUCCEEDED,
        "c": Phase.SUCCEEDED,
    }
