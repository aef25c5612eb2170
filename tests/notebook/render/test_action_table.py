"""The table of actions: the tree where all fit, the bad ones first where not."""

import re

import sample_runs

from flyte_jupyter.notebook.render.card import card
from flyte_jupyter.notebook.render.tree import chosen, tree
from flyte_jupyter.runs.events import ActionQueued, ActionSucceeded, AttemptStarted, AttemptUsed, RunStarted
from flyte_jupyter.runs.state import Phase, fold


def drawn(state, **given):
    return tree(state, now=sample_runs.NOW, **given)


def cells(html):
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [[re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in rows]


def test_each_action_is_a_row_with_its_words():
    rows = cells(drawn(sample_runs.retried()))

    assert rows[0] == ["Action", "State", "Began", "Waited", "Took", "Attempts", "Place"]
    assert ["fetch_weather", "✓ succeeded", "+650 ms", "40 ms", "2.95 s", "3", "process"] in rows
    assert ["baseline", "■ aborted", "+3.70 s", "90 ms", "420 ms", "1", "thread"] in rows


def test_columns_that_say_nothing_are_left_out():
    assert cells(drawn(sample_runs.simple()))[0] == ["Action", "State", "Began", "Took"]
    assert "Cache" in cells(drawn(sample_runs.quickstart()))[0]


def test_headers_have_a_scope():
    html = drawn(sample_runs.retried())

    assert html.count('scope="col"') == 7
    assert html.count('scope="row"') == 6


def test_the_tree_is_walked_in_depth_with_indents():
    rows = chosen(sample_runs.chain(20), 100)

    assert [(action.name, depth) for action, depth in rows] == [(f"a{i}", i) for i in range(20)]


def test_children_stand_below_their_parent():
    calls = [("a0", "p", None), ("a1", "x", "a0"), ("a2", "y", "a0"), ("a3", "z", "a1")]
    events = [
        sample_runs.begun(),
        *(sample_runs.queued(n, i, t, parent=p) for i, (n, t, p) in enumerate(calls)),
    ]
    rows = chosen(sample_runs.run_of(events), 100)

    assert [(action.name, depth) for action, depth in rows] == [("a0", 0), ("a1", 1), ("a3", 2), ("a2", 1)]


def test_an_action_whose_parent_is_unknown_is_shown():
    events = [sample_runs.begun(), sample_runs.queued("a9", 1, "lost", parent="gone")]

    assert [action.name for action, _ in chosen(sample_runs.run_of(events), 100)] == ["a0", "a9"]


def test_bad_ones_come_first_where_not_all_fit():
    state = fold(sample_runs.large_events(1_000))
    html = drawn(state, rows=10)
    states = [row[1] for row in cells(html)[1:]]

    assert "Showing 10 of 1,000 actions: bad ones first." in html
    bad = sum(action.phase is Phase.FAILED for action in state.actions.values())
    assert states == ["✓ succeeded", *["✗ failed"] * bad, *states[1 + bad :]]
    assert len(states) == 10


def test_what_attempts_used_is_told_where_it_was_measured():
    events = [
        RunStarted(run="r", action="a0", time=0.0, task="t.fit"),
        ActionQueued(run="r", action="a0", time=0.0, task="t.fit", name="fit"),
        AttemptStarted(run="r", action="a0", time=0.0, attempt=1, place="process"),
        AttemptUsed(
            run="r", action="a0", time=2.0, attempt=1, cpu=1.5, peak=52_000_000,
            limits={"memory": "128Mi, cgroup v2"},
        ),
        ActionSucceeded(run="r", action="a0", time=2.0),
    ]  # fmt: skip
    html = drawn(fold(events))

    assert cells(html) == [
        ["Action", "State", "Began", "Took", "CPU", "Memory"],
        ["fit", "✓ succeeded", "+&lt; 1 ms", "2.00 s", "1.50 s", "52.0 MB of 128Mi"],
    ]
    assert 'title="limit 128Mi, cgroup v2"' in html
    assert "CPU 1.50 s · <span" in card(fold(events), now=3.0)
