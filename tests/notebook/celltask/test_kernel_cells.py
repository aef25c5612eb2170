"""Cells as tasks in a real kernel: figures, values, tracebacks, and what comes back after a restart."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

CACHED = "%%flyte_task --cache auto\n"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    from kernel import Kernel

    started = Kernel(tmp_path_factory.mktemp("kernel")).load()
    yield started
    started.close()


def test_a_cell_binds_its_outputs_and_shows_its_value(kernel):
    kernel.run("raw = [3, 1, 2]")
    done = kernel.run("%%flyte_task clean\nbest = max(raw)\nprint('looking')\nbest * 2")

    assert (done.stdout, done.value) == ("looking\n", "6")
    assert kernel.run("best, _").value == "(3, 6)"


def test_a_cell_is_restored_also_where_the_notebook_holds_a_run_or_its_shell(kernel):
    kernel.run("import flyte_jupyter as flyte\nenv = flyte.TaskEnvironment('held')")
    kernel.run("@env.task\ndef one(x: int) -> int:\n    return x")
    kernel.run("held = flyte.run(one, 1)\nwhole = [held]")
    kernel.run("ip = get_ipython()\nparts = [ip.kernel, ip.display_formatter, globals()]")
    kernel.run("try: 1 / 0\nexcept Exception as e: failed = [e, e.__traceback__]")
    kernel.run("from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)")
    kernel.run("waits = pool.submit(print)")
    cell = CACHED + "few = [2, 1]\nleast = min(few)"
    _, again = kernel.run(cell), kernel.run(cell)

    assert "restored from just now" in again.displays[-1]["text/plain"]


def test_a_figure_is_restored_also_where_the_notebook_holds_another(kernel):
    kernel.run("%matplotlib inline\nimport matplotlib.pyplot as plt\nold, axes = plt.subplots()")
    cell = CACHED + "new, axis = plt.subplots()\naxis.plot([1, 2])\nplt.show()"
    _, again = kernel.run(cell), kernel.run(cell)

    assert "restored from just now" in again.displays[-1]["text/plain"]


def test_what_is_equal_and_not_the_same_is_a_change(kernel):
    make = "from decimal import Decimal\nprices, rec = [Decimal('1.5')], {'z': 0.0}"
    cell = CACHED + "prices[0] = prices[0].quantize(Decimal('0.01'))\nrec['z'] = -rec['z']"
    kernel.run(make)
    kernel.run(cell)
    kernel.run(make)
    again = kernel.run(cell)

    assert "restored" in again.displays[-1]["text/plain"]
    assert kernel.run("prices, rec").value == "([Decimal('1.50')], {'z': -0.0})"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sklearn.set_config(transform_output='pandas')", "it changes the settings of scikit-learn"),
        ("logging.getLogger('app').setLevel(10)", "it changes the handlers of logging"),
        ("sys.setrecursionlimit(sys.getrecursionlimit() + 1)", "it changes the limit of recursion"),
    ],
)
def test_a_cell_that_changes_the_process_is_not_kept(kernel, text, reason):
    kernel.run("import logging, sklearn, sys")
    done = kernel.run(f"{CACHED}{text}\na = 1")

    assert reason in done.displays[-1]["text/plain"]
    kernel.run("sklearn.set_config(transform_output='default')")


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("pandas", "pd.set_option('display.precision', 3)", "pd.set_option('display.precision', 6)"),
        ("numpy", "np.set_printoptions(precision=3)", "np.set_printoptions(precision=8)"),
        ("decimal", "decimal.getcontext().prec = 5", "decimal.getcontext().prec = 28"),
    ],
)
def test_what_another_cell_has_set_counts(kernel, name, other, same):
    kernel.run("import decimal, numpy as np, pandas as pd")
    cell = (
        f"{CACHED}shown = '{name}', str(pd.Series([1 / 3])), str(np.array([1 / 3])), decimal.Decimal(1) / 3"
    )
    kernel.run(cell)
    kernel.run(other)
    different = kernel.run(cell)
    kernel.run(same)
    kernel.run(cell)
    again = kernel.run(cell)

    assert not different.displays or "restored" not in different.displays[-1]["text/plain"]
    assert "restored" in again.displays[-1]["text/plain"]


def test_a_restored_view_of_a_mapping_shows_what_is_put_into_it(kernel):
    kernel.run("import types\nmemo = {'a': 1}")
    cell = CACHED + "mp = types.MappingProxyType(memo)"
    kernel.run(cell)
    again = kernel.run(cell)
    kernel.run("memo['new'] = 1")

    assert "restored" in again.displays[-1]["text/plain"]
    assert kernel.run("mp['new']").value == "1"


def test_the_result_of_a_restored_cell_is_an_output_of_it(kernel):
    cell = (
        CACHED
        + "from IPython.display import display, HTML\ndisplay(HTML('<b>b</b>'))\ntotal = sum(raw)\ntotal"
    )
    kernel.run("raw = [3, 1, 2]")
    first = kernel.run(cell)
    again = kernel.run(cell)

    assert first.value == again.value == "6"
    assert again.displays[0] == first.displays[0]
    assert "restored from just now" in again.displays[-1]["text/plain"]
    assert kernel.run("_").value == "6"


def test_inline_figures_appear_and_appear_again(kernel):
    kernel.run("%matplotlib inline\nimport matplotlib.pyplot as plt")
    cell = CACHED + "fig, ax = plt.subplots()\nax.plot([1, 2, 3])\nax.set_title('t');"
    first = kernel.run(cell)
    again = kernel.run(cell)

    for done in (first, again):
        assert done.status == "ok", done.traceback
        assert [("image/png" in d) for d in done.displays if "image/png" in d] == [True]
    assert "restored" in again.displays[-1]["text/plain"]
    assert kernel.run("ax.get_title(), plt.get_fignums()").value == "('t', [])"


def test_an_error_is_of_its_class_and_ends_at_the_line_of_the_cell(kernel):
    done = kernel.run("%%flyte_task\na = 1\nb = {}['gone']")

    assert done.error == "KeyError: 'gone'"
    assert "line 3" in done.traceback
    assert "Cell In[" in done.traceback
    assert "flyte_jupyter" not in done.traceback
    assert kernel.run("a").value == "1"


def test_magics_shell_lines_and_await_work_in_it(kernel):
    done = kernel.run(
        "%%flyte_task\nimport asyncio\n!echo shell\nx = await asyncio.sleep(0, 5)\n%time y = x + 1\ny"
    )

    assert "shell" in done.stdout
    assert done.value == "6"


def test_the_loop_in_a_cell_is_that_of_the_notebook(kernel):
    kernel.run("import asyncio\nqueue = asyncio.Queue()\nwaiting = asyncio.ensure_future(queue.get())")
    kernel.run("%%flyte_task\nawait queue.put(7)\ngot = await waiting")

    assert kernel.run("got").value == "7"


def test_a_new_kernel_restores_what_was_kept(kernel, tmp_path):
    from kernel import Kernel

    cells = [
        "import pandas as pd\nraw = pd.DataFrame({'a': [1, 2, None]})",
        CACHED + "clean = raw.dropna()\nprint('slow')",
        CACHED + "clean['b'] = clean.a * 2\nclean.b.sum()",
    ]
    first = [kernel.run(cell) for cell in cells]
    fresh = Kernel(tmp_path, home=kernel.folder / "home").load()
    again = [fresh.run(cell) for cell in cells]
    doubled = fresh.run("clean.b.tolist()").value
    fresh.close()

    assert [d.stdout for d in again] == [d.stdout for d in first]
    assert again[2].value == first[2].value
    assert all("restored" in d.displays[-1]["text/plain"] for d in again[1:])
    assert doubled == "[2.0, 4.0]"


def test_what_the_line_cannot_mean_is_said_in_one_line(kernel):
    for line, word in (
        ("--run", "runs at once"),
        ("-o nothing", "does not assign"),
        ("--background", "functions"),
    ):
        done = kernel.run(f"%%flyte_task {line}\nx = 1")

        assert word in done.stderr
        assert done.status == "error"


def test_a_library_that_asks_what_the_machine_is_starts_no_program(kernel):
    kernel.run(
        "from sklearn.ensemble import HistGradientBoostingClassifier\nX, y = [[n] for n in range(9)], [0] * 4 + [1] * 5"
    )
    cell = CACHED + "model = HistGradientBoostingClassifier(max_iter=2, random_state=0).fit(X, y)"
    first, again = kernel.run(cell), kernel.run(cell)

    assert "not kept" not in "".join(d["text/plain"] for d in first.displays)
    assert "restored" in again.displays[-1]["text/plain"]
    assert (
        "not kept"
        in kernel.run(CACHED + "import subprocess\nm = subprocess.run(['uname'])").displays[-1]["text/plain"]
    )
