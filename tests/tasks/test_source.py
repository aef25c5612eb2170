"""The version of a function: what changes it, and what does not."""

import cProfile
import functools
import gc
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from cells import Notebook, notebook

from flyte_jupyter.tasks.source import function_parts, slice_of, version_of

BASE = """
    import math
    LIMIT = 1
    ITEMS = [1, 2]
    def helper(x):
        return math.sqrt(x) + LIMIT
    class Model:
        rate = 0.5
        def fit(self, x):
            return helper(x) * self.rate
    def work(x: int, scale: float = 2.0) -> float:
        model = Model()
        return sum(model.fit(i) for i in ITEMS) * scale
"""


def changed(*edits: tuple[str, str], base: str = BASE) -> bool:
    text = base
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return version_of(notebook(base)["work"]) != version_of(notebook(text)["work"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return math.sqrt(x) + LIMIT", "return math.sqrt(x)   +   LIMIT  # why"),
        ("return math.sqrt(x) + LIMIT", "return (math.sqrt(x)\n                + LIMIT)"),
        ("def helper(x):", "def helper(x):\n        'What it does.'"),
        ("def work(", "# a comment\n\n    def work("),
        ("def fit(self, x):", "def fit(self, x):\n            '''Says more.'''"),
        ("class Model:", "class Model:\n        '''A model.'''"),
        ("scale: float = 2.0", "scale: float = 1.0 + 1.0"),
        ("import math\n", "import math\n    import json\n    UNUSED = 3\n"),
    ],
)
def test_comments_formatting_and_docstrings_do_not_count(old, new):
    assert not changed((old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("math.sqrt(x)", "math.exp(x)"),
        ("LIMIT = 1", "LIMIT = 2"),
        ("LIMIT = 1", "LIMIT = 1.0"),
        ("LIMIT = 1", "LIMIT = True"),
        ("ITEMS = [1, 2]", "ITEMS = [2, 1]"),
        ("ITEMS = [1, 2]", "ITEMS = (1, 2)"),
        ("scale: float = 2.0", "scale: float = 3.0"),
        ("scale: float = 2.0", "scale: float = 2"),
        ("scale: float = 2.0", "scale: float"),
        ("scale: float = 2.0", "*, scale: float = 2.0"),
        ("rate = 0.5", "rate = 0.6"),
        ("* self.rate", "/ self.rate"),
        ("class Model:", "class Model(dict):"),
        ("* scale", "+ scale"),
        ("import math\n", "import cmath as math\n"),
        ("x: int", "x: float"),
    ],
)
def test_what_the_result_depends_on_counts(old, new):
    assert changed((old, new))


def test_classes_count_where_another_program_is_the_main_module(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", cProfile)  # as `python -m cProfile script.py` has it

    assert changed(("rate = 0.5", "rate = 0.6"))


def test_the_name_of_the_function_does_not_count():
    one, other = notebook("def work(x): return x"), notebook("def renamed(x): return x")

    assert version_of(one["work"]) == version_of(other["renamed"])


def test_moving_it_to_another_line_or_cell_does_not_count():
    one = notebook("K = 1\ndef helper(x): return x + K\ndef work(x): return helper(x)")
    other = notebook("\n\n\ndef work(x): return helper(x)", "\nK = 1", "\n\ndef helper(x): return x + K")

    assert version_of(one["work"]) == version_of(other["work"])


def test_running_the_same_cell_again_does_not_count():
    book = notebook("def work(x): return x + 1")
    before = version_of(book["work"])
    book.run("def work(x): return x + 1")

    assert version_of(book["work"]) == before


def test_editing_a_helper_in_another_cell_counts():
    book = notebook("def helper(x): return x", "def work(x): return helper(x)")
    before = slice_of(book["work"])
    book.run("def helper(x): return x + 1")
    after = slice_of(book["work"])

    assert after.version != before.version
    assert [str(c) for c in after.diff(before.mapping())] == ["function `helper` changed"]


def test_a_value_mutated_in_place_counts():
    book = notebook("ITEMS = [1]\nCONFIG = {'a': {'b': 1}}", "def work(): return ITEMS, CONFIG")
    seen = {version_of(book["work"])}
    book["ITEMS"].append(2)
    seen.add(version_of(book["work"]))
    book["CONFIG"]["a"]["b"] = 2
    seen.add(version_of(book["work"]))

    assert len(seen) == 3


def test_a_value_put_back_gives_the_version_back():
    book = notebook("ITEMS = [1]", "def work(): return ITEMS")
    before = version_of(book["work"])
    book["ITEMS"].append(2)
    version_of(book["work"])
    book["ITEMS"].pop()

    assert version_of(book["work"]) == before


def test_a_name_that_is_defined_later_counts():
    book = notebook("def work(): return later")
    before = slice_of(book["work"])
    book.run("later = 1")
    after = slice_of(book["work"])

    assert [str(c) for c in after.diff(before.mapping())] == ["`later` not defined -> 1"]


def test_a_name_that_hides_a_builtin_counts():
    book = notebook("def work(x): return len(x)")
    before = version_of(book["work"])
    book.run("def len(x): return 0")

    assert version_of(book["work"]) != before


def test_recursion_and_cycles_end():
    book = notebook(
        "def even(n): return n == 0 or odd(n - 1)",
        "def odd(n): return n != 0 and even(n - 1)",
        "def fact(n): return 1 if n < 2 else n * fact(n - 1)",
        "TABLE = {'even': even}\nTABLE['table'] = TABLE\ndef looped(): return TABLE, looped",
    )

    assert [p.name for p in slice_of(book["even"]).parts] == ["even", "odd", "Python"]
    assert version_of(book["fact"])
    assert version_of(book["looped"])


def test_two_names_for_swapped_helpers_count():
    text = "def a(): return 1\ndef b(): return 2\n{}\ndef work(): return one() - two()"
    straight, crossed = text.format("one, two = a, b"), text.format("one, two = b, a")

    assert version_of(notebook(straight)["work"]) != version_of(notebook(crossed)["work"])


def test_closures_count_by_value():
    book = notebook("def make(k, fn):\n    def work(x):\n        return fn(x) * k\n    return work")

    assert version_of(book["make"](2, len)) == version_of(book["make"](2, len))
    assert version_of(book["make"](2, len)) != version_of(book["make"](3, len))
    assert version_of(book["make"](2, len)) != version_of(book["make"](2, sum))


def test_a_nonlocal_that_changes_counts():
    book = notebook(
        """
        def make():
            count = 0
            def bump():
                nonlocal count
                count += 1
            def work():
                return count
            return bump, work
        bump, work = make()
        """
    )
    before = version_of(book["work"])
    book["bump"]()

    assert version_of(book["work"]) != before


def test_a_global_that_is_only_written_does_not_count():
    book = notebook("total = 0", "def work(x):\n    global total\n    total = x")
    before = version_of(book["work"])
    book["work"](5)

    assert version_of(book["work"]) == before
    assert not slice_of(book["work"]).warnings


def test_a_global_that_is_read_and_written_is_named_in_a_warning():
    book = notebook("total = 0", "def work(x):\n    global total\n    total += x")

    assert "`total`" in slice_of(book["work"]).warnings[0]


def test_lambdas_on_one_line_are_told_apart():
    book = notebook("a, b, c = (lambda x: x + 1), (lambda x: x + 2), (lambda x: x + 1)")

    assert version_of(book["a"]) == version_of(book["c"]) != version_of(book["b"])


@pytest.mark.parametrize(
    "call",
    [
        "sorted(xs, key=lambda v: helper(v))",
        "[helper(x) for x in xs]",
        "{helper(x): [helper(y) for y in xs] for x in xs}",
        "list(map(helper, xs))",
        "partial(helper, 1)()",
        "Tool.static(xs)",
        "Tool.of(xs)",
        "Tool(1)(xs)",
        "Tool(1).value",
        "Tool(1).kept",
        "tool(xs)",
        "method(xs)",
        "table['h'](xs)",
        "cached(xs)",
        "decorated(xs)",
    ],
)
def test_a_helper_is_found_however_it_is_called(call):
    text = f"""
        from functools import cached_property, lru_cache, partial, wraps
        def helper(x, y=0):
            return x
        def deco(f):
            @wraps(f)
            def inner(*args):
                return f(*args)
            return inner
        class Tool:
            def __init__(self, k): self.k = k
            @staticmethod
            def static(x): return helper(x)
            @classmethod
            def of(cls, x): return helper(x)
            def __call__(self, x): return helper(x)
            @property
            def value(self): return helper(1)
            @cached_property
            def kept(self): return helper(2)
        tool = Tool(1)
        method = tool.__call__
        table = {{"h": helper}}
        cached = lru_cache(helper)
        @deco
        def decorated(x):
            return helper(x)
        def work(xs):
            return {call}
    """
    one, other = notebook(text), notebook(text.replace("return x\n", "return x + 1\n"))

    assert version_of(one["work"]) != version_of(other["work"])


def test_a_decorator_and_its_arguments_count():
    text = """
        from functools import wraps
        def times(n):
            def deco(f):
                @wraps(f)
                def inner(*a):
                    return f(*a) * n
                return inner
            return deco
        @times(2)
        def helper(x): return x
        def work(x): return helper(x)
    """
    base = version_of(notebook(text)["work"])

    assert base == version_of(notebook(text)["work"])
    assert base != version_of(notebook(text.replace("times(2)", "times(3)"))["work"])
    assert base != version_of(notebook(text.replace("* n", "- n"))["work"])
    assert base != version_of(
        notebook(text.replace("def helper(x): return x", "def helper(x): return -x"))["work"]
    )


def test_a_method_that_is_patched_counts():
    book = notebook(BASE)
    before = slice_of(book["work"])
    book.run("def fit(self, x): return 0\nModel.fit = fit")
    after = slice_of(book["work"])

    assert after.version != before.version


def test_a_class_attribute_that_is_set_counts():
    book = notebook(BASE)
    before = slice_of(book["work"])
    book["Model"].rate = 0.75
    after = slice_of(book["work"])

    assert [str(c) for c in after.diff(before.mapping())] == ["`Model.rate` 0.5 -> 0.75"]


def test_an_edited_method_is_named():
    book = notebook(BASE)
    before = slice_of(book["work"])
    book.run(BASE.replace("* self.rate", "+ self.rate"))
    after = slice_of(book["work"])

    assert [str(c) for c in after.diff(before.mapping())] == ["function `Model.fit` changed"]


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("@dataclass\nclass C:\n    a: int = 1", "a: int = 1", "a: int = 2"),
        ("@dataclass\nclass C:\n    a: int = 1", "a: int", "a: float"),
        ("@dataclass\nclass C:\n    a: int = 1", "@dataclass", "@dataclass(frozen=True)"),
        ("class C(Enum):\n    A = 1\n    B = 2", "B = 2", "B = 3"),
        ("class C(NamedTuple):\n    a: int = 1", "a: int = 1", "a: int = 2"),
        ("C = namedtuple('C', 'a b')", "'a b'", "'b a'"),
        ("class B:\n    def m(self): return 1\nclass C(B): pass", "return 1", "return 2"),
        (
            "class M(type):\n    def __call__(cls): return 1\nclass C(metaclass=M): pass",
            "return 1",
            "return 2",
        ),
        ("class C:\n    class D:\n        x = 1", "x = 1", "x = 2"),
        ("class C:\n    __slots__ = ('a',)", "('a',)", "('a', 'b')"),
        ("class C:\n    def __repr__(self): return 'a'", "'a'", "'b'"),
    ],
)
def test_classes_of_all_kinds_count_by_content(text, old, new):
    book = "from collections import namedtuple\nfrom dataclasses import dataclass\nfrom enum import Enum\n"
    book += f"from typing import NamedTuple\n{text}\ndef work(): return C"

    assert version_of(notebook(book)["work"]) == version_of(notebook(book)["work"])
    assert version_of(notebook(book)["work"]) != version_of(notebook(book.replace(old, new))["work"])


def test_of_an_edited_enum_only_the_members_are_named():
    text = "import enum\nclass Mode(enum.Flag):\n    A = 1\n    B = 2\ndef work(): return Mode.A"
    before = slice_of(notebook(text)["work"])
    after = slice_of(notebook(text.replace("B = 2", "B = 4"))["work"])

    assert [str(c) for c in after.diff(before.mapping())] == ["`Mode.B` <Mode.B: 2> -> <Mode.B: 4>"]


def test_a_class_that_is_still_held_after_it_was_defined_anew_is_said_once():
    text = "import enum\nclass Mode(enum.Enum):\n    A = 1\n    B = 2\n"
    book = notebook(text, "def work(x=Mode.A): return Mode.B, x")
    before = slice_of(book["work"])
    book.run(text.replace("B = 2", "B = 4"))
    after = slice_of(book["work"])

    assert [str(c) for c in after.diff(before.mapping())] == [
        "`Mode.B` <Mode.B: 2> -> <Mode.B: 4>",
        "`x` changed (<Mode.A: 1>)",
        "now uses two classes `Mode`",
    ]
    assert [str(c) for c in before.diff(after.mapping())][-1] == "no longer uses two classes `Mode`"


def test_members_of_a_flag_that_are_looked_up_count_for_nothing():
    book = notebook("import enum\nclass F(enum.IntFlag):\n    A = 1\n    B = 2\ndef work(): return F.A")
    before = version_of(book["work"])
    book.run("both = F(3), F.A | F.B")

    assert version_of(book["work"]) == before


def test_the_methods_of_a_parameter_s_type_count():
    text = "class P:\n    def total(self): return 1\ndef work(p: {}): return p.total()"
    for annotation in ("P", "'P'", "list[P]", "dict[str, P] | None"):
        one, other = text.format(annotation), text.format(annotation).replace("return 1", "return 2")

        assert version_of(notebook(one)["work"]) != version_of(notebook(other)["work"])


def test_objects_count_by_state_and_class():
    text = "class Config:\n    def __init__(self, a): self.a = a\n    def get(self): return self.a\n"
    text += "config = Config(1)\ndef work(): return config.get()"
    book = notebook(text)
    before = version_of(book["work"])

    assert version_of(notebook(text)["work"]) == before
    assert version_of(notebook(text.replace("return self.a", "return -self.a"))["work"]) != before
    book["config"].a = 2
    assert version_of(book["work"]) != before


def test_partials_methods_and_callable_objects_have_versions():
    book = notebook(BASE, "class Call:\n    k = 1\n    def __call__(self, x): return helper(x) * self.k")
    work, call = book["work"], book["Call"]()
    found = {
        version_of(work),
        version_of(functools.partial(work, 1)),
        version_of(functools.partial(work, 2)),
        version_of(book["Model"]().fit),
        version_of(call),
        version_of(len),
    }

    assert len(found) == 6
    assert version_of(functools.partial(work, 1)) == version_of(functools.partial(work, 1))


def test_no_source_is_no_error():
    text = "LIMIT = {}\ndef helper(x):\n    {}\n    return x {} 1\ndef work(x): return helper(x) + LIMIT"

    def version(*parts: str, name: str | None = "__main__") -> str:
        return version_of(Notebook(name).run(text.format(*parts), registered=False)["work"])

    assert version("1", "'doc'", "+") == version("1", "'other'", "+") == version("1", "", "+")
    assert version("1", "", "+") != version("1", "", "-")
    assert version("1", "", "+") != version("2", "", "+")
    assert version("1", "", "+", name=None)


def test_a_value_without_content_makes_a_warning_with_its_name():
    book = notebook("import sqlite3\nconn = sqlite3.connect(':memory:')\ndef work(): return conn")
    found = slice_of(book["work"])

    assert found.parts[1].kind == "unknown"
    assert "`conn`" in found.warnings[0]
    assert version_of(book["work"]) == found.version
    assert version_of(
        notebook("import sqlite3\nconn = sqlite3.connect(':memory:')\ndef work(): return conn")["work"]
    ) != (found.version)
    book["conn"].close()


def test_locks_are_no_content():
    text = "import threading\nlock = threading.Lock()\ndef work():\n    with lock: return 1"

    assert version_of(notebook(text)["work"]) == version_of(notebook(text)["work"])


def test_eval_is_named_in_a_warning():
    assert "`eval()`" in slice_of(notebook("def work(x): return eval(x)")["work"]).warnings[0]


def test_a_salt_makes_another_version():
    work = notebook("def work(): pass")["work"]

    assert len({version_of(work), version_of(work, "a"), version_of(work, "b")}) == 3


def test_parts_say_where_they_stand():
    found = slice_of(notebook("K = 3\n\ndef work():\n    return K")["work"])

    assert [(p.name, p.kind) for p in found.parts] == [
        ("work", "function"),
        ("K", "constant"),
        ("Python", "builtin"),
    ]
    assert found.parts[0].line == 3
    assert found.parts[0].where.endswith(":3")
    assert found.parts[0].text == "def work():\n    return K\n"
    assert found.parts[1].text == "3"


def test_the_parts_are_given_by_name():
    parts = function_parts(notebook("K = 3\ndef work(): return K")["work"])

    assert parts["K"].startswith("constant:")
    assert parts["K"].endswith(":3")


def test_no_part_s_text_shows_a_secret():
    found = slice_of(notebook("API_KEY = 'abc'\ndef work(): return API_KEY")["work"])

    assert "abc" not in str(found.plain())


def test_async_and_generator_functions_are_told_apart():
    texts = ["def work(): return 1", "async def work(): return 1", "def work(): yield 1"]

    assert len({version_of(notebook(text)["work"]) for text in texts}) == 3
    assert len({version_of(Notebook().run(text, registered=False)["work"]) for text in texts}) == 3


def test_an_equal_body_with_another_decorator_argument_is_not_taken_for_the_same():
    text = (
        "def mark(n): return lambda f: f\n@mark({})\ndef helper(x): return x\ndef work(x): return helper(x)"
    )

    assert version_of(notebook(text.format(1))["work"]) != version_of(notebook(text.format(2))["work"])


@pytest.mark.parametrize(
    "body",
    [
        "return (\n        x\n    )",
        "'only text'",
        "pass",
        "...",
        "y: int\n    return [\n        x,\n        # last\n    ]",
        "if x:\n        return '''a\n  b'''\n    else:\n        pass",
        "try:\n        return x\n    finally:\n        print(\n            'a'\n        )",
        "return f'{x!r}'",
        "match x:\n        case 1: return 2\n        case _: pass",
    ],
)
def test_the_text_of_a_function_is_found_to_its_end(body):
    text = f"def work(x):\n    {body}\nAFTER = 1\n"
    found = slice_of(notebook(text)["work"])
    spaced = slice_of(notebook(text.replace("\n    ", "\n    # said\n    ", 1))["work"])

    assert found.parts[0].text.startswith("def work(x):")
    assert "AFTER" not in found.parts[0].text
    assert found.version == spaced.version


def test_many_threads_find_the_same():
    book = notebook(BASE)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: version_of(book["work"]), range(200)))

    assert len(found) == 1


def test_a_frame_that_is_no_longer_named_is_not_kept():
    book = notebook("import pandas as pd\nF = pd.DataFrame({'a': [1]})\ndef work(): return F")
    version_of(book["work"])
    frame = weakref.ref(book["F"])
    del book.names["F"]
    gc.collect()

    assert frame() is None


def test_changes_say_what_came_and_went():
    book = notebook("K = 1\ndef a(): return 1\ndef work(): return K, a()")
    before = slice_of(book["work"])
    book.run("import json, yaml\nclass C: pass\ndef work(): return yaml, C, f\ndef f(): return 1\nK = f")
    sentences = [str(c) for c in slice_of(book["work"]).diff(before.mapping())]

    assert "no longer uses `K` = 1" in sentences
    assert "no longer uses function `a`" in sentences
    assert "now uses class `C`" in sentences
    assert any(s.startswith("now uses yaml ") for s in sentences)


def test_a_value_that_became_code_is_named():
    book = notebook("def f(): return 1\nK = f\ndef work(): return K")

    changes = slice_of(book["work"]).diff({**function_parts(book["work"]), "f": "constant:0:1"})

    assert [str(c) for c in changes] == ["`f` was a constant, is now a function"]
