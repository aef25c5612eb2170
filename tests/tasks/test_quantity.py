"""Kubernetes quantities are read exactly."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.quantity import cpu_text, millicores, size, size_text


@pytest.mark.parametrize(
    ("value", "thousandths"),
    [
        (1, 1000),
        (0.5, 500),
        ("1", 1000),
        ("500m", 500),
        ("0.1", 100),
        (0.1, 100),
        ("1.5", 1500),
        ("2e0", 2000),
        (0, 0),
    ],
)
def test_cpu_is_read_in_thousandths(value, thousandths):
    assert millicores(value) == thousandths


@pytest.mark.parametrize(
    "value", ["", "m", "1.0001", "-1", -1, "1 core", "1k", "0.5m", "abc", "1e-9", float("nan"), "٣"]
)
def test_what_is_no_amount_of_cpu_is_refused(value):
    with pytest.raises(DefinitionError, match="is no amount of CPU"):
        millicores(value)


@pytest.mark.parametrize("value", [True, None, [1]])
def test_cpu_of_a_wrong_type_is_refused(value):
    with pytest.raises(TypeError, match="number of cores"):
        millicores(value)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1Gi", 2**30),
        ("10GiB", 10 * 2**30),
        ("1.5Gi", 3 * 2**29),
        ("512Mi", 2**29),
        ("2G", 2 * 10**9),
        ("2GB", 2 * 10**9),
        ("1k", 1000),
        ("1e3", 1000),
        ("1E", 10**18),
        ("1024", 1024),
        (" 1Ki ", 1024),
        (".5Ki", 512),
    ],
)
def test_a_size_is_read_in_bytes(text, count):
    assert size(text) == count


@pytest.mark.parametrize(
    "text", ["", "Gi", "0", "1.5", "-1Gi", "1e3Gi", "8Ei", "1 000", "1Gi Gi", "9" * 40, "0.1Ki"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(DefinitionError, match="is no size"):
        size(text)


@pytest.mark.parametrize(("text", "close"), [("1gi", "Gi"), ("512m", "Mi"), ("1gb", "GiB"), ("4KI", "Ki")])
def test_a_unit_in_the_wrong_case_is_refused_with_the_right_one(text, close):
    with pytest.raises(DefinitionError, match=f"Did you mean the unit .*'{close}'"):
        size(text)


def test_a_bare_number_does_not_say_its_unit():
    with pytest.raises(TypeError, match="text with a unit"):
        size(1024)


@given(st.integers(1, 2**63 - 1))
def test_a_written_size_is_read_back(count):
    assert size(size_text(count)) == count


@given(st.integers(0, 10**9))
def test_a_written_amount_of_cpu_is_read_back(thousandths):
    assert millicores(cpu_text(thousandths)) == thousandths


@pytest.mark.parametrize(
    ("count", "text"),
    [(2**30, "1Gi"), (10**9, "1G"), (3 * 2**29, "1536Mi"), (1000, "1k"), (1023, "1023"), (0, "0")],
)
def test_the_canonical_form_has_the_largest_unit(count, text):
    assert size_text(count) == text


@given(st.text(max_size=60))
def test_any_text_is_a_size_or_refused(text):
    with suppress(DefinitionError):
        assert size(text) > 0
