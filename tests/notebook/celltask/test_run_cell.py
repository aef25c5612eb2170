"""Cells as tasks in a shell in this process."""

import contextlib
import io
import random

import pytest
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.celltask import kept
from flyte_jupyter.notebook.celltask.run import run_cell


class Shell:
    """A fresh shell on a store of the test."""

    def __init__(self):
        InteractiveShell.clear_instance()
        self.shell = InteractiveShell.instance()
        self.shown = []
        shown = self.shown

        class Publisher(DisplayPublisher):
            def publish(self, data, metadata=None, **more):
                shown.append((data, metadata or {}))

        self.shell.display_pub = Publisher()

    @property
    def names(self):
        return self.shell.user_ns

    def plain(self, text):
        result = self.shell.run_cell(text, store_history=True)
        assert result.success, result.error_in_exec
        return result

    def cell(self, text, **options):
        """Run a cell as a task; gives what it printed, and the note."""
        self.shown.clear()
        out = io.StringIO()
        self.names["_go"] = lambda: run_cell(self.shell, text, **options)
        with contextlib.redirect_stdout(out):
            result = self.shell.run_cell("_go()", store_history=True)
        self.error = result.error_in_exec
        notes = [data["text/plain"] for data, metadata in self.shown if "flyte_jupyter" in metadata]
        return out.getvalue(), " ".join(notes)


@pytest.fixture
def shell(tmp_path, monkeypatch):
    # The modules of tests lead to all tests and their results: who runs cells beside those has few of their own.
    every = kept._modules
    monkeypatch.setattr(
        kept,
        "_modules",
        lambda place: (m for m in every(place) if str(tmp_path) in str(getattr(m, "__file__", ""))),
    )
    before = process.setup
    process.change(folder=tmp_path, _open=type(before._open)())
    yield Shell()
    process.setup.close()
    process.setup = before


def test_inputs_are_found_and_outputs_bound(shell):
    shell.plain("raw = [3, 1, 2]")
    shell.cell("best = max(raw)\nordered = sorted(raw)")

    assert (shell.names["best"], shell.names["ordered"]) == (3, [1, 2, 3])


def test_a_kept_cell_is_restored_with_its_text_and_value(shell):
    shell.plain("raw = [3, 1, 2]")
    cell = "print('working')\nbest = max(raw)\nbest"
    first, note = shell.cell(cell, cache="auto")
    del shell.names["best"]
    second, again = shell.cell(cell, cache="auto")

    assert note == ""
    assert "restored from just now" in again
    assert "working" in second
    assert "3" in second.split("Out")[1]
    assert shell.names["best"] == 3
    assert shell.names["_"] == 3
    assert first.split("Out")[0] == second.split("Out")[0]


def test_another_input_runs_again(shell):
    shell.plain("raw = [1]")
    shell.cell("n = len(raw)", cache="auto")
    shell.plain("raw.append(2)")
    _, note = shell.cell("n = len(raw)", cache="auto")

    assert (shell.names["n"], note) == (2, "")


def test_a_helper_that_changes_runs_again(shell):
    shell.plain("def f(): return 1")
    shell.cell("n = f()", cache="auto")
    shell.plain("def f(): return 2")
    shell.cell("n = f()", cache="auto")

    assert shell.names["n"] == 2


def test_a_shown_constant_that_changes_runs_again(shell):
    shell.cell("'one'", cache="auto")
    out, note = shell.cell("'two'", cache="auto")

    assert "two" in out
    assert note == ""


def test_comments_and_layout_do_not_matter(shell):
    shell.cell("n = 1 + 1", cache="auto")
    _, note = shell.cell("# a remark\n\nn = (1 +\n     1)", cache="auto")

    assert "restored" in note


def test_an_input_changed_in_place_is_changed_again_and_stays_the_same_object(shell):
    shell.plain("xs = [1]\nalias = xs\nbox = {'xs': xs}")
    shell.cell("xs.append(2)", cache="auto")
    shell.plain("xs[:] = [1]")
    _, note = shell.cell("xs.append(2)", cache="auto")

    assert "restored" in note
    assert shell.names["alias"] == [1, 2]
    assert shell.names["box"]["xs"] is shell.names["xs"] is shell.names["alias"]


def test_aliases_of_equal_inputs_make_another_key(shell):
    shell.plain("a = [1]\nd = [a, a]")
    shell.cell("d[0].append(2)", cache="auto")
    shell.plain("d = [[1], [1]]")
    shell.cell("d[0].append(2)", cache="auto")

    assert shell.names["d"] == [[1, 2], [1]]


def test_a_view_of_an_input_is_restored_as_one(shell):
    shell.plain("import numpy as np\nbase = np.zeros(4)")
    shell.cell("view = base[1:3]", cache="auto")
    del shell.names["view"]
    _, note = shell.cell("view = base[1:3]", cache="auto")
    shell.names["base"][1] = 7

    assert "restored" in note
    assert shell.names["view"][0] == 7


def test_outputs_that_are_asked_for_are_all_that_is_bound(shell):
    for _ in range(2):
        _, note = shell.cell("tmp = 2\nresult = tmp * 2", cache="auto", outputs=("result",))

        assert shell.names["result"] == 4
        assert "tmp" not in shell.names
        del shell.names["result"]
    assert "restored" in note


@pytest.mark.parametrize(
    ("setup", "cell", "reason"),
    [
        ("x = 1", "y = eval('x')", "line 1: what eval() reads is not seen"),
        ("", "import threading\nlock = threading.Lock()", "its output `lock` is a lock"),
        ("", "import os\nos.environ['FLYTE_T'] = '1'; del os.environ['FLYTE_T']", "it changes the module os"),
        ("g = (i for i in 'ab')", "first = next(g)", "its input `g` has no content that can be compared"),
        ("class C: n = 0", "C.n = 1", "it changes the type C"),
        ("it = iter('ab')", "first = next(it)", "it changes `it` in place"),
        ("x = [1]\ndef f(): return x", "y = f()\ny.append(2)", "it changes what it depends on: `x`"),
        ("", "import decimal\ndecimal.getcontext().prec = 7\nx = 1", "the context of decimal"),
    ],
)
def test_what_cannot_be_brought_back_runs_and_says_why(shell, setup, cell, reason):
    import decimal

    shell.plain(setup)
    _, note = shell.cell(cell, cache="auto")
    _, again = shell.cell(cell, cache="auto") if "next" not in cell else ("", note)
    decimal.getcontext().prec = 28

    assert reason in note
    assert "restored" not in again
    assert shell.error is None


def test_what_a_module_of_the_users_has_is_not_made_twice(shell, tmp_path, monkeypatch):
    (tmp_path / "limits_of_mine.py").write_text("limits = {'a': [1]}\ndef of(name): return limits[name]\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    shell.plain("import limits_of_mine")
    _, direct = shell.cell("mine = limits_of_mine.limits['a']", cache="auto")
    del shell.names["mine"]
    _, called = shell.cell("theirs = limits_of_mine.of('a')", cache="auto")
    _, own = shell.cell("new = list(limits_of_mine.of('a'))", cache="auto")

    assert "it shares a list with the module limits_of_mine" in direct
    assert "it shares a list with the module limits_of_mine" in called
    assert "shares" not in own
    assert shell.names["theirs"] is shell.names["limits_of_mine"].limits["a"]


def test_a_data_file_that_changes_runs_again(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("one")
    cell = "text = open('in.txt').read()"
    shell.cell(cell, cache="auto")
    (tmp_path / "in.txt").write_text("other")
    shell.cell(cell, cache="auto")

    assert shell.names["text"] == "other"


def test_a_written_file_that_is_gone_is_written_again(shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = "with open('out.txt', 'w') as f:\n    f.write('x')"
    shell.cell(cell, cache="auto")
    _, kept = shell.cell(cell, cache="auto")
    (tmp_path / "out.txt").unlink()
    shell.cell(cell, cache="auto")

    assert "restored" in kept
    assert (tmp_path / "out.txt").read_text() == "x"


def test_names_before_the_failing_line_stay_bound(shell):
    shell.cell("a = 1\nraise KeyError('stop')\nb = 2")

    assert type(shell.error) is KeyError
    assert shell.names["a"] == 1
    assert "b" not in shell.names


def test_a_function_in_a_value_lives_in_the_notebook(shell):
    shell.plain("k = 2")
    for _ in range(2):
        _, note = shell.cell("f = lambda x: x * k", cache="auto")
    shell.plain("k = 10")

    assert "restored" in note
    assert shell.names["f"](3) == 30


def test_the_record_of_a_run_has_its_task_and_outputs(shell):
    shell.plain("raw = [1, 2]")
    shell.cell("total = sum(raw)", name="add")
    store = process.setup.store()
    (row,) = store.runs()
    state = store.state(row.name)

    assert state.root.task == "notebook.add"
    assert state.phase.value == "SUCCEEDED"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working folder of the user's, apart from the store."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


COUNTING = "from pathlib import Path\np = Path('n.txt')\nn = int(p.read_text()) if p.exists() else 0\nn += 1\np.write_text(str(n))"


def test_a_cell_that_changes_what_it_reads_is_not_kept(shell, here):
    (here / "n.txt").write_text("0")
    counts, notes = [], []
    for _ in range(3):
        notes.append(shell.cell(COUNTING, cache="auto")[1])
        counts.append(shell.names["n"])

    assert counts == [1, 2, 3]
    assert all("not kept: it changes the file n.txt" in note for note in notes)


@pytest.mark.parametrize("way", ["a", "r+", "a+"])
def test_a_file_that_is_added_to_counts_as_read(shell, here, way):
    (here / "log.txt").write_text("")
    for _ in range(3):
        _, note = shell.cell(
            f"with open('log.txt', '{way}') as log:\n    log.seek(0, 2)\n    n = log.write('x')", cache="auto"
        )

    assert (here / "log.txt").read_text() == "xxx"
    assert "it changes the file log.txt" in note


@pytest.mark.parametrize(
    "listing",
    [
        "import glob\nfound = sorted(glob.glob('*.csv'))",
        "import os\nfound = sorted(os.listdir())",
        "import os\nfound = sorted(e.name for e in os.scandir('.'))",
        "from pathlib import Path\nfound = sorted(p.name for p in Path('.').iterdir())",
    ],
)
def test_a_new_file_in_a_folder_that_is_listed_runs_again(shell, here, listing):
    (here / "a.csv").write_text("1")
    shell.cell(listing, cache="auto")
    _, kept = shell.cell(listing, cache="auto")
    (here / "b.csv").write_text("1")
    shell.cell(listing, cache="auto")

    assert "restored" in kept
    assert shell.names["found"] == ["a.csv", "b.csv"]


def test_a_file_that_was_missing_and_is_there_runs_again(shell, here):
    cell = "try:\n    setting = open('cfg').read()\nexcept FileNotFoundError:\n    setting = ''"
    shell.cell(cell, cache="auto")
    _, kept = shell.cell(cell, cache="auto")
    (here / "cfg").write_text("new")
    shell.cell(cell, cache="auto")

    assert "restored" in kept
    assert shell.names["setting"] == "new"


def test_many_files_and_hidden_ones_count(shell, here):
    (here / ".data").mkdir()
    files = [here / ".data" / f"{n}.txt" for n in range(300)]
    for file in files:
        file.write_text("1")
    cell = "total = sum(int(open(f'.data/{n}.txt').read()) for n in range(300))"
    shell.cell(cell, cache="auto")
    _, kept = shell.cell(cell, cache="auto")
    files[-1].write_text("5")
    shell.cell(cell, cache="auto")

    assert "restored" in kept
    assert shell.names["total"] == 304


def test_a_relative_path_counts_in_its_folder(shell, here, monkeypatch):
    (here / "x.txt").write_text("here")
    (here / "sub").mkdir()
    (here / "sub" / "x.txt").write_text("there")
    shell.cell("text = open('x.txt').read()", cache="auto")
    monkeypatch.chdir(here / "sub")
    shell.cell("text = open('x.txt').read()", cache="auto")

    assert shell.names["text"] == "there"


def test_a_file_that_is_moved_to_its_place_is_missed_when_gone(shell, here):
    cell = "import os\nwith open('part', 'w') as f: f.write('x')\nos.replace('part', 'whole')"
    shell.cell(cell, cache="auto")
    _, kept = shell.cell(cell, cache="auto")
    (here / "whole").unlink()
    shell.cell(cell, cache="auto")

    assert "restored" in kept
    assert (here / "whole").exists()


READS = {
    "read_csv": ("import polars as pl", "pl.read_csv('t.csv')['a'].to_list()"),
    "scan_csv": ("import polars as pl", "pl.scan_csv('t.csv').collect()['a'].to_list()"),
    "joined": (
        "import os, polars as pl\nbase = os.getcwd()",
        "pl.read_csv(os.path.join(base, 't.csv'))['a'].to_list()",
    ),
    "constant": ("import polars as pl\nsource = 't.csv'", "pl.read_csv(source)['a'].to_list()"),
    "helper": (
        "import polars as pl\nfrom pathlib import Path\ndef load(name): return pl.read_csv(Path.cwd() / name)",
        "load('t.csv')['a'].to_list()",
    ),
    "pattern": ("import polars as pl", "pl.read_csv('t*.csv')['a'].to_list()"),
    "listed": ("import polars as pl, glob", "[pl.read_csv(p)['a'][0] for p in glob.glob('*.csv')]"),
    "pandas parquet": ("import pandas as pd", "pd.read_parquet('t.parquet')['a'].tolist()"),
    "polars parquet": ("import polars as pl", "pl.read_parquet('t.parquet')['a'].to_list()"),
    "read_table": (
        "import pyarrow.parquet as pq",
        "pq.read_table('t.parquet')['a'].to_pylist()",
    ),
    "sqlite": (
        "import sqlite3, contextlib",
        "[r[0] for r in contextlib.closing(sqlite3.connect('t.db')).thing.execute('select a from t')]",
    ),
    "read_sql": (
        "import sqlite3, pandas as pd",
        "(lambda c: (pd.read_sql('select a from t', c)['a'].tolist(), c.close())[0])(sqlite3.connect('t.db'))",
    ),
}


def data_of(folder, value):
    import sqlite3
    from contextlib import closing

    import polars as pl

    frame = pl.DataFrame({"a": [value]})
    frame.write_csv(folder / "t.csv")
    frame.write_parquet(folder / "t.parquet")
    (folder / "t.db").unlink(missing_ok=True)
    with closing(sqlite3.connect(folder / "t.db")) as base, base:
        base.execute("create table t (a int)")
        base.execute("insert into t values (?)", [value])


@pytest.mark.parametrize("way", READS)
def test_a_file_that_is_read_by_compiled_code_runs_again_when_it_changes(shell, here, way):
    setup, read = READS[way]
    cell = f"found = {read}"
    data_of(here, 1)
    shell.plain(setup)
    _, first = shell.cell(cell, cache="auto")
    _, kept = shell.cell(cell, cache="auto")
    data_of(here, 2)
    shell.cell(cell, cache="auto")

    assert first == ""
    assert "restored" in kept
    assert shell.names["found"] == [2]


WRITES = {
    "polars": "pl.DataFrame({'a': [1]}).write_csv('made.csv')",
    "pandas": "pd.DataFrame({'a': [1]}).to_parquet('made.parquet')",
    "beside another": "pl.read_csv('t.csv').write_parquet('made.parquet')",
    "in a folder": "out = Path('out')\nout.mkdir(exist_ok=True)\npl.DataFrame({'a': [1]}).write_csv(out / 'made.csv')",
}


@pytest.mark.parametrize("way", WRITES)
def test_a_file_that_is_written_by_compiled_code_is_missed_when_gone(shell, here, way):
    data_of(here, 1)
    shell.plain("import polars as pl, pandas as pd\nfrom pathlib import Path")
    shell.cell(WRITES[way], cache="auto")
    _, kept = shell.cell(WRITES[way], cache="auto")
    (made,) = here.rglob("made.*")
    made.unlink()
    shell.cell(WRITES[way], cache="auto")
    there = made.exists()
    made.write_text("something else")
    shell.cell(WRITES[way], cache="auto")

    assert "restored" in kept
    assert there
    assert made.read_bytes() != b"something else"


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("found = [pl.read_csv(f'{n}.csv')['a'][0] for n in 'ab']", "read_csv"),
        ("found = [pl.read_csv(p)['a'][0] for p in table['path']]", "read_csv"),
        ("import json\nfound = pl.read_csv(json.loads('[\"a.c\" , 1]')[0] + 'sv')['a'][0]", "read_csv"),
        ("pl.DataFrame({'a': [1]}).write_parquet('a' + str(len('b')))", "write_parquet"),
    ],
)
def test_a_file_whose_name_is_not_seen_is_not_kept(shell, here, cell, name):
    (here / "a.csv").write_text("a\n1\n")
    (here / "b.csv").write_text("a\n1\n")
    shell.plain("import polars as pl\ntable = pl.DataFrame({'path': ['a.csv', 'b.csv']})")
    _, note = shell.cell(cell, cache="auto")

    assert f"not kept: it reads or writes files in a way that cannot be seen (`{name}`)" in note


def test_a_table_that_is_written_to_a_text_or_a_buffer_is_kept(shell, here):
    shell.plain("import polars as pl, io\nframe = pl.DataFrame({'a': [1]})")
    for cell in ("text = frame.write_csv()", "back = pl.read_csv(io.BytesIO(b'a\\n1'))"):
        shell.cell(cell, cache="auto")
        _, note = shell.cell(cell, cache="auto")

        assert "restored" in note


def test_a_table_that_is_read_later_is_not_taken_for_the_one_of_before(shell, here):
    data_of(here, 1)
    shell.plain("import polars as pl\nlate = pl.scan_csv('t.csv')")
    shell.cell("found = late.collect()['a'].to_list()", cache="auto")
    data_of(here, 2)
    shell.cell("found = late.collect()['a'].to_list()", cache="auto")

    assert shell.names["found"] == [2]


def test_a_table_that_a_cell_reads_and_writes_is_not_kept(shell, here):
    data_of(here, 1)
    cell = "import polars as pl\nt = pl.read_csv('t.csv')\n(t + 1).write_csv('t.csv')\nn = t['a'][0]"
    counts = []
    for _ in range(3):
        _, note = shell.cell(cell, cache="auto")
        counts.append(shell.names["n"])

    assert counts == [1, 2, 3]
    assert "it changes the file t.csv" in note


def test_a_counter_that_begins_without_its_file_is_not_kept(shell, here):
    counts = []
    for _ in range(3):
        _, note = shell.cell(COUNTING, cache="auto")
        counts.append(shell.names["n"])

    assert counts == [1, 2, 3]
    assert "it changes the file n.txt" in note


def test_a_file_that_is_asked_for_and_appears_runs_again(shell, here):
    cell = "import os\nfound = os.path.exists('flag')"
    shell.cell(cell, cache="auto")
    _, kept = shell.cell(cell, cache="auto")
    (here / "flag").write_text("")
    shell.cell(cell, cache="auto")

    assert "restored" in kept
    assert shell.names["found"] is True


@pytest.mark.parametrize("source", ["parts/*.csv", "parts/"])
def test_a_new_file_beside_those_that_compiled_code_reads_runs_again(shell, here, source):
    (here / "parts").mkdir()
    (here / "parts" / "a.csv").write_text("a\n1\n")
    cell = f"import polars as pl\nn = pl.read_csv('{source}').height"
    shell.cell(cell, cache="auto")
    _, kept = shell.cell(cell, cache="auto")
    (here / "parts" / "b.csv").write_text("a\n2\n")
    shell.cell(cell, cache="auto")

    assert "restored" in kept
    assert shell.names["n"] == 2


DRAWS = {
    "numpy": ("import numpy as np", "np.random.seed({})", "x = float(np.random.rand())"),
    "random": ("import random", "random.seed({})", "x = random.random()"),
}


@pytest.mark.parametrize("way", DRAWS)
def test_another_seed_gives_other_numbers_and_the_same_one_the_same(shell, way):
    setup, seed, draw = DRAWS[way]
    found, notes = [], []
    shell.plain(setup)
    for number in (1, 2, 1):
        shell.plain(seed.format(number))
        notes.append(shell.cell(draw, cache="auto")[1])
        found.append(shell.names["x"])

    assert found[0] == found[2] != found[1]
    assert notes[1] == ""


def test_numbers_drawn_after_others_are_not_those_of_before(shell):
    shell.plain("import random\nrandom.seed(1)")
    shell.cell("x = random.random()", cache="auto")
    first = shell.names["x"]
    shell.cell("x = random.random()", cache="auto")

    assert shell.names["x"] != first


def test_a_seed_that_comes_later_than_the_kept_numbers_counts(shell):
    shell.plain("import random")
    shell.cell("x = random.random()", cache="auto")
    _, kept = shell.cell("x = random.random()", cache="auto")
    shell.plain("random.seed(1)")
    _, note = shell.cell("x = random.random()", cache="auto")

    assert "restored" in kept
    assert note == ""
    assert shell.names["x"] == random.Random(1).random()


@pytest.mark.parametrize("seed", ["np.random.seed(3)", "fix(3)"])
def test_a_cell_that_seeds_first_is_restored_wherever_it_begins(shell, seed):
    shell.plain("import numpy as np\ndef fix(n): np.random.seed(n)")
    shell.cell(f"{seed}\nx = float(np.random.rand())", cache="auto")
    shell.plain("np.random.rand()")
    _, note = shell.cell(f"{seed}\nx = float(np.random.rand())", cache="auto")

    assert "restored" in note


CHANGES = {
    "size of listed": (
        "import os\nopen('a.csv', 'w').write('1')",
        "v = [os.path.getsize(f) for f in os.listdir()]",
        "open('a.csv', 'w').write('123')",
        [3],
    ),
    "asked by an f-string": (
        "import os\nn = 3",
        "v = os.path.exists(f'flag{n}')",
        "open('flag3', 'w').close()",
        True,
    ),
    "environment": (
        "import os\nos.environ['FLYTE_T'] = '1'",
        "v = os.environ.get('FLYTE_T')",
        "os.environ['FLYTE_T'] = '2'",
        "2",
    ),
    "environment in a helper": (
        "import os\nos.environ['FLYTE_T'] = '1'\ndef g(): return os.getenv('FLYTE_T')",
        "v = g()",
        "os.environ['FLYTE_T'] = '2'",
        "2",
    ),
    "folder that was new": (
        "import os",
        "try:\n    os.mkdir('m'); v = 'new'\nexcept FileExistsError: v = 'old'",
        "",
        "old",
    ),
    "compiled code that fails at first": (
        "import polars as pl",
        (
            "try: v = pl.read_csv('n.csv')['a'][0] + 1\nexcept Exception: v = 1\n"
            "pl.DataFrame({'a': [v]}).write_csv('n.csv')"
        ),
        "",
        2,
    ),
    "seed of polars": (
        "import polars as pl\nt = pl.DataFrame({'a': range(9)})\npl.set_random_seed(1)",
        "v = t.sample(9, shuffle=True)['a'].to_list()",
        "pl.set_random_seed(2)\nw = t.sample(9, shuffle=True)['a'].to_list()\npl.set_random_seed(2)",
        None,
    ),
    "open file": (
        "open('t.txt', 'w').write('ab')\nf = open('t.txt')\ndef r(): return f.read(1)",
        "v = r()",
        "",
        "b",
    ),
}


@pytest.mark.parametrize("way", CHANGES)
def test_what_is_different_outside_the_notebook_runs_again(shell, here, monkeypatch, way):
    monkeypatch.setenv("FLYTE_T", "")
    setup, cell, change, value = CHANGES[way]
    shell.plain(setup)
    shell.cell(cell, cache="auto")
    shell.plain(change or "pass")
    shell.cell(cell, cache="auto")

    assert shell.names["v"] == (shell.names["w"] if value is None else value)


def test_a_cell_that_leaves_a_run_says_to_keep_its_outputs(shell):
    shell.plain("import flyte_jupyter as flyte\nenv = flyte.TaskEnvironment(name='runs')")
    shell.plain("@env.task\ndef f() -> int:\n    return 1")
    _, note = shell.cell("r = flyte.run(f)", cache="auto")
    _, silent = shell.cell("r = flyte.run(f)\nv = r.outputs()[0]", cache="auto", outputs=("v",))

    assert "its output `r` is a Run" in note
    assert "`outputs()`" in note
    assert "not kept" not in silent
