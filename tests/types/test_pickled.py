"""Objects without a form of their own: by reference here, signed pickles elsewhere, never foreign code."""

import os
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import StoreError, TypeTransformerFailedError
from flyte_jupyter.types import Literal, TypeEngine, holding, trusting
from flyte_jupyter.types.literal import Binary, Blob


class Thing:
    def __init__(self, a):
        self.a = a


class Evil:
    def __reduce__(self):
        return os.mkdir, ("/nowhere/evil",)


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "mine")


def settled(value, kind, blobs):
    return TypeEngine.settle(TypeEngine.to_literal(value, kind), blobs)


def test_an_object_goes_by_reference():
    thing, lock = Thing(1), threading.Lock()

    assert TypeEngine.to_python_value(TypeEngine.to_literal(thing, Thing), Thing) is thing
    assert TypeEngine.to_python_value(TypeEngine.to_literal(lock, object), object) is lock


def test_small_pickles_are_inline_and_large_ones_are_blobs(blobs):
    assert isinstance(settled(Thing(1), Thing, blobs).value, Binary)
    assert isinstance(settled(Thing("x" * 20_000), Thing, blobs).value, Blob)


def test_what_cannot_be_pickled_says_so_when_it_must_be(blobs):
    with pytest.raises(TypeTransformerFailedError, match="a lock cannot be kept or sent"):
        settled(threading.Lock(), object, blobs)


@pytest.mark.parametrize("size", [1, 20_000])
def test_another_store_does_not_vouch(blobs, tmp_path, size):
    literal = settled(Thing("x" * size), Thing, blobs)
    other = BlobStore(tmp_path / "other")
    if isinstance(literal.value, Blob):
        other.put(blobs.get(literal.value.uri.removeprefix("blob://")))

    with holding(other), pytest.raises(TypeTransformerFailedError, match="not written by this store"):
        TypeEngine.to_python_value(literal, Thing)
    with holding(other), trusting():
        assert TypeEngine.to_python_value(literal, Thing).a == "x" * size


def test_a_changed_pickle_is_refused(blobs):
    literal = settled(Thing(1), Thing, blobs)
    value = literal.value.value
    forged = Literal(Binary(value[:32] + pickle.dumps(Evil()), "pickle"))

    with holding(blobs), pytest.raises(TypeTransformerFailedError, match="not written by this store"):
        TypeEngine.to_python_value(forged, object)


def test_a_forged_frame_is_refused(blobs):
    import pandas as pd

    from flyte_jupyter.types.literal import StructuredDataset

    digest = blobs.put(bytes(32) + pickle.dumps(Evil()))

    with holding(blobs), pytest.raises(TypeTransformerFailedError, match="not written by this store"):
        TypeEngine.to_python_value(Literal(StructuredDataset(f"blob://{digest}", "pickle")), pd.DataFrame)


@pytest.mark.parametrize("kind", [object, bytes, set[int], list, dict])
@pytest.mark.parametrize("protocol", range(6))
def test_an_unsigned_pickle_runs_no_code(kind, protocol):
    with pytest.raises(TypeTransformerFailedError, match="nobody vouches"):
        TypeEngine.to_python_value(Literal(Binary(pickle.dumps(Evil(), protocol))), kind)


def test_an_unsigned_pickle_of_plain_data_is_read():
    foreign = Literal(Binary(pickle.dumps([1, {"a": {2}}], 5)))

    assert TypeEngine.to_python_value(foreign, list) == [1, {"a": {2}}]


def test_a_pickle_outside_of_the_store_needs_trust(tmp_path):
    (tmp_path / "p").write_bytes(pickle.dumps([1]))
    foreign = Literal(Blob(str(tmp_path / "p"), "PythonPickle"))

    with pytest.raises(TypeTransformerFailedError, match="outside of the store"):
        TypeEngine.to_python_value(foreign, list)
    with trusting():
        assert TypeEngine.to_python_value(foreign, list) == [1]


def test_without_a_store_nobody_vouches(blobs):
    with pytest.raises(TypeTransformerFailedError, match="no store is open"):
        TypeEngine.to_python_value(settled(Thing(1), Thing, blobs), Thing)


def test_a_blob_that_is_gone_is_named(blobs):
    literal = settled(Thing("x" * 20_000), Thing, blobs)
    blobs.delete(literal.value.uri.removeprefix("blob://"))

    with holding(blobs), pytest.raises(StoreError, match=r"blob://\w+ is no longer in the store"):
        TypeEngine.to_python_value(literal, Thing)


def test_a_pickle_whose_class_is_gone_is_our_error(blobs):
    thing = Thing(1)
    Thing.__module__, module = "nowhere_at_all", Thing.__module__
    try:
        data = b"cnowhere_at_all\nThing\n."
        literal = Literal(Binary(blobs.sign(data) + data, "pickle"))
    finally:
        Thing.__module__ = module

    with (
        holding(blobs),
        pytest.raises(TypeTransformerFailedError, match="damaged pickle: ModuleNotFoundError"),
    ):
        TypeEngine.to_python_value(literal, object)
    assert thing.a == 1


@given(st.binary(max_size=200))
def test_random_bytes_are_our_error_or_plain_data(data):
    for kind in (object, bytes, set[int]):
        try:
            TypeEngine.to_python_value(Literal(Binary(data)), kind)
        except TypeTransformerFailedError:
            continue


def test_a_wrong_class_is_refused():
    with pytest.raises(TypeTransformerFailedError, match="expected Thing, got 5"):
        TypeEngine.to_literal(5, Thing)


def test_sets_have_one_hash_whatever_their_order():
    one = TypeEngine.to_literal({"a", "b", "c", 1, (2,)}, set)
    two = TypeEngine.to_literal({(2,), 1, "c", "b", "a"}, set)

    assert one.hash == two.hash != TypeEngine.to_literal({"a"}, set).hash
