"""Nothing that a result depends on can change without changing the version."""

import pytest
from cells import notebook

from flyte_jupyter.tasks.source import version_of

CASES = {
    "a default that is mutated": """
D = []
def work(x=D): return x
# then
D.append(1)
""",
    "a keyword default that is set": """
def work(*, x=1): return x
# then
work.__kwdefaults__['x'] = 2
""",
    "an attribute of a function that is set": """
def rate(): return rate.value
rate.value = 1
def work(): return rate()
# then
rate.value = 2
""",
    "an attribute of a function that is mutated": """
def rate(): return rate.values[0]
rate.values = [1]
def work(): return rate()
# then
rate.values[0] = 2
""",
    "an attribute that a function gets": """
def rate(): return getattr(rate, 'value', 1)
def work(): return rate()
# then
rate.value = 2
""",
    "defaults that are replaced": """
def work(x=1): return x
# then
work.__defaults__ = (2,)
""",
    "code that is replaced": """
def work(): return 1
def o(): return 2
# then
work.__code__ = o.__code__
""",
    "a helper's code that is replaced": """
def h(): return 1
def work(): return h()
def o(): return 2
# then
h.__code__ = o.__code__
""",
    "a closure's cell": """
def make(k):
    def work(): return k
    return work
work = make(1)
# then
work.__closure__[0].cell_contents = 2
""",
    "a list in a closure": """
def make(k):
    def work(): return k
    return work
L = []
work = make(L)
# then
L.append(1)
""",
    "an attribute of an object in a list": """
class C: pass
c = C()
c.a = 1
L = [c]
def work(): return L[0].a
# then
c.a = 2
""",
    "a function in a table": """
def a(): return 1
T = {'f': a}
def work(): return T['f']()
# then
def a(): return 2
T['f'] = a
""",
    "a helper of a function in a table": """
def h(): return 1
def a(): return h()
T = {'f': a}
def work(): return T['f']()
# then
def h(): return 2
""",
    "a method added": """
class C: pass
def work(): return C().__len__()
# then
C.__len__ = lambda self: 1
""",
    "a base's method": """
class B:
    def m(self): return 1
class C(B): pass
def work(): return C().m()
# then
B.m = lambda self: 2
""",
    "a base's attribute": """
class B:
    k = [1]
class C(B): pass
def work(): return C.k
# then
B.k.append(2)
""",
    "a class of an object": """
class C:
    def m(self): return 1
c = C()
def work(): return c.m()
# then
C.m = lambda self: 2
""",
    "what a partial calls": """
from functools import partial
def h(x): return x
p = partial(h, 1)
def work(): return p()
# then
def h2(x): return -x
p = partial(h2, 1)
""",
    "a partial's argument": """
from functools import partial
L = [1]
def h(x): return x
p = partial(h, L)
def work(): return p()
# then
L.append(2)
""",
    "what is wrapped": """
from functools import lru_cache
def h(): return K
K = 1
c = lru_cache(h)
def work(): return c()
# then
K = 2
""",
    "a wrapped function that is replaced": """
import functools
def deco(f):
    @functools.wraps(f)
    def i(): return i.__wrapped__()
    return i
@deco
def h(): return 1
def work(): return h()
def o(): return 2
# then
h.__wrapped__ = o
""",
    "an array": """
import numpy as np
A = np.zeros(3)
def work(): return A.sum()
# then
A[1] = 1
""",
    "a view of an array": """
import numpy as np
A = np.zeros(3)
B = A[1:]
def work(): return B.sum()
# then
A[1] = 1
""",
    "a frame": """
import pandas as pd
F = pd.DataFrame({'a': [1]})
def work(): return F
# then
F.loc[0, 'a'] = 2
""",
    "a frame's dtype": """
import pandas as pd
F = pd.DataFrame({'a': [1]})
def work(): return F
# then
F['a'] = F['a'].astype('int32')
""",
    "a module's function": """
import types
m = types.ModuleType('m')
m.f = lambda: 1
def work(): return m.f()
# then
m.f = lambda: 2
""",
    "a module's constant": """
import types
m = types.ModuleType('m')
m.k = 1
def work(): return m.k
# then
m.k = 2
""",
    "another module under the name": """
import math as m
def work(): return m.sqrt(1)
# then
import cmath as m
""",
    "another function under the name": """
from math import sin as f
def work(): return f(1)
# then
from math import cos as f
""",
    "a builtin hidden": """
def work(x): return len(x)
# then
len = 3
""",
    "a builtin hidden in a comprehension": """
def work(x): return [abs(i) for i in x]
# then
abs = float
""",
    "a type hidden": """
def work(x: 'T'): return x.m()
class T:
    def m(self): return 1
# then
T.m = lambda self: 2
""",
    "a property": """
class C:
    @property
    def p(self): return h()
def h(): return 1
def work(): return C().p
# then
def h(): return 2
""",
    "a metaclass": """
class M(type):
    def __getitem__(c, k): return h()
class C(metaclass=M): pass
def h(): return 1
def work(): return C[1]
# then
def h(): return 2
""",
    "a default of a helper's helper": """
def g(x=1): return x
def h(): return g()
def work(): return h()
# then
g.__defaults__ = (2,)
""",
    "a set": """
S = {1}
def work(): return S
# then
S.add(2)
""",
    "a deque": """
from collections import deque
S = deque([1])
def work(): return S
# then
S.append(2)
""",
    "a nested class": """
class C:
    class D:
        def m(self): return h()
def h(): return 1
def work(): return C.D().m()
# then
def h(): return 2
""",
    "a class used in an inner function": """
class C:
    k = 1
def work():
    def inner():
        return [C.k for _ in range(2)]
    return inner()
# then
C.k = 2
""",
    "a class made in the function": """
K = 1
def work():
    class D:
        a = K
        def m(self): return K
    return D().m()
# then
K = 2
""",
    "an enum's method": """
from enum import Enum
class E(Enum):
    A = 1
    def m(self): return h()
def h(): return 1
V = E.A
def work(): return V.m()
# then
def h(): return 2
""",
    "a dataclass's default factory": """
from dataclasses import dataclass, field
def make(): return [1]
@dataclass
class C:
    a: list = field(default_factory=make)
def work(): return C().a
# then
def make(): return [2]
@dataclass
class C:
    a: list = field(default_factory=make)
""",
    "a descriptor": """
class D:
    def __init__(self, k): self.k = k
    def __get__(self, o, t): return self.k
class C:
    d = D(1)
def work(): return C().d
# then
C.__dict__['d'].k = 2
""",
    "a callable object's state": """
class F:
    def __init__(self, k): self.k = k
    def __call__(self): return self.k
f = F(1)
def work(): return f()
# then
f.k = 2
""",
    "a slot": """
class C:
    __slots__ = ('a',)
c = C()
c.a = 1
def work(): return c.a
# then
c.a = 2
""",
    "a bound method's object": """
class C:
    def __init__(self): self.a = 1
    def m(self): return self.a
c = C()
m = c.m
def work(): return m()
# then
c.a = 2
""",
    "a builtin method's object": """
L = [1]
f = L.copy
def work(): return f()
# then
L.append(2)
""",
    "a default of a lambda": """
f = lambda x=[1]: x
def work(): return f()
# then
f.__defaults__[0].append(2)
""",
    "a singledispatch implementation": """
from functools import singledispatch
@singledispatch
def f(x): return 0
@f.register
def _f(x: int): return 1
def work(): return f(1)
# then
@f.register
def _f(x: int): return 2
""",
    "a vectorized function": """
import numpy as np
def h(x): return K
K = 1
v = np.vectorize(h)
def work(): return v([1])
# then
K = 2
""",
    "what an import in the function brings": """
import sys, types
m = types.ModuleType('made_up_m')
m.f = lambda: 1
sys.modules['made_up_m'] = m
def work():
    from made_up_m import f
    return f()
# then
sys.modules['made_up_m'].f = lambda: 2
""",
    "a mapping proxy's mapping": """
import types
d = {'a': 1}
P = types.MappingProxyType(d)
def work(): return P['a']
# then
d['a'] = 2
""",
    "a dataclass's factory that is not run again": """
from dataclasses import dataclass, field
L = [1]
def make(): return L
@dataclass
class C:
    a: list = field(default_factory=make)
def work(): return C().a
# then
L = [2]
""",
    "a model's constraint": """
from pydantic import BaseModel, Field
class C(BaseModel):
    a: int = Field(1, gt=0)
def work(): return C(a=1)
# then
class C(BaseModel):
    a: int = Field(1, gt=5)
""",
    "a model's validator": """
from pydantic import BaseModel, field_validator
def h(v): return v
class C(BaseModel):
    a: int = 1
    @field_validator('a')
    @classmethod
    def check(cls, v): return h(v)
def work(): return C(a=1)
# then
def h(v): return -v
""",
    "a type alias": """
T = list[int]
def work(): return T()
# then
T = list[str]
""",
    "a module's dictionary": """
import string
D = vars(string)
def work(): return K
K = 1
# then
K = 2
""",
}


@pytest.mark.parametrize("case", CASES)
def test_no_result_is_stale_after(case):
    text, edit = CASES[case].split("# then\n")
    book = notebook(text)
    before = version_of(book["work"])
    assert version_of(book["work"]) == before
    assert version_of(notebook(text)["work"]) == before

    assert version_of(book.run(edit)["work"]) != before


def test_a_class_that_keeps_an_old_factory_is_told_from_one_with_the_new():
    text = "from dataclasses import dataclass, field\n"
    make = "def make(): return {}\n"
    cls = "@dataclass\nclass C:\n    a: list = field(default_factory=make)\n"
    book = notebook(text + make.format("[1]") + cls + "def work(): return C().a", make.format("[2]"))
    old = version_of(book["work"])
    book.run(cls)

    assert version_of(book["work"]) != old
