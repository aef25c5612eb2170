"""``run`` of a task in a Python file, ``rerun``, ``load``, ``compare`` and ``env``."""

import pytest

PIPELINE = """
import flyte_jupyter as flyte

env = flyte.TaskEnvironment(name="pipe")
LIMIT = 3


@env.task
def double(x: int) -> int:
    print("doubling", x)
    return 2 * x


@env.task
def check(x: int, names: list[str]) -> list[str]:
    if x > LIMIT:
        raise LookupError(f"{x} is too much")
    return [name * x for name in names]


@env.task
def whole(x: int, names: list[str]) -> list[str]:
    return check(double(x), names)
"""


@pytest.fixture
def pipeline(tmp_path):
    file = tmp_path / "pipeline.py"
    file.write_text(PIPELINE)
    return file


def test_a_task_of_a_file_runs_and_its_result_is_printed(own, pipeline):
    result = own.run("run", str(pipeline), "whole", "x=1", "names=['a', 'b']")

    assert (result.status, result.out.splitlines()[-1]) == (0, "['aa', 'bb']"), result.err


def test_a_failing_task_ends_with_one_and_its_error(own, pipeline):
    result = own.run("run", str(pipeline), "check", "x=9", 'names=["a"]')

    assert result.status == 1
    assert "LookupError: 9 is too much" in result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "FILE", "doubel", "x=1"], "did you mean 'double'?"),
        (["run", "FILE", "double", "1"], "give NAME=VALUE"),
        (["run", "FILE", "nothing"], "has no task 'nothing'. It has double"),
        (["run", "FILE", "double", "x=1", "x=2"], "x=2: x is given twice"),
        (["run", "FILE", "double", "x=word"], "input 'x': expected int, got 'word'"),
    ],
)
def test_wrong_usage_is_one_line(own, pipeline, words, said):
    result = own.run(*[str(pipeline) if word == "FILE" else word for word in words])

    assert result.status in {1, 2}
    assert said in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run f.py", "which task"),
        ("run f.py double x=1 -p x=2", "-p x=2: that is for a notebook"),
        ("run f.py double x=1 -o a.ipynb", "-o a.ipynb: that is for a notebook"),
        ("run book.ipynb x=1", "its parameters are set with -p x=1"),
        ("run nothing.py double", "there is no file nothing.py"),
        ("rerun last book.ipynb", "flyte-jupyter export book.ipynb"),
        ("compare last last", "nothing has run here yet"),
    ],
)
def test_what_no_file_is_read_for_is_one_line(own, words, said):
    result = own(*words.split())

    assert result.status in {1, 2}
    assert said in result.err
    assert result.err.count("\n") == 1


def test_a_failed_run_is_continued_with_a_mended_file(own, pipeline):
    own.run("run", str(pipeline), "whole", "x=2", "names=['a']")
    pipeline.write_text(PIPELINE.replace("LIMIT = 3", "LIMIT = 5"))
    result = own.run("rerun", "last", str(pipeline))
    compared = own.run("compare", own.run("runs").out.split()[7], "last")

    assert (result.status, result.out) == (0, "['aaaa']\n"), result.err
    assert "double ↺ recovered" in " ".join(own.run("show", "last").out.replace("├─", "").split()) or (
        "recovered" in own.run("show", "last").out
    )
    assert compared.status == 0


def test_an_action_becomes_a_script_that_runs(own, pipeline, tmp_path):
    own.run("run", str(pipeline), "whole", "x=2", "names=['a']")
    result = own.run("load", "last", "check", str(pipeline))
    script = tmp_path / "script.py"
    script.write_text(result.out)
    bare = own.run("load", "last", "check")

    assert "names = ['a']" in result.out
    assert "LookupError: 4 is too much" in result.out
    with pytest.raises(LookupError, match="4 is too much"):
        exec(compile(script.read_text(), "script.py", "exec"), {"__name__": "script"})
    assert "is not defined here" in bare.out
    assert "x = 4" in bare.out


def test_what_differs_between_two_runs_is_told(cli):
    out = cli("compare", "first", "second").out

    assert "first" in out
    assert "bread" in out
    assert "salt" in out


def test_env_tells_the_store_and_the_mode(cli):
    out = cli("env").out

    assert str(cli.home) in out
    assert "local" in out
