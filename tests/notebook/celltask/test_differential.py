"""The same notebooks run plainly, cell by cell as tasks, as cached tasks, and restored, and do the same."""

import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cellbooks import BOOKS

DRIVER = Path(__file__).parent / "driver.py"
WAYS = ("uncached", "cached", "restored")
SAME = ("error", "out", "err", "shown", "names", "outs")

RESTORED = 0.7
"""The least share of the cells without errors that come back from the cache; many are here to be hard to keep."""


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What each cell of each notebook did, by the way in which it was run."""
    base = tmp_path_factory.mktemp("books")

    def ran(way, seed, folder):
        out = base / f"{way}.pickle"
        command = [
            sys.executable,
            str(DRIVER),
            "cached" if way == "restored" else way,
            str(out),
            str(base / folder / "work"),
        ]
        environment = {
            **os.environ,
            "FLYTE_JUPYTER_HOME": str(base / folder / "home"),
            "IPYTHONDIR": str(base / "ipython"),
            "PYTHONHASHSEED": seed,
            "PYTHONWARNINGS": "default",
            "MPLBACKEND": "agg",
        }
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return pickle.loads(out.read_bytes())

    with ThreadPoolExecutor(2) as pool:
        plain = pool.submit(ran, "plain", "1", "a")
        cached = pool.submit(ran, "cached", "2", "b")
        uncached = pool.submit(ran, "uncached", "3", "c")
        cached.result()
        restored = pool.submit(ran, "restored", "4", "b")
        return {
            "plain": plain.result(),
            "uncached": uncached.result(),
            "cached": cached.result(),
            "restored": restored.result(),
        }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("book", BOOKS)
def test_a_cell_that_is_a_task_does_what_the_plain_cell_does(records, book, way):
    for plain, found in zip(records["plain"][book], records[way][book], strict=True):
        different = [what for what in SAME if found[what] != plain[what]]

        assert not different, (plain["cell"], found["notes"], [(plain[w], found[w]) for w in different])


def test_a_cell_without_a_cache_says_nothing_of_it(records):
    assert not [cell for cells in records["uncached"].values() for cell in cells if cell["notes"]]


def test_each_cell_is_restored_or_says_why_it_is_not_or_runs_anew(records):
    cells = [
        (b, n, c) for b, book in records["restored"].items() for n, c in enumerate(book) if not c["error"]
    ]
    tasks = [(b, n, c) for b, n, c in cells if not c["cell"].startswith("#plain")]
    restored = [c for _, _, c in tasks if any("restored from" in note for note in c["notes"])]

    assert len(restored) > RESTORED * len(tasks)
    assert all(len(c["notes"]) <= 1 for _, _, c in tasks)


def test_a_reason_names_what_it_is_about(records):
    notes = [
        note
        for cells in records["cached"].values()
        for c in cells
        for note in c["notes"]
        if "not kept" in note
    ]

    assert len(notes) > 40
    assert all(len(note) < 200 and "Traceback" not in note for note in notes)
