"""The notebook's graph in a real kernel: ``%flyte graph``, ``stale`` and ``run --stale``."""

import pytest
from kernel import Kernel

CELLS = {
    "env": 'env = flyte.TaskEnvironment("t", cache="auto")',
    "rate": "RATE = 2",
    "raw": "raw = [1, 2, 3]",
    "scale": "@env.task\ndef scale(x: int) -> int:\n    return x * RATE",
    "scaled": "scaled = [flyte.run(scale, x).outputs()[0] for x in raw]",
    "total": "total = sum(scaled)",
    "length": "length = len(raw)",
    "shown": "print('the total is', total)",
}


@pytest.fixture
def book(tmp_path):
    """A notebook whose cells have run from top to bottom."""
    kernel = Kernel(tmp_path).load()
    for name, text in CELLS.items():
        done = kernel.run(text, name)
        assert done.status == "ok", done.traceback
    yield kernel
    kernel.close()


def lines(done):
    assert done.status == "ok", done.traceback or done.stderr
    return done.stdout.splitlines()


def rerun(done):
    """The cells that a ``run --stale`` ran again, as it names them."""
    notes = [data["text/plain"] for data in done.displays]
    return [note.split(": ")[0].split(" ", 1)[1] for note in notes if ": run again because" in note]


def test_nothing_is_stale_after_a_run_from_top_to_bottom(book):
    assert lines(book.run("%flyte stale")) == ["nothing is out of date"]
    assert rerun(book.run("%flyte run --stale")) == []


def test_a_changed_constant_runs_exactly_the_cells_below_it_again(book):
    book.run("RATE = 5", "rate")
    why = book.run("%flyte why scale").stdout
    stale = lines(book.run("%flyte stale"))
    done = book.run("%flyte run --stale")

    assert "`RATE` 2 -> 5" in why
    assert [line.split(": ")[0].split(" ", 1)[1] for line in stale] == [
        "scale",
        "scaled",
        "total",
        "print('the total is', t…",
    ]
    assert "`RATE` 2 -> 5" in stale[0]
    assert "takes from" in stale[2]
    assert rerun(done) == [line.split(": ")[0].split(" ", 1)[1] for line in stale]
    assert "the total is 30" in done.stdout
    assert book.run("total, length").value == "(30, 3)"
    assert lines(book.run("%flyte stale")) == ["nothing is out of date"]


def test_a_step_with_an_equal_result_leaves_the_rest_as_it_is(book):
    book.run("raw = [3, 2, 1]", "raw")
    done = book.run("%flyte run --stale")

    assert rerun(done) == ["scaled", "total", "length"]
    assert "the total is" not in done.stdout


def test_a_run_with_a_kept_result_is_no_new_value(book):
    book.run("run = flyte.run(scale, length)", "run")
    book.run("value = run.outputs()[0]", "value")
    book.run("run = flyte.run(scale, length)", "run")
    kept = lines(book.run("%flyte stale"))
    book.run("run = flyte.run(scale, length + 1)", "run")

    assert kept == ["nothing is out of date"]
    assert "value: `run` changed" in lines(book.run("%flyte stale"))[0]


def test_the_graph_is_a_picture_with_each_state_in_words(book):
    book.run("RATE = 5", "rate")
    shown = book.run("%flyte graph").displays[0]

    assert shown["text/html"].startswith("<img")
    assert "scale: stale because `RATE` 2 -> 5; takes env of" in shown["text/plain"]
    assert "length: fresh" in shown["text/plain"]
    assert "flyte graph" not in shown["text/plain"]


def test_restored_failed_and_running_cells_are_told(book):
    book.run("%%flyte_task slow --cache auto\nd = 3 * RATE", "d")
    book.run("%%flyte_task slow --cache auto\nd = 3 * RATE", "d")
    book.run("1 / length - 1 / 0", "bad")
    book.run(
        "%%flyte_task --run --background --as bg\nasync def later() -> int:\n"
        "    import asyncio\n    await asyncio.sleep(60)\n    return length",
        "bg",
    )
    shown = book.run("%flyte graph").displays[0]["text/plain"]
    book.run("bg.abort(); bg.wait(5)")
    after = book.run("%flyte graph").displays[0]["text/plain"]

    assert "slow: cached" in shown
    assert "1 / length - 1 / 0: failed" in shown
    assert "later, bg: running" in shown
    assert "later, bg: failed" in after


def test_cells_that_await_are_run_again(book):
    book.run("import asyncio\nasync def get(x):\n    await asyncio.sleep(0)\n    return x * RATE", "get")
    book.run("got = await get(1)", "got")
    book.run("twice = 2 * got", "twice")
    book.run("RATE = 7", "rate")
    done = book.run("%flyte run --stale")

    assert {"get", "got", "twice"} <= {name.removeprefix("asyncio, ") for name in rerun(done)}
    assert book.run("twice").value == "14"


def test_a_cell_that_fails_ends_it_and_is_named(book):
    book.run("RATE = None", "rate")
    done = book.run("%flyte run --stale")

    assert "TypeError" in done.traceback + done.stdout + str(done.of("error"))
    assert done.status == "error"
    assert "scaled failed" in str(done.of("error")[-1]["evalue"]) + done.stderr


def test_an_interrupt_ends_it(book):
    book.run("import time\nn = 0", "n")
    book.run("print('waiting')\ntime.sleep(n)\nwaited = n", "wait")
    book.run("behind = waited", "behind")
    book.run("n = 60", "n")
    done = book.interrupted("%flyte run --stale", "waiting")

    assert done.reply["ename"] == "KeyboardInterrupt"
    assert book.run("behind").value == "0"
    assert next(line.split(" ", 1)[1] for line in lines(book.run("%flyte stale"))) == "waited: it failed"
    book.run("n = 0.01", "n")
    assert rerun(book.run("%flyte run --stale"))[:2] == ["waited", "behind"]
    assert book.run("behind").value == "0.01"


def test_magic_lines_take_names_too(book):
    book.run("%flyte run scale x=length", "asked")
    book.run("%%flyte_task --run length\ndef half(x: int) -> float:\n    return x / 2", "half")
    book.run("raw = [1]\n", "raw")
    words = book.run("%flyte graph").displays[0]["text/plain"]

    assert "%flyte run scale x=leng…: stale" in words
    assert "half: stale" in words


def test_a_cell_that_is_a_task_by_its_metadata_is_run_again_as_one(book):
    book.run("double = RATE * 2", "meta", flyte={"task": "double", "cache": "auto"})
    book.run("RATE = 4", "rate")
    book.run("%flyte run --stale")

    assert book.run("double").value == "8"
    assert "double: fresh" in book.run("%flyte graph").displays[0]["text/plain"]


def test_a_runs_graph_is_shown_too(book):
    book.run("r = flyte.run(scale, 9)")
    shown = book.run("%flyte graph r").displays[0]

    assert shown["text/html"].startswith("<img")
    assert "scale" in shown["text/plain"]


def test_the_cell_that_loads_the_extension_counts(tmp_path):
    kernel = Kernel(tmp_path)
    kernel.run("import flyte_jupyter as flyte\n%load_ext flyte_jupyter\nSIZE = 3", "first")
    kernel.run("double = 2 * SIZE", "second")
    kernel.run("SIZE = 4", "first")
    stale = lines(kernel.run("%flyte stale"))
    kernel.close()

    assert stale == ["In[2] double: `SIZE` 3 -> 4"]


def test_a_reload_of_the_extension_forgets_no_cell(book):
    before = book.run("%flyte graph").displays[0]["text/plain"]
    done = book.run("RATE = 5\n%reload_ext flyte_jupyter\nOFFSET = 1", "rate")
    again = book.run("%reload_ext flyte_jupyter")
    stale = lines(book.run("%flyte stale"))

    assert (done.status, again.status) == ("ok", "ok")
    assert "In[3] RATE: fresh" in before
    assert "RATE, OFFSET" in book.run("%flyte graph").displays[0]["text/plain"]
    assert "scale: `RATE` 2 -> 5" in stale[0]
    assert rerun(book.run("%flyte run --stale"))[:2] == ["scale", "scaled"]
    assert book.run("total").value == "30"


def test_what_ran_while_the_extension_was_away_is_not_claimed_to_be_known(book):
    book.run("%unload_ext flyte_jupyter")
    book.run("raw = [5]", "raw")
    book.run("%load_ext flyte_jupyter")

    assert lines(book.run("%flyte stale")) == ["nothing is out of date"]
    assert "scale" not in str(book.run("%flyte graph").displays)


def test_large_values_do_not_hold_up_their_cells(book):
    book.run("import numpy as np")
    small, large = book.run("a = np.zeros(10)"), book.run("a = [str(i) for i in range(3_000_000)]")
    plain = book.run("%timeit -n1 -r1 [str(i) for i in range(3_000_000)]")

    assert large.seconds < small.seconds + plain.seconds + 1


def test_they_complete(book):
    assert {"%flyte graph", "%flyte stale"} <= set(book.completed("%flyte ") + book.completed("%flyte g"))
    assert book.completed("%flyte run --st") == ["%flyte run --stale"]
    assert "%flyte graph last" in book.completed("%flyte graph l")


@pytest.mark.parametrize("line", ["run", "run scale --stale", "graph nosuchrun", "stale --nothing"])
def test_wrong_usage_is_one_line(book, line):
    done = book.run(f"%flyte {line}")

    assert done.status == "error"
    assert done.reply["ename"] == "UsageError"


CODE = {
    "imports": (
        "%load_ext autoreload\n%autoreload 2\nimport sys, enum\nsys.path.insert(0, '.')\n"
        "import feat\nfrom feat import weigh"
    ),
    "values": "RATE = 2\nCFG = {'k': 1}",
    "defs": (
        "def helper(x): return x * RATE\n"
        "class M:\n    f = 1\n    def go(self): return self.f + CFG['k']\n"
        "class E(enum.Enum):\n    A = 1"
    ),
    "clean": "%%flyte_task clean --cache auto\ngood = helper(5) + M().go() + E.A.value + feat.weigh(1)",
    "plain": "plain = helper(5) + M().go() + E.A.value + weigh(1)",
}


@pytest.fixture
def code(tmp_path):
    """A notebook whose cells use classes, values that change in place, and a module."""
    (tmp_path / "feat.py").write_text("W = 2\ndef weigh(x): return x * W\n")
    kernel = Kernel(tmp_path).load()
    for name, text in CODE.items():
        done = kernel.run(text, name)
        assert done.status == "ok", done.traceback
    assert lines(kernel.run("%flyte stale")) == ["nothing is out of date"]
    yield kernel
    kernel.close()


@pytest.mark.parametrize(
    ("cell", "old", "new", "words", "value"),
    [
        ("defs", "f = 1", "f = 100", "`M.f` 1 -> 100", 114),
        ("defs", "self.f + CFG", "self.f - CFG", "function `M.go` changed", 13),
        ("defs", "A = 1", "A = 50", "`E.A` <E.A: 1> -> <E.A: 50>", 64),
        ("feat.py", "W = 2", "W = 10", "`feat.W` 2 -> 10", 23),
    ],
)
def test_changes_of_what_code_is_made_of_are_brought_up_to_date(code, cell, old, new, words, value):
    if cell == "feat.py":
        file = code.folder / cell
        file.write_text(file.read_text().replace(old, new))
    else:
        code.run(CODE[cell].replace(old, new), cell)
    why = code.run("%flyte why clean").stdout
    stale = lines(code.run("%flyte stale"))
    done = code.run("%flyte run --stale")

    assert "would run" in why
    assert words in stale[-1]
    assert rerun(done) == ["clean", "plain"]
    assert code.run("good, plain").value == f"({value}, {value})"
    assert lines(code.run("%flyte stale")) == ["nothing is out of date"]


def test_what_is_run_again_or_edited_without_effect_leaves_all_as_it_is(code):
    for name in ("defs", "values", "imports"):
        code.run(CODE[name], name)
    file = code.folder / "feat.py"
    file.write_text("# weights\n" + file.read_text())

    assert lines(code.run("%flyte stale")) == ["nothing is out of date"]
    assert rerun(code.run("%flyte run --stale")) == []


def test_a_cell_below_a_magic_is_one_cell_that_takes_and_gives_names(fresh_kernel):
    fresh_kernel.run("x = 1", "a")
    fresh_kernel.run("%%time\ny = x + 1", "b")
    fresh_kernel.run("%%capture shown\nz = y + 1", "c")
    fresh_kernel.run("%%capture shown\n%%flyte_task last\nw = z + 1", "d")
    told = fresh_kernel.run("%flyte graph").displays[0]["text/plain"].splitlines()
    fresh_kernel.run("x = 5", "a")
    fresh_kernel.run("%flyte run --stale")

    assert [line.split(": ")[0] for line in told] == ["In[2] x", "In[3] y", "In[4] z, shown", "In[5] last"]
    assert told[2].endswith("takes y of In[3] y")
    assert fresh_kernel.run("y, z, w").value == "(6, 7, 8)"
