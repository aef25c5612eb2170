"""The graph of a run: order where it fits, calls where it does not, and words for all of it."""

# ruff: noqa: RUF001 - the signs are part of what is shown

from xml.etree import ElementTree as ET

import pytest
import sample_runs

from flyte_jupyter.notebook.render.graph import HIGH, WIDE, alt, graph, svg
from flyte_jupyter.runs.state import fold

STATES = {
    "quickstart": sample_runs.quickstart,
    "retried": sample_runs.retried,
    "interrupted": sample_runs.interrupted,
    "chain": sample_runs.chain,
}


@pytest.mark.parametrize("name", STATES)
def test_a_graph_looks_as_agreed(name, snapshot):
    snapshot(svg(graph(STATES[name]())), f"graph_{name}.svg")


@pytest.mark.parametrize("name", STATES)
def test_a_graph_fits_a_notebook(name):
    drawing = graph(STATES[name]()).drawing

    assert drawing.width <= WIDE
    assert drawing.height <= HIGH


def test_steps_in_a_row_are_drawn_in_a_row():
    boxes = {b.key: b.layer for b in graph(sample_runs.quickstart()).drawing.boxes}

    assert [boxes[key] for key in ("a0", "a1", "a2", "a3", "b00", "c1")] == [0, 1, 2, 3, 4, 5]


def test_the_words_name_every_box_and_state():
    said = alt(graph(sample_runs.retried()))

    assert said.startswith("Graph of 6 actions: 3 succeeded, 1 aborted, 2 failed. pipeline: 1 failed; ")
    assert "baseline: 1 aborted" in said


def test_names_are_escaped_in_the_drawing():
    events = [
        sample_runs.begun(),
        sample_runs.queued("a0", 0, '</text><script>"&'),
        sample_runs.queued("b", 0, "\ud800"),
    ]
    drawing = svg(graph(sample_runs.run_of(events)))

    assert {el.tag.rpartition("}")[2] for el in ET.fromstring(drawing).iter()} <= {
        "svg", "style", "defs", "marker", "path", "rect", "circle", "g", "text",
    }  # fmt: skip


def test_many_different_steps_still_fit():
    events = [sample_runs.begun(), sample_runs.queued("a0", 0, "p")]
    events += [sample_runs.queued(f"a{i}", 0, f"step{i}") for i in range(1, 300)]
    found = graph(sample_runs.run_of(events))

    assert found.drawing.height <= HIGH
    assert sum(node.count for node in found.nodes) == 300


def test_ten_thousand_actions_are_a_few_boxes():
    found = graph(fold(sample_runs.large_events()))

    assert [n.title for n in found.nodes] == ["pipeline", "featurise ×3,333", "score ×6,665", "merge"]
