"""What a code bundle may be."""

import dataclasses

import pytest

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.bundle import CodeBundle


def test_a_bundle_has_code_of_one_kind():
    assert CodeBundle("v", tgz="blob://1").destination == "."
    assert CodeBundle("v", pkl="blob://1").tgz is None
    assert CodeBundle(computed_version="v", files=["a.py"]).files == ("a.py",)


@pytest.mark.parametrize("given", [{}, {"files": ()}, {"tgz": "a", "pkl": "b"}])
def test_no_code_or_two_kinds_are_refused(given):
    with pytest.raises(DefinitionError, match="give"):
        CodeBundle("v", **given)


@pytest.mark.parametrize(
    "given", [{"tgz": 1}, {"tgz": "a", "destination": None}, {"files": "a.py"}, {"files": [1]}]
)
def test_wrong_types_are_named(given):
    with pytest.raises(TypeError, match="is not"):
        CodeBundle("v", **given)


def test_a_bundle_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CodeBundle("v", tgz="a").tgz = "b"
