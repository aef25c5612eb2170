"""Names and values that code reaches without a name: found where they are plain texts, else told of."""

import warnings

import pytest
from cells import notebook

import flyte_jupyter as flyte
from flyte_jupyter.tasks.source import slice_of, version_of

SETUP = "import importlib, os, sys\nfrom os import environ, getenv\nRATE = 1\nKEY = 'FJ_MODE'"

TEXTS = [
    "globals()['RATE']",
    "globals().get('RATE')",
    "eval('RATE + x')",
    "exec('y = RATE * 2')",
    "x.query('price > @RATE')",
    "x.sql('select * from RATE')",
    "(lambda: globals()['RATE'])()",
    "get_ipython().user_ns['RATE']",
]

VARIABLES = [
    "os.environ['FJ_MODE']",
    "os.environ.get('FJ_MODE', 'fast')",
    "os.getenv('FJ_MODE')",
    "environ['FJ_MODE']",
    "getenv('FJ_MODE')",
    "os.environ[KEY]",
    "'FJ_MODE' in os.environ",
    "[os.environ['FJ_MODE'] for _ in range(x)]",
]

HIDDEN = {
    "globals()[x]": "`task` uses `globals()`",
    "list(globals().values())": "`task` uses `globals()`",
    "eval(x)": "`task` uses `eval()`",
    "exec(x)": "`task` uses `exec()`",
    "__import__(x)": "`task` uses `__import__()`",
    "importlib.import_module(x)": "`task` uses `import_module()`",
    "sys.modules[x]": "`task` uses `sys.modules`",
    "get_ipython().user_ns[x]": "`task` uses `get_ipython().user_ns`",
    "sys._getframe().f_globals[x]": "`task` uses `sys._getframe().f_globals`",
    "getattr(sys.modules['__main__'], x)": None,
}


def book(expression):
    """A notebook with a function that returns the value of an expression."""
    return notebook(SETUP, f"def task(x):\n    return {expression}")


@pytest.mark.parametrize("expression", TEXTS)
def test_a_global_that_only_a_text_names_counts(expression):
    cells = book(expression)
    before, found = version_of(cells["task"]), slice_of(cells["task"])
    cells.run("RATE = 2")

    assert version_of(cells["task"]) != before
    assert found.unseen == ()


@pytest.mark.parametrize("expression", VARIABLES)
def test_a_variable_of_the_environment_counts_and_is_not_written_down(expression, monkeypatch):
    monkeypatch.delenv("FJ_MODE", raising=False)
    cells = book(expression)
    unset = slice_of(cells["task"])
    monkeypatch.setenv("FJ_MODE", "hush")
    first = slice_of(cells["task"])
    monkeypatch.setenv("FJ_MODE", "other")
    second = slice_of(cells["task"])

    assert len({unset.version, first.version, second.version}) == 3
    assert "hush" not in str(first.mapping())
    assert [str(c) for c in second.diff(first.mapping())] == [
        "`os.environ['FJ_MODE']` changed (a value that is not shown)"
    ]


def test_a_variable_that_the_code_sets_does_not_count(monkeypatch):
    monkeypatch.delenv("FJ_MODE", raising=False)
    cells = notebook(SETUP, "def task(x):\n    os.environ['FJ_MODE'] = 'a'\n    return os.environ['FJ_MODE']")
    before = version_of(cells["task"])
    monkeypatch.setenv("FJ_MODE", "b")

    assert version_of(cells["task"]) == before


@pytest.mark.parametrize("expression", HIDDEN)
def test_names_that_are_not_known_before_are_told_of(expression):
    found = slice_of(book(expression)["task"])

    assert found.unseen == ((HIDDEN[expression],) if HIDDEN[expression] else found.unseen)


@pytest.mark.parametrize(
    "expression", ["x.eval('a + b')", "vars(x)", "x.exec()", "locals()", "getattr(os, x)"]
)
def test_what_reaches_no_global_is_not_told_of(expression):
    assert slice_of(book(expression)["task"]).unseen == ()


def test_a_module_that_is_imported_by_a_plain_name_counts(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "fj_plain.py").write_text("RATE = 1\n")
    cells = book("importlib.import_module('fj_plain').RATE")
    before = version_of(cells["task"])
    (tmp_path / "fj_plain.py").write_text("RATE = 22\n")

    assert version_of(cells["task"]) != before


def test_a_cached_task_warns_once_and_says_what_to_do():
    cells = notebook(SETUP, "def helper(x):\n    return globals()[x]", "def task(x):\n    return helper(x)")
    env = flyte.TaskEnvironment(name="hidden")
    silent = [
        env.task(cache=cache)(cells["task"]) for cache in ("disable", flyte.Cache(version_override="1"))
    ]
    cached = env.task(cache="auto")(cells["task"])

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for task in (*silent, cached, cached):
            task.spec.cache.get_version(flyte.VersionParameters(func=task.func))

    assert len(told) == 1
    assert "task is cached by its code, but `helper` uses `globals()`" in str(told[0].message)
    assert "--cache-version" in str(told[0].message)
    assert told[0].filename == cells["task"].__code__.co_filename


def test_a_text_that_names_a_global_is_written_with_the_function():
    text = slice_of(book("x.query('price > @RATE')")["task"]).text()

    assert "RATE = 1" in text
