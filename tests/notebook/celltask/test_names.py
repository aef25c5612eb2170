"""What a cell takes, binds, deletes and may change."""

import ast

import pytest

from flyte_jupyter.notebook.celltask.effects import root_of
from flyte_jupyter.notebook.celltask.names import Names


def names(text):
    return Names.of(ast.parse(text))


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("b = a", "a"),
        ("a = 1\nb = a", ""),
        ("a += 1", "a"),
        ("a = a + 1", "a"),
        ("if c:\n    a = 1\nb = a", "c a"),
        ("if c:\n    a = 1\nelse:\n    a = 2\nb = a", "c"),
        ("for x in xs:\n    t = x\nprint(t)", "xs print t"),
        ("for x in xs:\n    n = n + x", "xs n"),
        ("while c:\n    pass", "c"),
        ("try:\n    a = f()\nexcept E as e:\n    print(e)\nb = a", "f E print a"),
        ("try:\n    a = 1\nfinally:\n    b = 2\nc = a + b", ""),
        ("with open(p) as f:\n    t = f.read()\nlen(t)", "open p len"),
        ("with suppress(E):\n    t = 1\nlen(t)", "suppress E len t"),
        ("[x for x in xs if x > n]", "xs n"),
        ("x = [y := v for v in vs]\ny", "vs y"),
        ("{k: v for k, v in d.items()}", "d"),
        ("f = lambda x, k=k: x + k + z", "k z"),
        ("def f(a, b=d) -> T:\n    return a + b + g", "d T g"),
        ("def f(n):\n    return f(n - 1)", ""),
        ("class C(B):\n    x = y\n    z = x\n    def m(self):\n        return C, w", "B y w"),
        ("@deco\ndef f(): pass", "deco"),
        ("import os\nos.getcwd()", ""),
        ("from m import a as b\nb, a", "a"),
        ("f'{a!r:>{w}}'", "a w"),
        ("match v:\n    case {'k': x, **r}: y = x\n    case [a, *b] if g: pass\nx", "v g x"),
        ("a and (b := 1)\nb", "a b"),
        ("del a\na", "a"),
        ("x: int\ny: T = 1", "int T"),
        ("(a, *b), c = d\na, b, c", "d"),
        ("async def g():\n    return [x async for x in y]\nawait g()", "y"),
        ("[await z for z in zs]", "zs"),
        ("d[k].attr = v", "v d k"),
        ("print(__name__)", "print"),
    ],
)
def test_it_takes_what_it_has_not_surely_bound_before(text, reads):
    assert set(names(text).reads) == set(reads.split())


@pytest.mark.parametrize(
    ("text", "binds"),
    [
        ("a = b = 1", "a b"),
        ("a, (b, *c) = d", "a b c"),
        ("for i, x in e: y = 1", "i x y"),
        ("with f() as g: pass", "g"),
        ("import a.b, c as d\nfrom m import e as f, g", "a d f g"),
        ("def f(x): y = 1\nclass C: z = 1", "f C"),
        ("try: pass\nexcept E as e: a = 1", "a"),
        ("(n := 1)\n[m := v for v in x]", "n m"),
        ("x += 1\ny: int = 2\nz: int", "x y"),
        ("match v:\n    case [a, *b]: pass\n    case {**r}: pass", "a b r"),
        ("[v for v in x]\nlambda q: q", ""),
        ("d['k'] = 1\no.attr = 2", ""),
    ],
)
def test_it_binds_what_its_statements_bind_at_the_top_level(text, binds):
    assert names(text).binds == tuple(binds.split())


def test_what_may_change_in_place_is_told_by_targets_and_methods():
    found = names("d['k'] = 1\no.a.b = 2\ndel e[0]\nxs.append(1)\ndf.drop(inplace=True)\ns |= t\nr.read()")

    assert found.stores == ("d", "o", "e")
    assert set(found.changes) == {"d", "o", "e", "xs", "df", "s"}


def test_deleted_names_are_told():
    assert names("del a, b[0], c.d").deletes == ("a",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\neval('x')", 2),
        ("exec('y = 1')", 1),
        ("from os import *", 1),
        ("globals()['a'] = 1", 1),
        ("locals()", 1),
        ("def f():\n    return vars()", 2),
        ("get_ipython().run_line_magic('time', '')", 1),
        ("input()", 1),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_line(text, line):
    assert names(text).unseen[0][0] == line


def test_vars_of_an_object_can_be_followed():
    assert not names("vars(x)\ndir(y)").unseen


def test_the_root_of_a_target_is_its_first_name():
    assert root_of(ast.parse("a.b[0].c").body[0].value) == "a"
    assert root_of(ast.parse("f().b").body[0].value) == ""
