"""The class that the main module has now under a name."""

import sys
import types
from dataclasses import dataclass

import pytest

from flyte_jupyter.types.engine import TypeEngine, notice
from flyte_jupyter.types.newest import newest


@pytest.fixture
def main(monkeypatch):
    """A main module whose cells define classes."""
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)

    def run(text):
        exec(text, {"__name__": "__main__", "dataclass": dataclass}, names := vars(module))
        return names

    return run


def test_it_is_the_one_of_the_same_name(main):
    first = main("class A:\n    class B: pass")
    old, inner = first["A"], first["A"].B
    now = main("class A:\n    class B: pass")["A"]

    assert (newest(old), newest(inner), newest(now)) == (now, now.B, now)


def test_anything_else_is_given_back(main):
    names = main(
        "class A: pass\nclass Gone: pass\nclass Other: pass\ndef local():\n    class L: pass\n    return L"
    )
    gone, local = names.pop("Gone"), names["local"]()
    old, names["A"] = names["A"], names["Other"]

    assert [newest(one) for one in (gone, local, old, int, 5, list[int])] == [
        gone,
        local,
        old,
        int,
        5,
        list[int],
    ]


def test_types_mean_it_once_somebody_has_looked(main):
    old = main("@dataclass\nclass A:\n    x: int = 1")["A"]
    TypeEngine.to_literal(old(), old)
    now = main("@dataclass\nclass A:\n    x: int = 1\n    y: int = 2")["A"]
    notice()
    notice()

    back = TypeEngine.to_python_value(TypeEngine.to_literal([now(y=3)], list[old]), list[old])
    assert back == [now(y=3)]
