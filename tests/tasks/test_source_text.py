"""A function written as a module runs by itself."""

import subprocess
import sys

import pytest
from cells import Notebook, notebook

from flyte_jupyter.errors import CodeBundleError
from flyte_jupyter.tasks.source import Slice, slice_of


def again(text, name="work"):
    """Run a written module in a namespace of its own."""
    space = {"__name__": "written"}
    exec(compile(text, "<written>", "exec"), space)
    return space[name]


CASES = {
    "plain": (
        (1,),
        """
def work(x): return x + 1
""",
    ),
    "constants": (
        (),
        """
A, B, C = 1, [1, {'a': (2,)}], {3}
def work(): return A, B, C
""",
    ),
    "odd constants": (
        (),
        """
N, I = float('nan'), -float('inf')
B = b'x'
E = ...
def work(): return str(N), I, B, E, frozenset()
""",
    ),
    "dates": (
        (),
        """
import datetime as d
from datetime import datetime
from decimal import Decimal as D
import re, pathlib
T = [datetime(2024, 1, 2, tzinfo=d.UTC), d.date(2024, 1, 1), d.timedelta(3), D('1.50')]
T += [re.compile('a+', re.I), pathlib.PurePosixPath('a/b')]
def work(): return T, datetime(2020, 1, 1)
""",
    ),
    "helpers in any order": (
        (3,),
        """
def work(x): return one(x)
def one(x): return two(x) + K
def two(x): return x * 2
K = 5
""",
    ),
    "recursion": (
        (5,),
        """
def work(n): return 1 if n < 2 else n * work(n - 1)
""",
    ),
    "cycles": (
        (4,),
        """
def work(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and work(n - 1)
""",
    ),
    "aliases": (
        (1,),
        """
def one(x): return x + 1
two = one
del one
def work(x): return two(x)
""",
    ),
    "imports": (
        (4,),
        """
import math as m, os.path, json
from math import pi, sqrt as s
import xml.dom.minidom
from collections import *
def work(x): return m.floor(s(x) * pi), os.path.join('a', 'b'), json.dumps(OrderedDict(a=1)), toxml()
def toxml(): return xml.dom.minidom.parseString('<a/>').toxml()
""",
    ),
    "numpy": (
        (1.0,),
        """
import numpy as np
from numpy import exp as e
def work(x): return float(np.sum(e(x)))
""",
    ),
    "lambdas": (
        (3,),
        """
f = lambda x, k=2: x * k
def work(x): return [(lambda y: f(y))(i) for i in range(x)]
""",
    ),
    "classes": (
        (),
        """
from dataclasses import dataclass, field
from enum import Enum
class Color(Enum):
    RED = 1
    BLUE = 2
class Base:
    def base(self): return LIMIT
@dataclass
class C(Base):
    a: int
    tags: list = field(default_factory=list)
    color: Color = Color.RED
    def go(self): return self.base() + helper(self.a)
LIMIT = 10
def helper(x): return x + 1
CONFIG = C(5, ['t'])
def work(c: C = CONFIG): return c.go(), c.tags, c.color.name, Color.BLUE.value
""",
    ),
    "a patched class": (
        (),
        """
class C:
    rate = 1
    def go(self): return self.rate
C.rate = 2
def other(self): return self.rate * 10
C.go = other
def work(): return C().go()
""",
    ),
    "decorators": (
        (2,),
        """
from functools import wraps, lru_cache
N = 3
def times(n):
    def deco(f):
        @wraps(f)
        def inner(*a): return f(*a) * n
        return inner
    return deco
@times(N)
def helper(x): return x
@lru_cache
def kept(x): return helper(x)
def work(x): return kept(x)
""",
    ),
    "closures": (
        (2,),
        """
def make(k, fn):
    table = {'k': k}
    def work(x):
        '''Text
    of two lines.'''
        return fn(x) * table['k'], '''a
b'''
    return work
def plus(x): return x + 1
work = make(3, plus)
""",
    ),
    "an indented function": (
        (2,),
        """
if True:
    def work(x):
        text = '''
    kept
'''
        return text * x
""",
    ),
    "defaults by value": (
        (),
        """
K = 3
def work(x=K, *, y=[K]): return x, y
K = 4
""",
    ),
    "nested": (
        (3,),
        """
def work(n):
    total = 0
    def add(x):
        nonlocal total
        total += x + K
    for i in range(n):
        add(i)
    return total
K = 1
""",
    ),
    "functions in tables": (
        (1,),
        """
def a(x): return x
T = {'a': a, 'b': lambda x: -x}
def work(x): return T['a'](x), T['b'](x)
""",
    ),
    "future annotations": (
        (),
        """
from __future__ import annotations
import math
def work(x: Missing | None = None) -> Other: return math.pi
""",
    ),
    "global": (
        (),
        """
count = 0
def work():
    global count
    count += 1
    return count
""",
    ),
    "namedtuple": (
        (),
        """
from typing import NamedTuple
class P(NamedTuple):
    x: int = 1
Q = P(4)
def work(): return Q.x + P().x
""",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_written_module_gives_the_same_result(case):
    arguments, text = CASES[case]
    book = notebook(text)
    written = slice_of(book["work"]).text()

    assert str(again(written)(*arguments)) == str(book["work"](*arguments)), written


@pytest.mark.parametrize("case", ["imports", "classes", "closures", "decorators", "dates"])
def test_a_written_module_runs_in_a_process_of_its_own(case, tmp_path):
    arguments, text = CASES[case]
    book = notebook(text)
    path = tmp_path / "written.py"
    path.write_text(slice_of(book["work"]).text() + f"\n\nprint(work(*{arguments!r}))\n")
    out = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert out.stdout == f"{book['work'](*arguments)}\n"


def test_values_that_cannot_be_written_are_named():
    book = notebook(
        "import pandas as pd, threading\ndf = pd.DataFrame({'a': [1, 2]})\nlock = threading.Lock()\n"
        "def work():\n    with lock: return len(df)"
    )
    found = slice_of(book["work"])

    assert set(found.unshippable()) == {"df", "lock"}
    assert "DataFrame 2 x 1" in found.unshippable()["df"]
    assert "# Given from outside: df" in found.text()
    space = {"df": [1], "lock": book["lock"]}
    exec(found.text(), space)
    assert space["work"]() == 1


def test_imports_are_from_where_people_import():
    book = notebook("from sklearn.linear_model import LinearRegression as L\ndef work(): return L()")

    assert "from sklearn.linear_model import LinearRegression as L" in slice_of(book["work"]).text()


def test_a_task_s_decorator_is_not_written():
    class Env:
        __module__ = "flyte_jupyter.tasks.environment"

        def task(self, func):
            return func

    book = Notebook()
    book.names["env"] = Env()
    book.run("@env.task\ndef helper(x): return x + 1\n@env.task\ndef work(x): return helper(x)")

    assert "env" not in slice_of(book["work"]).text()
    assert again(slice_of(book["work"]).text())(1) == 2


def test_a_function_without_source_is_refused():
    book = Notebook().run("def work(): return 1", registered=False)

    with pytest.raises(CodeBundleError, match="work cannot be written as code: it is a function"):
        slice_of(book["work"]).text()


def test_a_stored_slice_has_no_text():
    found = slice_of(notebook("def work(): return 1")["work"])
    stored = Slice.from_plain(found.plain())

    assert stored.version == found.version
    assert not found.diff(stored.mapping())
    with pytest.raises(CodeBundleError, match="stored form"):
        stored.text()
