"""Which objects lead to others."""

import functools

import numpy as np
import pandas as pd
import pytest

from flyte_jupyter.notebook.celltask.reach import leads_to


class Holder:
    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def kept(value):
    cached = functools.lru_cache(lambda: value)
    cached()
    return cached


def in_array(value):
    made = np.empty(3, dtype=object)
    made[1] = value
    return made


WAYS = {
    "itself": lambda value: value,
    "list": lambda value: [[value]],
    "key": lambda value: {"a": ({1: value},)},
    "attribute": Holder,
    "slot": Slotted,
    "method": lambda value: Holder(value).__init__,
    "cache": kept,
    "array": in_array,
    "frame": lambda value: pd.DataFrame({"a": in_array(value)}),
    "series": lambda value: pd.Series([1, value, "x"]),
    "partial": lambda value: functools.partial(print, value),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_holds_an_object_leads_to_it(way):
    value, other = [1, 2], [1, 2]
    held = WAYS[way](value)

    assert leads_to([1, "x", held], {id(value)}, frozenset())
    assert not leads_to([1, "x", held], {id(other)}, frozenset())


def test_the_search_ends_at_what_is_known_and_at_code():
    value = [1]
    known = [value]

    assert not leads_to([[known]], {id(value)}, {id(known)})
    assert not leads_to(
        [pytest, Holder, len, test_the_search_ends_at_what_is_known_and_at_code], {id(vars(pytest))}, set()
    )


def test_rings_end():
    ring = []
    ring.append([ring])

    assert not leads_to([ring], {1}, frozenset())
