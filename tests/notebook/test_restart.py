"""*Restart & Run All* of the quickstart: the second time, nothing that is kept runs, and each cell says so."""

from pathlib import Path

import nbformat
import pytest
from kernel import Kernel

QUICKSTART = Path(__file__).parents[2] / "examples" / "notebooks" / "quickstart.ipynb"
IMPORTS = "%load_ext flyte_jupyter"
NOT_KEPT = {"late_arrivals", "report"}
"""The tasks that the notebook wants to run each time."""

MOST = 4.0
"""Seconds for all cells behind the imports: twice what is meant, as machines that test are busy."""


def run_all(kernel):
    """Run the quickstart; gives its cells with what they showed, but for that of the imports."""
    cells = [c for c in nbformat.read(QUICKSTART, as_version=4).cells if c.cell_type == "code"]
    done = [(cell.source, kernel.run(cell.source, cell.id, timeout=240)) for cell in cells]
    assert all(outputs.status == "ok" for _, outputs in done)
    return [(source, outputs) for source, outputs in done if not source.startswith(IMPORTS)]


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """What the cells showed the second time, and the states of the second time's runs."""
    kernel = Kernel(tmp_path_factory.mktemp("twice"))
    first = run_all(kernel)
    before = {row.name for row in kernel.runs()}
    second = run_all(kernel.restart())
    states = [kernel.state(row.name) for row in kernel.runs() if row.name not in before]
    yield first, second, states
    kernel.close()


def test_nothing_that_is_kept_runs_again(twice):
    actions = [action for state in twice[2] for action in state.actions.values()]
    executed = {action.short for action in actions if action.attempts}

    assert {action.cache for action in actions if action.short not in NOT_KEPT} == {"hit"}
    assert executed == NOT_KEPT


def test_it_takes_the_time_of_reading_the_results(twice):
    assert sum(outputs.seconds for _, outputs in twice[1]) < MOST


def test_a_cell_that_is_restored_says_so_and_from_when(twice):
    first, second, _ = twice
    notes = {
        source: [data["text/plain"] for data in outputs.displays if "restored" in data["text/plain"]]
        for source, outputs in second
    }
    said = [note for found in notes.values() for note in found]

    assert not any("restored" in d["text/plain"] for _, o in first for d in o.displays)
    assert len(said) == 1
    assert said[0].startswith("prepare restored from ")
    assert said[0].endswith((" ago", "just now"))


def test_both_times_end_with_the_same_table(twice):
    first, second, _ = twice

    assert first[-1][1].value == second[-1][1].value
