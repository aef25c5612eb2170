"""A cell runs again: the class is another object with the same name."""

import gc
import sys
import types
import weakref

import pytest

from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import TypeEngine
from flyte_jupyter.types.pickles import Snapshot

SOURCE = {
    "enum": (
        """
from enum import Enum
class C(Enum):
    RED = 1
    BLUE = 2
""",
        "C.RED",
    ),
    "dataclass": (
        """
from dataclasses import dataclass
@dataclass
class C:
    a: int
""",
        "C(1)",
    ),
    "nested": (
        """
from dataclasses import dataclass
from enum import Enum
class E(Enum):
    X = "x"
@dataclass
class D:
    e: E
@dataclass
class C:
    many: list[D]
    e: E
""",
        "C([D(E.X)], E.X)",
    ),
    "model": (
        """
from pydantic import BaseModel
class C(BaseModel):
    a: int
""",
        "C(a=1)",
    ),
    "nested model": (
        """
from enum import Enum
from pydantic import BaseModel
class E(Enum):
    X = "x"
class D(BaseModel):
    e: E
class C(BaseModel):
    many: list[D]
""",
        "C(many=[D(e=E.X)])",
    ),
    "named tuple": (
        """
from typing import NamedTuple
class C(NamedTuple):
    a: int
""",
        "C(1)",
    ),
    "heavy": (
        """
from dataclasses import dataclass
import numpy as np
@dataclass(eq=False)
class C:
    a: np.ndarray
    def __eq__(self, other):
        return type(self) is type(other) and (self.a == other.a).all()
""",
        "C(np.arange(3))",
    ),
    "plain object": (
        """
class C:
    def __init__(self):
        self.a = 1
    def __eq__(self, other):
        return type(self) is type(other) and self.a == other.a
""",
        "C()",
    ),
}


@pytest.fixture
def notebook():
    module = types.ModuleType("cells_of_a_notebook")
    sys.modules[module.__name__] = module
    yield module.__dict__
    del sys.modules[module.__name__]


@pytest.mark.parametrize("what", SOURCE)
def test_an_old_value_is_accepted_and_a_current_one_is_read(notebook, what):
    source, make = SOURCE[what]
    exec(source, notebook)
    old = eval(make, notebook)
    old_literal = TypeEngine.to_literal(old, type(old))
    exec(source, notebook)
    current = notebook["C"]

    from_old_value = TypeEngine.to_python_value(TypeEngine.to_literal(old, current), current)
    from_old_literal = TypeEngine.to_python_value(old_literal, current)

    assert type(old) is not current
    assert type(from_old_value) is type(from_old_literal) is current
    assert from_old_value == from_old_literal == eval(make, notebook)


@pytest.mark.parametrize("kind", ["list[C]", "C | None", "dict[str, C]", "tuple[C, int]"])
def test_also_inside_of_other_types(notebook, kind):
    source, make = SOURCE["dataclass"]
    exec(source, notebook)
    wrap = {"list[C]": "[{}]", "C | None": "{}", "dict[str, C]": "{{'a': {}}}", "tuple[C, int]": "({}, 1)"}[
        kind
    ]
    old = eval(wrap.format(make), notebook)
    TypeEngine.to_literal(old, eval(kind, notebook))
    exec(source, notebook)
    current = eval(kind, notebook)

    found = TypeEngine.to_python_value(TypeEngine.to_literal(old, current), current)

    assert found == eval(wrap.format(make), notebook)


def test_other_fields_are_refused_with_the_way_out(notebook):
    source, make = SOURCE["dataclass"]
    exec(source, notebook)
    old = eval(make, notebook)
    exec(source.replace("a: int", "b: int"), notebook)

    with pytest.raises(TypeTransformerFailedError, match=r"other fields \(\+b, -a\); run the cell"):
        TypeEngine.to_literal(old, notebook["C"])


def test_a_member_that_is_gone_is_refused(notebook):
    source, make = SOURCE["enum"]
    exec(source, notebook)
    old = eval(make, notebook)
    exec(source.replace("RED", "GREEN"), notebook)

    with pytest.raises(TypeTransformerFailedError, match="one of GREEN, BLUE"):
        TypeEngine.to_literal(old, notebook["C"])


def test_a_namesake_in_another_module_is_another_class(notebook):
    source, make = SOURCE["dataclass"]
    exec(source, notebook)
    other = types.ModuleType("other")
    exec(source, other.__dict__)
    other.C.__module__ = "other"

    with pytest.raises(TypeTransformerFailedError):
        TypeEngine.to_literal(eval(make, other.__dict__), notebook["C"])


@pytest.mark.parametrize("what", ["enum", "dataclass", "model", "plain object"])
def test_old_classes_are_not_kept(notebook, what):
    source, make = SOURCE[what]
    exec(source, notebook)
    TypeEngine.to_literal(eval(make, notebook), notebook["C"])
    TypeEngine.to_literal([eval(make, notebook)], eval("list[C]", notebook))
    old = weakref.ref(notebook["C"])
    exec(source, notebook)
    TypeEngine.to_literal(eval(make, notebook), notebook["C"])
    gc.collect()

    assert old() is None


def test_a_snapshot_is_a_copy_for_each_reader():
    mine = [1, {2}]
    literal = TypeEngine.to_literal(mine, list)
    mine.append(3)
    first, second = (TypeEngine.to_python_value(literal, list) for _ in range(2))
    first.append(4)

    assert isinstance(literal.value.value, Snapshot)
    assert second == [1, {2}]
