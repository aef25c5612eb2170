"""Which names mean another object than before."""

from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.notebook.lineage_cells import rebound

NAMES = st.sampled_from("abcdefgh")
STEPS = st.lists(st.tuples(st.sampled_from(["put", "drop", "keep"]), NAMES), max_size=20)


@given(STEPS, STEPS)
def test_they_are_those_that_a_comparison_of_each_finds(first, second):
    scope = {}
    step(scope, first)
    before = dict(scope)
    step(scope, second)

    found = list(rebound(before, scope))

    assert found == [name for name, value in scope.items() if name not in before or before[name] is not value]


def step(scope, steps):
    for what, name in steps:
        if what == "put":
            scope[name] = object()
        elif what == "drop":
            scope.pop(name, None)
        elif name in scope:
            scope[name] = scope[name]
