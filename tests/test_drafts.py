"""Frozen values that are built as drafts are like those that a dataclass builds."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from flyte_jupyter.drafts import drafted


@drafted
@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int = 2
    tags: dict[str, int] = field(default_factory=dict)
    name: str = field(default="p", kw_only=True)


def test_the_constructor_takes_what_the_dataclass_takes():
    assert Point(1) == Point(1, 2, {}, name="p")
    assert Point(x=1, y=3, name="q", tags={"a": 1}) == Point(1, 3, {"a": 1}, name="q")
    for wrong in ((), (1, 2, {}, "p")):
        with pytest.raises(TypeError):
            Point(*wrong)


def test_a_made_default_is_made_each_time_and_none_is_a_value():
    assert Point(1).tags is not Point(1).tags
    assert Point(1, tags=None).tags is None


def test_it_is_frozen_and_of_its_own_class():
    point = Point(1)

    assert type(point) is Point
    with pytest.raises(FrozenInstanceError):
        point.x = 2


def test_it_is_replaced_and_pickled():
    assert replace(Point(1), y=5) == Point(1, 5)
    assert pickle.loads(pickle.dumps(Point(1, 5))) == Point(1, 5)
