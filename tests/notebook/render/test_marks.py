"""Actions of one name are told apart by the inputs in which they differ."""

import enum

import pytest

import flyte_jupyter as flyte
from flyte_jupyter import redaction
from flyte_jupyter.notebook.render.marks import marked, marks
from flyte_jupyter.notebook.render.tree import tree

env = flyte.TaskEnvironment(name="marks")


class Kind(enum.Enum):
    SMALL = "small"
    LARGE = "large"


@env.task
def score(carrier: str, rows: list[int], kind: Kind = Kind.SMALL, depth: int | None = 3) -> int:
    return len(carrier) + len(rows)


@env.task
def several(calls: list[tuple[str, list[int], Kind, int | None]]) -> int:
    return sum(score(*call) for call in calls)


def told(*calls):
    state = flyte.run(several, list(calls)).state
    return [found for name, found in marks(state.actions.values()).items() if name != "a0"], state


S, L = Kind.SMALL, Kind.LARGE


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([("AA", [1], S, 3), ("UA", [1], S, 3)], ["AA", "UA"]),
        ([("AA", [1], S, 3), ("AA", [1], S, None)], ["3", "None"]),
        ([("AA", [1], S, 3), ("AA", [1], L, 4)], ["SMALL, 3", "LARGE, 4"]),
        ([("AA", [1], S, 3), ("AA", [1, 2], S, 3)], []),
        ([("AA", [1], S, 3)], []),
        ([("x" * 99, [1], S, 3), ("y\n<b>", [1], S, 3)], [f"{'x' * 23}…", "y <b>"]),
    ],
)
def test_only_short_inputs_that_differ_are_told(calls, expected):
    found, _ = told(*calls)
    assert found == expected


def test_a_table_names_calls_and_escapes_them():
    _, state = told(("<script>", [1], S, 3), ("UA", [1], S, 3))
    page = str(tree(state, now=state.ended))
    assert "score(UA)" in page
    assert "score(&lt;script&gt;)" in page
    assert "<script>" not in page


def test_secrets_are_no_marks(monkeypatch):
    monkeypatch.setattr(redaction, "_known", None)
    redaction.remember("correct horse battery")
    found, _ = told(("correct horse battery", [1], S, 3), ("UA", [1], S, 3))
    assert "correct" not in "".join(found)


def test_no_mark_leaves_the_label():
    assert (marked("score", ""), marked("score", "AA")) == ("score", "score(AA)")
