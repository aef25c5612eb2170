"""Changes in place: found, and made again."""

import random
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from flyte_jupyter.notebook.celltask.kinds import Unrestorable
from flyte_jupyter.notebook.celltask.mutation import Heap


class Thing:
    def __init__(self):
        self.items = []
        self.n = 0


@dataclass(slots=True)
class Slotted:
    a: list = field(default_factory=list)


def drop(df):
    df.drop(columns=["b"], inplace=True)


def column(df):
    df["c"] = df["a"] * 2


CHANGES = [
    ([1, 2], lambda v: v.append(3)),
    ([2, 1], lambda v: v.sort()),
    ({"a": 1}, lambda v: v.update(b=2)),
    ({"a": 1, "b": 2}, lambda v: v.update(a=v.pop("a"))),
    ({1, 2}, lambda v: v.add(3)),
    (bytearray(b"ab"), lambda v: v.extend(b"c")),
    (deque([1], 2), lambda v: v.append(2)),
    (Counter("ab"), lambda v: v.update("a")),
    (OrderedDict(a=1, b=2), lambda v: v.move_to_end("a")),
    (defaultdict(list, a=[1]), lambda v: v["b"].append(2)),
    ([[1], [2]], lambda v: v[0].append(3)),
    ({"k": {"l": []}}, lambda v: v["k"]["l"].append(1)),
    (([1],), lambda v: v[0].append(2)),
    (Thing(), lambda v: v.items.append(1)),
    (Thing(), lambda v: setattr(v, "n", 5)),
    (Thing(), lambda v: delattr(v, "n")),
    (Slotted(), lambda v: v.a.append(1)),
    (np.zeros(3), lambda v: v.__setitem__(0, 1)),
    (np.array([[2, 1]]), lambda v: v.sort()),
    (pd.DataFrame({"a": [1], "b": [2]}), drop),
    (pd.DataFrame({"a": [1], "b": [2]}), column),
    (pd.Series([3, 1]), lambda v: v.sort_values(inplace=True)),
    (random.Random(1), lambda v: v.random()),
    (np.random.default_rng(1), lambda v: v.normal()),
    (np.random.RandomState(1), lambda v: v.rand()),
]


@pytest.mark.parametrize(("value", "change"), CHANGES)
def test_a_change_in_place_is_found_and_can_be_made_again(value, change):
    heap = Heap({"x": value})
    heap.watch()
    assert heap.changed() == []
    change(value)
    changed = heap.changed()

    assert changed
    assert {c.name for c in changed} == {"x"}
    taken = [(c, c.kind.take(c.value)) for c in changed]
    heap.watch()
    for c, content in taken:
        c.kind.put(c.value, content)
    assert heap.changed() == [] or all(isinstance(c.value, list | dict) for c in heap.changed())


@pytest.mark.parametrize("value", [[1, "a"], {"k": [1]}, Thing(), np.arange(3), pd.DataFrame({"a": [1]})])
def test_looking_is_no_change(value):
    heap = Heap({"x": value})
    heap.watch()
    repr(value)

    assert heap.changed() == []


def test_an_iterator_that_goes_on_has_changed_and_cannot_be_put_back():
    it = iter([1, 2])
    heap = Heap({"it": it})
    heap.watch()
    next(it)

    (changed,) = [c for c in heap.changed() if c.value is it]
    with pytest.raises(Unrestorable, match="list_iterator"):
        changed.kind.take(it)


def test_a_resized_array_does_not_fit():
    array = np.zeros(3)
    heap = Heap({"x": array})
    heap.watch()
    array.resize(5, refcheck=False)

    assert [c.fits for c in heap.changed()] == [False]


def test_equal_contents_give_equal_numbers():
    one, two = ({"a": [1, [2]], "b": {"c": Thing()}} for _ in range(2))
    kinds = [[type(v).__name__ for v in Heap({"x": v}).objects] for v in (one, two)]

    assert kinds[0] == kinds[1]
    assert kinds[0][0] == "dict"


def test_an_object_in_a_set_has_no_number_but_is_known():
    thing = Thing()
    heap = Heap({"s": {thing}})

    assert id(thing) not in heap.numbers
    assert heap.name_of(thing) == "s"
