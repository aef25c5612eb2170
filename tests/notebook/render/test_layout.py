"""Layout: boxes do not overlap, edges lead onwards, and the same graph gives the same drawing."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_jupyter.notebook.render.layout import Box, Drawing, arrange
from flyte_jupyter.notebook.render.order import crossings, least_crossings
from flyte_jupyter.notebook.render.wrap import wrapped


@st.composite
def graphs(draw):
    count = draw(st.integers(0, 24))
    keys = [f"n{i}" for i in range(count)]
    size = st.floats(1, 300, allow_nan=False)
    boxes = [Box(key=k, width=draw(size), height=draw(size)) for k in keys]
    edges = (
        draw(st.lists(st.tuples(st.sampled_from(keys), st.sampled_from(keys)), max_size=50)) if keys else []
    )
    return boxes, edges


def _overlap(one, other):
    apart = (
        one.x + one.width <= other.x
        or other.x + other.width <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )
    return not apart


@given(graphs(), st.floats(50, 2_000))
@settings(max_examples=150, deadline=None)
def test_no_two_boxes_overlap_and_all_are_inside(graph, wide):
    boxes, edges = graph
    plain = arrange(boxes, edges)

    for drawing in (plain, wrapped(plain, wide)):
        assert [b.key for b in drawing.boxes] == [b.key for b in boxes]
        assert not [pair for pair in combinations(drawing.boxes, 2) if _overlap(*pair)]
        for box in drawing.boxes:
            assert box.x >= 0
            assert box.y >= 0
            assert box.x + box.width <= drawing.width + 0.2
            assert box.y + box.height <= drawing.height + 0.2
        for x, y in (point for route in drawing.routes for point in route.points):
            assert -0.2 <= x <= drawing.width + 0.2
            assert -0.2 <= y <= drawing.height + 0.2


@given(graphs())
@settings(max_examples=80, deadline=None)
def test_the_same_graph_gives_the_same_drawing(graph):
    boxes, edges = graph

    assert arrange(boxes, edges) == arrange(list(boxes), list(edges))


@given(graphs())
@settings(max_examples=80, deadline=None)
def test_every_edge_runs_to_a_later_layer(graph):
    boxes, edges = graph
    drawing = arrange(boxes, edges)

    assert {r.edge for r in drawing.routes} == {e for e in edges if e[0] != e[1]}
    for route in drawing.routes:
        xs = [x for x, _ in route.points]
        assert xs == sorted(xs)
        assert xs[0] < xs[-1]


def test_a_chain_is_a_straight_line():
    drawing = _chain(4)

    assert len({b.y for b in drawing.boxes}) == 1
    assert [b.layer for b in drawing.boxes] == [0, 1, 2, 3]


def test_layers_are_longest_paths():
    boxes = _boxes("a", "b", "c", "d")
    drawing = arrange(boxes, [("a", "b"), ("b", "c"), ("a", "d"), ("c", "d")])

    assert {b.key: b.layer for b in drawing.boxes} == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_a_long_edge_passes_beside_the_boxes_between():
    drawing = arrange(_boxes("a", "b", "c"), [("a", "b"), ("b", "c"), ("a", "c")])
    middle = drawing.boxes[1]
    long = next(r for r in drawing.routes if r.edge == ("a", "c"))

    passing = [y for x, y in long.points if middle.x <= x <= middle.x + middle.width]

    assert passing
    assert all(y < middle.y or y > middle.y + middle.height for y in passing)


def test_crossings_are_undone():
    columns = [["a", "b"], ["x", "y"]]
    links = [("a", "y"), ("b", "x")]

    assert crossings(columns, links) == 1
    assert crossings(least_crossings(columns, links), links) == 0


def test_a_parent_is_in_the_middle_of_its_children():
    drawing = arrange(_boxes("p", "a", "b", "c"), [("p", "a"), ("p", "b"), ("p", "c")])
    places = {b.key: b.y for b in drawing.boxes}

    assert places["p"] == places["b"]


def test_hidden_edges_order_layers_and_are_not_drawn():
    drawing = arrange(_boxes("a", "b", "c"), [("a", "b")], hidden=[("b", "c")])

    assert [b.layer for b in drawing.boxes] == [0, 1, 2]
    assert [r.edge for r in drawing.routes] == [("a", "b")]


def test_a_wide_chain_is_broken_into_rows():
    drawing = wrapped(_chain(7), 430)
    places = [(b.x, b.y) for b in drawing.boxes]

    assert drawing.width <= 430
    assert [x for x, _ in places] == [14, 144, 274, 14, 144, 274, 14]
    assert [y for _, y in places] == [0, 0, 0, 58, 58, 58, 116]


def test_a_line_to_the_next_row_runs_between_the_rows():
    drawing = wrapped(_chain(4), 430)
    turn = drawing.routes[2].points

    assert all(x == to_x or y == to_y for (x, y), (to_x, to_y) in pairwise(turn))
    assert {y for _, y in turn} == {15, 44, 73}


def test_a_layer_wider_than_the_page_is_a_row_of_its_own():
    assert len({b.y for b in wrapped(_chain(3), 10).boxes}) == 3


def test_nothing_to_draw_is_an_empty_drawing():
    assert arrange([], []) == Drawing(width=0.0, height=0.0, boxes=(), routes=())
    assert wrapped(arrange([], []), 100).boxes == ()


def _boxes(*keys):
    return [Box(key=k, width=100, height=30) for k in keys]


def _chain(count):
    keys = [f"n{i}" for i in range(count)]
    return arrange(_boxes(*keys), list(pairwise(keys)))
