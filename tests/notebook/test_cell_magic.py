"""``%%flyte_task`` over functions, in a real kernel."""

import pytest


def test_each_public_function_becomes_a_task_and_the_rest_runs(kernel):
    done = kernel.run(
        "%%flyte_task --env ml --cpu 2\n"
        "import math\n"
        "SIZE = 3\n"
        "def area(r: float) -> float:\n"
        "    return math.pi * r * r\n"
        "async def double(n: int) -> int:\n"
        "    return 2 * n\n"
        "def _helper(): return SIZE\n"
        "SIZE + 1"
    )
    kinds = kernel.run("[type(x).__name__ for x in (area, double, _helper)]").value

    assert done.value == "4"
    assert kinds == "['AsyncFunctionTaskTemplate', 'AsyncFunctionTaskTemplate', 'function']"
    assert [d["text/plain"].count("Task ml.") for d in done.displays] == [2]


def test_the_card_tells_signature_environment_image_resources_and_captures(kernel):
    kernel.run("RATE = 3\ndef times(x): return x * RATE")
    done = kernel.run(
        "%%flyte_task --env ml --cpu 2 --memory 4Gi --cache auto --retries 2 --timeout 10m\n"
        "def train(n: int, lr: float = 0.1) -> float:\n"
        "    return times(n) * lr"
    )
    text = done.displays[0]["text/plain"]

    for words in (
        "Task ml.train(n: int, lr: float = 0.1) -> float",
        "environment ml",
        "image ",
        "CPU 2",
        "Memory 4Gi",
        "cache auto, version",
        "retries 2",
        "one attempt 10 min",
        "captures RATE = 3",
        "times (Cell In[",
    ):
        assert words in text
    assert "<strong>ml.train</strong>" in done.displays[0]["text/html"]


def test_run_runs_it_at_once_with_the_notebooks_values(kernel):
    kernel.run("base = 20")
    done = kernel.run(
        '%%flyte_task --run "base + 1, k=2" --as made\ndef f(n: int, k: int = 1) -> int:\n    return n * k'
    )

    assert done.value == "42"
    assert kernel.run("made.phase.value").value == "'SUCCEEDED'"


def test_of_several_functions_the_last_one_runs(kernel):
    done = kernel.run(
        "%%flyte_task --run\ndef one() -> int:\n    return 1\nasync def two() -> int:\n    return one() + 1"
    )

    assert done.value == "2"


def test_options_reach_the_task(kernel):
    kernel.run(
        "%%flyte_task brief --env-var A=1 --secret g/k --report --ignore b --queued-timeout 5s\n"
        "def f(a: int, b: int) -> int:\n    return a"
    )
    code = (
        "(f.short_name, dict(f.env_vars), [(s.group, s.key) for s in f.secrets], f.report, "
        "f.cache.ignored_inputs, f.timeout.max_queued_time.total_seconds())"
    )

    assert kernel.run(code).value == "('brief', {'A': '1'}, [('g', 'k')], True, ('b',), 5.0)"


def test_an_environment_that_exists_is_used(kernel):
    kernel.run("mine = flyte.TaskEnvironment('theirs', resources=flyte.Resources(cpu=1, memory='2Gi'))")
    kernel.run("%%flyte_task --env mine --cpu 8\ndef f() -> int:\n    return 1")

    assert kernel.run("(f.name, f.resources.cpu, f.resources.memory)").value == "('theirs.f', '8', '2Gi')"


def test_other_decorators_stay(kernel):
    kernel.run(
        "import functools\n"
        "def shout(f):\n"
        "    @functools.wraps(f)\n"
        "    def inner(*a, **k): return f(*a, **k).upper()\n"
        "    return inner"
    )
    done = kernel.run("%%flyte_task --run '\"a\"'\n@shout\ndef f(x: str) -> str:\n    return x")

    assert done.value == "'A'"


def test_a_task_decorated_by_hand_stays_as_it_is(kernel):
    kernel.run("own = flyte.TaskEnvironment('own')")
    kernel.run("%%flyte_task --env ml\n@own.task\ndef f() -> int:\n    return 1")

    assert kernel.run("f.name").value == "'own.f'"


def test_the_cell_may_use_the_shells_own_syntax(kernel):
    done = kernel.run("%%flyte_task\nwords = !echo hello\n%pwd\ndef f() -> str:\n    return words[0]")

    assert done.status == "ok", done.traceback
    assert kernel.run("f()").value == "'hello'"


def test_the_cell_may_await_at_its_top_level(kernel):
    done = kernel.run(
        "%%flyte_task --run\nimport asyncio\nawait asyncio.sleep(0)\nfound = await asyncio.sleep(0, 5)\n"
        "async def f() -> int:\n    return found"
    )

    assert done.value == "5"


def test_a_semicolon_keeps_the_last_value_to_itself(kernel):
    done = kernel.run("%%flyte_task\ndef f() -> int:\n    return 1\n40 + 2;")

    assert done.value == ""


def test_names_with_dollars_and_braces_are_not_expanded(kernel):
    done = kernel.run("%%flyte_task --run \"{'a': 1}\"\ndef f(d: dict[str, int]) -> int:\n    return d['a']")

    assert done.value == "1"


def test_in_the_background_the_cell_ends_at_once(kernel):
    done = kernel.run(
        "%%flyte_task --run --background --as later\nimport threading\ngo = threading.Event()\n"
        "def f() -> int:\n    go.wait(30)\n    return 7"
    )
    busy = kernel.run("while later.phase.value == 'QUEUED': go.wait(0.01)\nlater.phase.value").value
    result = kernel.run("go.set(); later.wait(); later.outputs()[0]").value

    assert done.seconds < 5
    assert busy == "'RUNNING'"
    assert result == "7"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("%%flyte_task --cpu abc\ndef f(): pass", "cpu='abc'"),
        ("%%flyte_task --memory 4\ndef f(): pass", "memory='4'"),
        ("%%flyte_task --env 'Bad Name'\ndef f(): pass", "'Bad Name'"),
        ("%%flyte_task --ignore z --cache auto\ndef f(a: int): pass", "'z'"),
        ("%%flyte_task name\ndef f(): pass\ndef g(): pass", "f, g"),
        ("%%flyte_task -o a\ndef f(): pass", "--outputs"),
        ("%%flyte_task --background\ndef f(): pass", "--run"),
        ("%%flyte_task --run 'a b'\ndef f(): pass", "'a b'"),
        ("%%flyte_task --run '*x'\ndef f(): pass", "without *"),
        ("%%flyte_task --run undefined_name\ndef f(x: int): pass", "undefined_name"),
        ("%%flyte_task --image ''\ndef f(): pass", "image"),
    ],
)
def test_what_is_wrong_with_the_line_is_one_line_without_a_traceback(kernel, code, words):
    done = kernel.run(code)

    assert done.status == "error"
    assert done.stderr.startswith("UsageError: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.traceback == ""


def test_the_question_mark_documents_every_option(kernel):
    shown = kernel.help("%%flyte_task")

    assert "--queued-timeout TIME" in shown
    assert "Make tasks of the cell." in shown


def test_the_record_says_which_cell_and_notebook(fresh_kernel):
    fresh_kernel.run("__session__ = '/books/a.ipynb'")
    fresh_kernel.run("%%flyte_task --run --as r\ndef f() -> int:\n    return 1", cell="cell-7")
    source = fresh_kernel.run("{k: r.state.source[k] for k in ('notebook', 'cell')}").value

    assert source == "{'notebook': '/books/a.ipynb', 'cell': 'cell-7'}"


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_isolation_says_what_surrounds_the_body(kernel, isolation):
    made = kernel.run(
        f"%%flyte_task --run 2 --isolation {isolation} --as r\nimport os\ndef where_it_is(x: int) -> int:\n"
        "    return os.getpid()"
    )
    here = kernel.run("r.outputs()[0] == os.getpid()")

    assert made.status == "ok", made.traceback
    assert here.value == str(isolation == "thread")


def test_the_line_magic_says_it_too(kernel):
    kernel.run("%%flyte_task\nimport os\ndef where_it_is(x: int) -> int:\n    return os.getpid()")
    done = kernel.run("p = %flyte run where_it_is x=1 --isolation process\np == os.getpid()")

    assert done.value == "False"


def test_the_card_tells_name_workers_and_secrets(kernel):
    done = kernel.run(
        "%%flyte_task fit --env told --reuse 2 --secret bank/PIN\ndef train(x: int) -> int:\n    return x"
    )
    text = done.displays[0]["text/plain"]

    assert "called fit · environment told · image auto · cache disabled" in text
    assert "warm workers 2" in text
    assert "secrets bank/PIN" in text


@pytest.mark.parametrize("code", ["%flyte run wants x=1", "%flyte run wants", "%%flyte_task --run x=1\n{}"])
def test_inputs_that_do_not_fit_are_one_line(kernel, code):
    wants = "def wants(y: int) -> int:\n    return y"
    kernel.run(f"%%flyte_task\n{wants}")
    done = kernel.run(code.format(wants))

    assert done.reply["ename"] == "UsageError"
    assert "wants(y: int) -> int" in done.reply["evalue"]


def test_below_another_magic_a_cell_is_the_same_task_and_fails_at_its_own_line(kernel):
    function = kernel.run("%%time\n%%flyte_task\ndef timed(x: int) -> int:\n    return x\n")
    failed = kernel.run("%%capture shown\n%%flyte_task\ntwo = 2\n1 / 0")
    number = kernel.run("two").result["text/plain"]

    assert "Wall time" in function.stdout
    assert "Task notebook.timed" in function.displays[0]["text/plain"]
    assert "line 4" in failed.traceback
    assert number == "2"


@pytest.mark.parametrize(
    ("magic", "told"),
    [
        (
            "time",
            "%%time stands below %%flyte_task and hides the cell from it; put %%time on the line above it",
        ),
        ("bash", "%%bash stands below %%flyte_task, which takes Python; keep one of the two lines"),
    ],
)
def test_a_magic_below_the_line_is_refused(kernel, magic, told):
    done = kernel.run(f"%%flyte_task\n\n%%{magic}\nhidden = 1")

    assert done.stderr == f"UsageError: {told}\n"


@pytest.mark.parametrize(
    ("options", "beside", "told"),
    [
        ("--cache auto", "total = sum(range(3))", True),
        ("--cache auto", "import math\nSIZE = 3\n_small: int = 2\nclass A: ...", False),
        ("--cache disable", "total = sum(range(3))", False),
        ("", "total = sum(range(3))", False),
    ],
)
def test_what_is_computed_beside_cached_functions_is_said_not_to_be_kept(kernel, options, beside, told):
    done = kernel.run(f"%%flyte_task {options}\ndef kept(x: int) -> int:\n    return x\n{beside}")
    texts = [data["text/plain"] for data in done.displays[1:]]

    assert [("is not kept; kept are results of kept." in text) for text in texts] == [True] * told


@pytest.mark.parametrize("statement", ["return 3", "x = yield 3"])
def test_what_is_no_cell_is_no_task_either(kernel, statement):
    done = kernel.run(f"%%flyte_task\n{statement}")

    assert done.error.startswith("SyntaxError")
    assert "outside function" in done.traceback
