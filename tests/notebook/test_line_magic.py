"""``%flyte`` in a real kernel."""

import pytest

SETUP = """
import time
env = flyte.TaskEnvironment("t")
RATE = 2

@env.task(report=True, cache="auto")
def add(x: int, y: int = 1) -> int:
    print("adding", x)
    flyte.report.log("<b>well done</b>")
    return (x + y) * RATE

done = flyte.run(add, 1)
"""


@pytest.fixture(autouse=True)
def names(kernel):
    assert kernel.run(SETUP).status == "ok"


def test_run_takes_expressions_of_the_notebooks_names(kernel):
    assert kernel.run("%flyte run add x=RATE*10 y=2").value == "44"


def test_run_binds_the_run(kernel):
    kernel.run("%flyte run t.add x=1 --as bound")

    assert kernel.run("bound.phase.value").value == "'SUCCEEDED'"


def test_runs_lists_the_newest_first(kernel):
    shown = kernel.run("%flyte runs --limit 1").stdout

    assert kernel.run("print(done.name)").stdout.strip() in shown
    assert "add" in shown


def test_show_shows_the_card_of_a_variable_or_of_the_last_run(kernel):
    for name in ("done", "last"):
        data = kernel.run(f"%flyte show {name}").displays[0]
        assert "text/html" in data
        assert "add" in data["text/plain"]


@pytest.mark.parametrize("name", ["$nm", "{nm}", "{kept['it'].name}", "{kept['it'].name + ''}"])
def test_a_line_takes_values_as_other_magics_do(kernel, name):
    kernel.run("nm = done.name\nkept = {'it': done}")

    assert "add" in kernel.run(f"%flyte show {name}").displays[0]["text/plain"]


def test_local_values_are_taken_before_those_of_the_notebook(kernel):
    kernel.run("nm = 'none'\ndef look(run):\n    nm = run.name\n    %flyte show $nm")

    assert "add" in kernel.run("look(done)").displays[0]["text/plain"]


@pytest.mark.parametrize("given", ["x={'a':1}['a']", "x='{1: {2: 1}}[1][2]'", '"x=len({nm})"'])
def test_the_braces_of_an_input_are_python_s_own(kernel, given):
    kernel.run("nm, pick, y = 'one', 'add', 1")
    line = given.replace("'a'", "\\'a\\'") if given.startswith("x={") else given

    assert kernel.run(f"%flyte run $pick {line} y={{1:y}}[1]").value == "4"


def test_logs_print_what_the_run_printed(kernel):
    assert "adding 5" in kernel.run("flyte.run(add, 5);\n%flyte logs last").stdout


def test_report_shows_the_report_in_a_sandbox(kernel):
    html = kernel.run("flyte.run(add, 6);\n%flyte report last").displays[-1]["text/html"]

    assert "well done" in html
    assert "sandbox" in html


def test_why_says_that_it_would_hit_or_what_changed(kernel):
    hit = kernel.run("%flyte why add").stdout
    changed = kernel.run("RATE = 5\n%flyte why add").stdout
    with_inputs = kernel.run("RATE = 2\n%flyte why add x=1").stdout
    other = kernel.run("%flyte why add x=123").stdout

    assert "from the cache" in hit
    assert "`RATE` 2 -> 5" in changed
    assert "would take its result from the cache" in with_inputs
    assert "would run" in other


def test_env_shows_store_mode_and_environments(kernel):
    text = kernel.run("%flyte env").displays[0]["text/plain"]

    assert "Store" in text
    assert "local" in text
    assert "add" in text


def test_abort_stops_a_run_of_this_kernel(kernel):
    kernel.run(
        "%%flyte_task --run --background --as bg\nimport asyncio\n"
        "async def f() -> int:\n    await asyncio.sleep(60)\n    return 1"
    )
    done = kernel.run("%flyte abort bg")

    assert "aborted" in done.stdout
    assert kernel.run("bg.phase.value").value == "'ABORTED'"


@pytest.mark.parametrize("name", ["", "--help", "runs --help", "run --help", "cache --help", "why -h"])
def test_help_is_printed(kernel, name):
    done = kernel.run(f"%flyte {name}")

    assert done.status == "ok", done.stderr
    assert "%flyte" in done.stdout
    assert "flyte-jupyter " not in done.stdout


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("%flyte nope", "'nope'"),
        ("%flyte RUNS", "Did you mean runs?"),
        ("%flyte run add x=1 --background --wait", "give one of them"),
        ("%flyte images ls add", "add: ls lists the images of all tasks"),
        ("%flyte connect http://localhost:1", "Start one with: flyte-jupyter serve"),
        ("%flyte show nosuch", "'nosuch'"),
        ("%flyte run addd x=1", "Did you mean add?"),
        ("%flyte run add x=", "x="),
        ("%flyte run add x=undefined_name", "x=undefined_name: name"),
        ("%flyte run add y=1 x=word", "x=word: name 'word' is not defined; for text write \"x='word'\""),
        ("%flyte why add x=word", "x=word: name 'word' is not defined"),
        ("%flyte run add x=1 x=2", "x=2: x is given twice"),
        ("%%flyte_task --run n=word\ndef g(n: int) -> int: return n", "--run n=word: name 'word'"),
        (
            "%flyte cache explain",
            "%flyte cache: the following arguments are required: TASK. Try %flyte cache --",
        ),
        ("%flyte run", "TASK"),
        ("%flyte run add --mode cloud x=1", "'cloud'"),
        ("%flyte runs --phase nope", "'nope'"),
        ("%flyte cache explain zzzz", "'zzzz'"),
        ("%flyte cache clear", "--all"),
        ("%flyte report done --nope", "--nope"),
        ("%flyte show 'open", "quotation"),
    ],
)
def test_what_is_wrong_is_one_line(kernel, code, words):
    done = kernel.run(code)

    assert done.status == "error"
    assert done.traceback == ""
    assert done.stderr.startswith("UsageError: ")
    assert done.stderr.count("\n") == 1
    assert not done.stderr.endswith(".\n")
    assert words in done.stderr


@pytest.mark.parametrize(("given", "said"), [("z=1", "add(x: int, y: int = 1) -> int"), ("x=[1]", "int")])
def test_a_wrong_input_is_one_line(kernel, given, said):
    done = kernel.run(f"%flyte run add {given}")

    assert done.reply["ename"] == "UsageError"
    assert said in done.reply["evalue"]


FLAKY = """
fail = True
@env.task
def half(x: int) -> int:
    print("half of", x)
    return x // 2
@env.task
def whole(x: int) -> int:
    y = half(x)
    return check(y)
@env.task
def check(y: int) -> int:
    if fail:
        raise ValueError(f"no {y}")
    return y
"""


@pytest.fixture
def failed(kernel):
    kernel.run(FLAKY)
    assert kernel.run("flyte.run(whole, 8)").error == "ValueError: no 4"


def test_rerun_takes_what_succeeded_and_runs_the_rest(kernel, failed):
    done = kernel.run("fail = False\n%flyte rerun last --from failed --as again")

    assert done.value == "4", done.traceback
    assert "half of" not in done.stdout
    assert kernel.run("again.state.rerun_of is not None").value == "True"


def test_rerun_from_the_start_runs_everything(kernel, failed):
    done = kernel.run("fail = False\n%flyte rerun last x=10 --from start")

    assert done.value == "5"
    assert "half of 10" in done.stdout


def test_load_brings_inputs_and_code(kernel, failed):
    done = kernel.run("y = None\n%flyte load last check")
    texts = [p["text"] for p in done.reply["payload"] if p["source"] == "set_next_input"]

    assert "loaded y" in done.stdout
    assert kernel.run("y").value == "4"
    assert "def check" in texts[0]


def test_compare_shows_what_differs(kernel):
    kernel.run("a = flyte.run(add, 1)\nRATE = 7\nb = flyte.run(add, 2)")
    data = kernel.run("%flyte compare a b").displays[0]

    assert "RATE" in data["text/plain"]
    assert data["text/html"].startswith("<div")


def test_logs_are_printed_as_they_were(kernel):
    kernel.run("@env.task\ndef f() -> None:\n    print('flyte-jupyter runs')\nflyte.run(f);")

    assert "flyte-jupyter runs" in kernel.run("%flyte logs last").stdout


def test_groups_list_and_logs_take_variables(kernel):
    kernel.run("flyte.run(add, 77); held = flyte.run(add, 78)")

    assert "adding 78" in kernel.run("%flyte logs held").stdout
    assert "t.add" in kernel.run("%flyte cache").stdout


def test_a_rerun_with_an_input_that_is_none_is_one_line(kernel):
    done = kernel.run("%flyte rerun done nosuch=1")

    assert done.reply["ename"] == "UsageError"
    assert "takes no 'nosuch'" in done.reply["evalue"]


def test_what_an_input_raises_shows_the_input(kernel):
    assert "----> 1 1 // 0" in kernel.run('%flyte run add "x=1 // 0"').traceback


def test_kept_results_are_explained_and_cleared_by_the_task_or_its_variable(kernel):
    kernel.run(
        "kept = flyte.TaskEnvironment('kept', cache='auto')\n"
        "@kept.task\ndef made(x: int) -> int: return x\n"
        "same = made\nfor x in (1, 2): flyte.run(made, x)"
    )
    explained = kernel.run("%flyte cache explain made --limit 1").stdout
    cleared = kernel.run("%flyte cache clear same").stdout
    nothing = kernel.run("%flyte cache ls kept.made").stdout

    assert "kept.made\nmade " in explained
    assert "the newest 1 of 2 results" in explained
    assert "2 results removed" in cleared
    assert "no results are kept" in nothing


def test_inputs_may_hold_spaces_and_name_what_a_function_has(kernel):
    kernel.run("env = flyte.TaskEnvironment('same')\n@env.task\ndef same(x: int) -> int: return x")
    spaced = kernel.run("%flyte run same x=sum([1, 2 + 3])")
    kernel.run("def inside(q):\n    return get_ipython().run_line_magic('flyte', 'run same x=q')")
    local = kernel.run("inside(41)")
    quoted = kernel.run('%flyte run same x=["unknown_word"]')

    assert (spaced.value, local.value) == ("6", "41")
    assert (
        "x=[unknown_word]: name 'unknown_word' is not defined; what holds text needs quotes around it all"
        in quoted.stderr
    )
