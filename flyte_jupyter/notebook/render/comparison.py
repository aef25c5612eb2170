"""Two runs side by side, as text and as HTML."""

from collections.abc import Callable, Iterable

from flyte_jupyter.notebook.render.html import Html, fold, join, tag
from flyte_jupyter.notebook.render.objects import FRAME, object_html, object_text
from flyte_jupyter.notebook.render.phases import look
from flyte_jupyter.notebook.render.text import duration, line, moment, number, table
from flyte_jupyter.runs.comparison import CodeDifference, Comparison, Difference, Fared, TaskRow
from flyte_jupyter.runs.state import RunState

ARROW = "→"

_HEAD = ("TASK", "ACTIONS", "TIME", "LONGEST", "ATTEMPTS", "CACHED", "FAILED")
_RIGHT = (1, 2, 3, 4, 5, 6)
_CELL = "padding:2px 16px 2px 0;text-align:right;white-space:nowrap"


def comparison_text(found: Comparison) -> str:
    """Tell it in a terminal: what differs, then how each task went."""
    facts = object_text(_title(found), _facts(found))
    return f"{facts}\n\n{table(_HEAD, [_row(row) for row in found.tasks], _RIGHT)}"


def comparison_html(found: Comparison) -> Html:
    """Tell it in a notebook."""
    head = tag(
        "tr", *(tag("th", name.capitalize(), scope="col", style=_style(at)) for at, name in enumerate(_HEAD))
    )
    rows = [
        tag("tr", *(tag("td", cell, style=_style(at)) for at, cell in enumerate(_row(row))))
        for row in found.tasks
    ]
    body = tag("table", tag("thead", head), tag("tbody", *rows), style="margin:0;border-collapse:collapse")
    return join([
        object_html(_title(found), _facts(found)),
        tag("div", fold("Tasks", body, unfolded=True), style=f"{FRAME};margin-top:4px"),
    ])  # fmt: skip


def _title(found: Comparison) -> str:
    return f"{found.before.name} {ARROW} {found.after.name}"


def _facts(found: Comparison) -> dict[str, object]:
    return {
        "Before": _run(found.before),
        "After": _run(found.after),
        "Code": _code(found.code) or _unseen(found) or "the same",
        "Inputs": _differences(found.inputs) or ("the same" if not _doubts(found, "input") else None),
        "Outputs": _differences(found.outputs) or _outputs(found),
        "Not compared": ", ".join(found.doubtful) or None,
        "Surroundings": _differences(found.surroundings) or "the same",
    }


def _run(state: RunState) -> str:
    took = duration(state.ended - state.started) if state.ended is not None else "going on"
    again = f", continues {state.rerun_of}" if state.rerun_of else ""
    return line(f"{state.task} {look(state.root).word} in {took}, {moment(state.started)}{again}")


def _code(found: Iterable[CodeDifference]) -> dict[str, object]:
    return {one.task: "; ".join(one.sentences) if one.known else "not in the records" for one in found}


def _unseen(found: Comparison) -> str:
    common = found.before.seen.keys() & found.after.seen.keys()
    return "" if common else "no task is in both records"


def _differences(found: Iterable[Difference]) -> dict[str, object]:
    return {one.name: f"{one.before or 'none'} {ARROW} {one.after or 'none'}" for one in found}


def _doubts(found: Comparison, what: str) -> bool:
    return any(name.startswith(f"{what} ") for name in found.doubtful)


def _outputs(found: Comparison) -> str | None:
    return {True: "the same", False: "different", None: None}[found.same_outputs]


def _row(row: TaskRow) -> tuple[str, ...]:
    def pair(get: Callable[[Fared], float], write: Callable[[float], str]) -> str:
        before, after = write(get(row.before)), write(get(row.after))
        return after if before == after else f"{before} {ARROW} {after}"

    return (
        line(row.task),
        pair(lambda one: one.actions, number),
        pair(lambda one: one.seconds, duration),
        pair(lambda one: one.longest, duration),
        pair(lambda one: one.attempts, number),
        pair(lambda one: one.cached, number),
        pair(lambda one: one.failed, number),
    )


def _style(at: int) -> str:
    return _CELL if at else _CELL.replace("right;", "left;", 1)
