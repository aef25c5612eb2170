"""The notebook's graph: where values come from, and what is out of date."""

import importlib
import os
import re
import sys
import time

import pytest
from IPython.core.interactiveshell import InteractiveShell

from flyte_jupyter.engine.setup import process
from flyte_jupyter.notebook.cells import Cells
from flyte_jupyter.notebook.lineage import Lineage
from flyte_jupyter.notebook.lineage_cells import connect
from flyte_jupyter.notebook.lineage_node import Node
from flyte_jupyter.notebook.lineage_picture import graph, sentences


def ran(lineage, cell, takes="", gives="", content="1", number=0, **more):
    begun = lineage.begun(Node(cell=cell, title=cell, number=number), takes.split())
    return begun.ended(cell, {name: f"{name} {content}" for name in gives.split()}, **more)


@pytest.fixture
def chain():
    """Raw makes clean makes plot; other stands alone."""
    found = ran(Lineage(), "raw", gives="r", number=1)
    found = ran(found, "clean", "r", "c", number=2)
    found = ran(found, "plot", "c", "p", number=3)
    return ran(found, "other", gives="o", number=4)


def test_after_a_run_from_top_to_bottom_nothing_is_stale(chain):
    assert chain.stale() == ()
    assert [(e.start, e.end, e.names) for e in chain.edges()] == [
        ("raw", "clean", ("r",)),
        ("clean", "plot", ("c",)),
    ]


def test_another_result_makes_all_below_it_stale(chain):
    changed = ran(chain, "raw", gives="r", content="2", number=5)

    assert changed.stale() == ("clean", "plot")
    assert changed.outdated("clean") == ("r",)
    assert changed.state("plot") == "stale"
    assert changed.state("other") == "fresh"


def test_the_same_result_makes_nothing_stale(chain):
    assert ran(chain, "raw", gives="r", number=5).stale() == ()


def test_stale_cells_are_brought_up_to_date_in_order(chain):
    changed = ran(chain, "raw", gives="r", content="2", number=5)

    assert changed.order() == ("clean", "plot")
    once = ran(changed, "clean", "r", "c", "2", number=6)
    assert once.order() == ("plot",)
    assert ran(once, "plot", "c", "p", "2", number=7).stale() == ()


def test_a_step_with_an_equal_result_ends_the_chain(chain):
    changed = ran(chain, "raw", gives="r", content="2", number=5)

    assert ran(changed, "clean", "r", "c", "1", number=6).stale() == ()


def test_a_cell_that_changes_what_it_takes_is_not_stale_by_itself():
    found = ran(Lineage(), "make", gives="df", number=1)
    found = ran(found, "extend", "df", "df", "wide", number=2)
    found = ran(found, "use", "df", "u", number=3)

    assert found.stale() == ()
    assert ran(found, "make", gives="df", content="new", number=4).order() == ("extend", "use")


def test_a_name_defined_again_makes_nothing_stale_and_is_told():
    found = ran(Lineage(), "one", gives="x", number=1)
    found = ran(found, "use", "x", "y", number=2)
    found = ran(found, "two", gives="x", content="2", number=3)

    assert found.stale() == ()
    assert found.redefined("use") == ("x",)
    assert "x is defined anew by a later cell" in sentences(found)[1]
    assert found.origin("x").cell == "two"


def test_a_failed_cell_is_failed_and_what_it_no_longer_gives_is_missing_below(chain):
    failed = ran(chain, "raw", number=5, state="failed")

    assert failed.state("raw") == "failed"
    assert "clean" in failed.stale()


def test_cells_that_need_each_other_come_to_an_end():
    found = ran(Lineage(), "a", gives="x", number=1)
    found = ran(found, "b", "x", "y", number=2)
    found = ran(found, "a", "y", "x", "2", number=3)

    assert found.order() in {("b", "a"), ("a", "b")}


def test_a_deleted_cell_is_forgotten(chain):
    assert chain.without("raw").edges()[0].start == "clean"


def test_the_picture_says_each_state_in_words(chain):
    bundle = graph(ran(chain, "raw", gives="r", content="2", number=5))

    assert "In[5] raw: fresh" in bundle["text/plain"]
    assert "In[2] clean: stale because `r` changed; takes r of In[5] raw" in bundle["text/plain"]
    assert bundle["text/html"].startswith("<img")
    assert graph(Lineage())["text/plain"] == "no cell has bound or taken a value yet"


def test_a_long_chain_of_cells_is_wrapped_to_fit():
    found = ran(Lineage(), "c0", gives="n0", number=1)
    for n in range(1, 40):
        found = ran(found, f"c{n}", f"n{n - 1}", f"n{n}", number=n + 1)
    html = graph(found)["text/html"]

    assert int(re.search(r'width="(\d+)"', html)[1]) < 1200
    assert int(re.search(r'height="(\d+)"', html)[1]) > 200


@pytest.fixture
def notebook(tmp_path):
    before = process.setup
    process.change(folder=tmp_path, _open=type(before._open)())
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    cells = Cells(shell)
    shell.events.register("pre_run_cell", cells.begin)
    following, undo = connect(shell, cells)

    def run(text, cell):
        shell.run_cell(text, store_history=True, cell_id=cell)
        return following.lineage

    yield run
    undo()
    process.setup.close()
    process.setup = before


def test_cells_of_a_shell_are_followed(notebook):
    notebook("import math\nraw = [1, 2]", "a")
    notebook("total = sum(raw)", "b")
    found = notebook("raw.append(total)", "c")

    assert found.stale() == ()
    assert [(e.start, e.end, e.names) for e in found.edges()] == [
        ("a", "b", ("raw",)),
        ("a", "c", ("raw",)),
        ("b", "c", ("total",)),
    ]
    assert notebook("import math\nraw = [5]", "a").order() == ("b", "c")


def test_a_helper_counts_with_what_it_reads(notebook):
    notebook("k = 2", "a")
    notebook("def f(x): return x * k", "b")
    notebook("y = f(3)", "c")

    assert "c" in notebook("k = 5", "a").stale()
    assert "c" in notebook("def f(x): return x + k", "b").stale()


def test_a_run_is_the_origin_of_what_its_cell_binds(notebook):
    notebook(
        "import flyte_jupyter as flyte\nenv = flyte.TaskEnvironment('lineage')\n"
        "@env.task(cache='auto')\ndef double(n: int) -> int:\n    return 2 * n",
        "a",
    )
    first = notebook("out = flyte.run(double, 4).outputs()[0]", "b")
    again = notebook("out = flyte.run(double, 4).outputs()[0]", "b")

    assert first.origin("out").run
    assert (first.state("b"), again.state("b")) == ("fresh", "cached")
    assert first.nodes["b"].is_task


def test_a_failing_cell_is_told(notebook):
    assert notebook("1 / 0", "a").state("a") == "failed"


CLASSES = {
    "rate": "RATE = 2\nCFG = {'k': 1}",
    "defs": (
        "import enum\ndef helper(x): return x * RATE\n"
        "class M:\n    f = 1\n    def go(self): return self.f + CFG['k']\n"
        "class E(enum.Enum):\n    A = 1"
    ),
    "plain": "plain = helper(5) + M().go() + E.A.value",
}


@pytest.fixture
def classes(notebook):
    for cell, text in CLASSES.items():
        notebook(text, cell)
    return notebook


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("f = 1", "f = 100", "`M.f` 1 -> 100"),
        ("return self.f + CFG", "return self.f - CFG", "function `M.go` changed"),
        ("A = 1", "A = 50", "`E.A` <E.A: 1> -> <E.A: 50>"),
        ("class M:", "class M(dict):", "class `M` changed"),
    ],
)
def test_a_class_that_is_defined_otherwise_is_another_value(classes, old, new, words):
    found = classes(CLASSES["defs"].replace(old, new), "defs")

    assert found.stale() == ("plain",)
    assert words in found.changes("plain")
    assert classes(CLASSES["plain"], "plain").stale() == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x: int = 1", "x: int = 2"),
        ("x: int = 1", "x: int = 1\n    y: str = ''"),
        ("x: int = 1", "x: float = 1"),
    ],
)
@pytest.mark.parametrize("head", ["@dataclass\nclass P:", "class P(BaseModel):"])
def test_the_fields_of_a_class_are_its_content(notebook, head, first, second):
    text = f"from dataclasses import dataclass\nfrom pydantic import BaseModel\n{head}\n    {first}"
    notebook(text, "a")
    notebook("p = P()", "b")
    notebook("q = p.x", "c")

    assert notebook(f"# said otherwise\n{text}", "a").stale() == ()
    assert notebook(text.replace(first, second), "a").order() == ("b", "c")
    assert notebook("p = P()", "b").order() == ("c",)
    assert notebook("q = p.x", "c").stale() == ()


def test_a_class_that_is_run_again_unchanged_makes_nothing_stale(classes):
    assert classes(CLASSES["defs"], "defs").stale() == ()


def test_what_holds_code_is_another_value_with_it(notebook):
    notebook("def f(x): return x + 1", "a")
    notebook("steps = {'one': f}", "b")
    notebook("y = steps['one'](1)", "c")
    notebook("def f(x): return x + 2", "a")

    assert notebook("steps = {'one': f}", "b").order() == ("c",)


@pytest.mark.parametrize(
    "text",
    [
        "@functools.lru_cache\ndef f(x): return x + 1",
        "@functools.singledispatch\ndef f(x): return x + 1",
        "f = functools.partial(lambda x: x + 1)",
        "class M:\n    def go(self, x): return x + 1\nf = M().go",
    ],
)
def test_what_wraps_code_is_another_value_with_it(notebook, text):
    notebook(f"import functools\n{text}", "a")
    notebook("y = f(1)", "b")

    assert notebook(f"import functools\n\n{text}", "a").stale() == ()
    assert notebook(f"import functools\n{text.replace('+', '-')}", "a").stale() == ("b",)


def test_large_data_that_a_class_reads_is_not_digested(notebook, monkeypatch):
    monkeypatch.setattr("flyte_jupyter.notebook.lineage_weight._LARGE", 1000)
    notebook(
        "import numpy as np\nbig = np.zeros(1000)\nclass M:\n    def go(self): return big\nm = M()\nn = M()\nbig[0] = 1",
        "a",
    )
    found = notebook("n = M()", "b")

    assert found.origin("n").content == found.origin("m").content


@pytest.mark.parametrize("text", ["CFG['k'] = 70", "CFG.update(k=70)", "CFG |= {'k': 70}", "del CFG['k']"])
def test_a_change_in_place_further_down_leaves_what_read_the_value_before(classes, text):
    assert classes(text, "change").stale() == ()
    assert classes("CFG['k']", "look").stale() == ()
    classes(CLASSES["defs"], "defs")
    classes(CLASSES["plain"], "plain")

    assert classes("CFG['k'] = 71", "change").order() == ("look", "defs", "plain")


def test_a_list_that_grows_again_makes_stale_what_counted_it(notebook):
    notebook("found = [1]", "make")
    notebook("n = len(found)", "count")
    notebook("found.append(2)", "grow")
    notebook("m = len(found)", "later")

    assert notebook("1", "look").stale() == ()
    assert notebook("n = len(found)", "count").stale() == ()
    assert notebook("found.append(3)", "grow").stale() == ("count", "later")


def test_a_change_that_came_first_makes_stale_what_read_the_value_made_anew_without_it(notebook):
    for text, cell in (("d = {}", "make"), ("d['a'] = 1", "change"), ("n = len(d)", "use")):
        notebook(text, cell)
    notebook("d = {}", "make")
    notebook("n = len(d)", "use")

    assert notebook("d['a'] = 1", "change").stale() == ("use",)


def test_a_change_that_is_taken_back_makes_nothing_stale(classes):
    classes("CFG['k'] = 70", "change")

    assert classes("CFG['k'] = 1", "back").stale() == ()


def test_a_chain_of_changes_is_not_stale_by_itself(notebook):
    for _ in range(2):
        notebook("d = {}", "make")
        notebook("d['a'] = 1", "one")
        notebook("d['b'] = 2", "two")
        assert notebook("n = len(d)", "use").stale() == ()
    assert notebook("d['b'] = 2", "two").stale() == ()
    notebook("d['b'] = 3", "two")
    assert notebook("n = len(d)", "use").stale() == ()


def test_what_is_made_anew_lacks_the_changes_that_were_made_to_it(notebook):
    notebook("d = {}", "make")
    notebook("d['a'] = 1", "one")
    notebook("n = len(d)", "use")
    found = notebook("d = {}", "make")

    assert found.order() == ("one", "use")
    assert found.changes("one") == ("`d` was made anew, without the change made here",)
    assert notebook("d['a'] = 1", "one").stale() == ()


def test_a_change_to_what_another_cell_binds_anew_is_none_of_the_former_readers(notebook):
    notebook("d = {}", "make")
    notebook("n = len(d)", "use")
    notebook("d = {}", "other")

    assert notebook("d['a'] = 1", "change").stale() == ()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A local module that can be edited."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def write(text, name="feat"):
        file = tmp_path / f"{name}.py"
        file.write_text(text)
        os.utime(file, (time.time(), time.time() + len(names)))  # a later one than before
        names.append(name)
        importlib.invalidate_caches()

    write("W = 2\ndef weigh(x): return x * W\ndef other(): return 1\n")
    yield write
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def using(notebook, module):
    notebook("%load_ext autoreload\n%autoreload 2\nimport feat\nfrom feat import weigh", "imports")
    notebook("def helper(x): return feat.weigh(x)", "helper")
    notebook("a = feat.weigh(1)", "whole")
    notebook("b = weigh(1)", "part")
    notebook("c = helper(1)", "through")
    notebook("d = feat.other()", "rest")
    return notebook


def test_an_edited_module_makes_stale_what_uses_that_part_of_it(using, module):
    assert using("1", "look").stale() == ()
    module("W = 10\ndef weigh(x): return x * W\ndef other(): return 1\n")
    using("1", "look")
    found = using("1", "look")

    assert found.order() == ("helper", "whole", "part", "through")
    assert found.changes("whole") == ("`feat.W` 2 -> 10",)
    using("def helper(x): return feat.weigh(x)", "helper")
    using("a = feat.weigh(1)", "whole")
    using("b = weigh(1)", "part")
    assert using("c = helper(1)", "through").stale() == ()
    assert using("import feat\nfrom feat import weigh", "imports").stale() == ()


def test_an_edited_comment_makes_nothing_stale(using, module):
    module("# new\nW = 2\n\ndef weigh(x): return x * W  # the same\ndef other(): return 1\n")
    using("1", "look")

    assert using("1", "look").stale() == ()


def test_a_file_that_is_not_loaded_again_makes_nothing_stale_until_it_is(notebook, module):
    notebook("import feat, importlib", "imports")
    notebook("a = feat.weigh(1)", "use")
    module("W = 10\ndef weigh(x): return x * W\n")
    assert notebook("1", "look").stale() == ()
    assert notebook("1", "look").stale() == ()

    assert notebook("importlib.reload(feat);", "again").stale() == ("use",)
    assert notebook("a = feat.weigh(1)", "use").stale() == ()


def test_a_value_set_in_a_module_counts(notebook, module):
    notebook("import feat", "imports")
    notebook("a = feat.weigh(1)", "use")

    assert notebook("feat.W = 3", "set").changes("use") == ("`feat.W` 2 -> 3",)


def test_a_module_that_a_module_imports_counts(notebook, module):
    module("SIZE = 1\n", "inner")
    module("import inner\ndef weigh(x): return x * inner.SIZE\n")
    notebook("import feat, inner, importlib", "imports")
    notebook("a = feat.weigh(1)", "use")
    module("SIZE = 7\n", "inner")

    assert notebook("importlib.reload(inner);", "again").changes("use") == ("`inner.SIZE` 1 -> 7",)
