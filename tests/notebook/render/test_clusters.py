"""Folding: alike siblings become one, too many become "n more", and nothing is lost from the count."""

# ruff: noqa: RUF001 - the signs are part of what is shown

import sample_runs
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_jupyter.notebook.render.clusters import clusters, sequence, trimmed
from flyte_jupyter.runs.state import fold


def titles(state, **limits):
    return [cluster.title for cluster in trimmed(clusters(state), **limits)]


def test_more_than_four_alike_siblings_are_one():
    assert titles(sample_runs.quickstart()) == [
        "pipeline", "load_flights", "clean", "join_weather", "carriers › train ×16", "evaluate",
    ]  # fmt: skip


def test_four_alike_siblings_stay():
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "p")]
    events += [sample_runs.queued(f"a{i}", i, "train") for i in range(1, 5)]

    assert titles(sample_runs.run_of(events)) == ["p", "train", "train", "train", "train"]


def test_what_folded_actions_call_is_folded_with_them():
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "p")]
    for i in range(6):
        events += [
            sample_runs.queued(f"t{i}", 1, "train"),
            sample_runs.queued(f"f{i}", 2, "fit", parent=f"t{i}"),
        ]

    assert titles(sample_runs.run_of(events)) == ["p", "train ×6", "fit ×6"]


def test_a_deep_chain_ends_in_the_rest():
    found = trimmed(clusters(sample_runs.chain()))

    assert len(found) == 7
    assert found[-1].title == "494 more"
    assert sum(cluster.count for cluster in found) == 500


def test_bad_ones_are_kept_where_there_is_no_room():
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "p")]
    events += [sample_runs.queued(f"a{i}", i, f"step{i}") for i in range(1, 60)]
    events += [sample_runs.started("a50", 99), sample_runs.failed("a50", 100, sample_runs.STRING)]
    found = titles(sample_runs.run_of(events), room=10)

    assert "step50" in found
    assert found[-1] == "51 more"


def test_the_order_of_siblings_is_that_of_their_times():
    pairs = sequence(clusters(sample_runs.retried()))

    assert ("a1", "a2") in pairs
    assert ("a1", "a4") not in pairs
    assert not [pair for pair in pairs if set(pair) == {"a2", "a3"}]


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("abc")), max_size=120), st.integers(3, 30))
@settings(deadline=None)
def test_every_action_is_counted_once(calls, room):
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "root")]
    for i, (parent, name) in enumerate(calls, 1):
        events.append(sample_runs.queued(f"a{i}", i, name, parent=f"a{parent % i}"))
    state = fold(events)
    found = trimmed(clusters(state), room=room)

    assert sum(cluster.count for cluster in found) == len(state.actions)
    assert len({cluster.key for cluster in found}) == len(found)
    assert {c.parent for c in found} - {None} <= {c.key for c in found if not c.rest}
