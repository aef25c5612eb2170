"""Signatures as tasks see them."""

import functools
from typing import Any, NamedTuple, Optional

import pytest

from flyte_jupyter.errors import DefinitionError, RuntimeDataValidationError
from flyte_jupyter.tasks.interface import EMPTY, Interface


class Pair(NamedTuple):
    left: int
    right: str


def of(func):
    return Interface.of(func, "t")


def shape(func):
    interface = of(func)
    return [p.name for p in interface.inputs], [(p.name, p.type) for p in interface.outputs]


def test_outputs_are_named_by_position_or_by_their_own_names():
    def none() -> None: ...
    def one() -> int: ...
    def two() -> tuple[int, str]: ...
    def pair() -> Pair: ...
    def any_(): ...

    assert shape(none)[1] == []
    assert shape(one)[1] == [("o0", int)]
    assert shape(two)[1] == [("o0", int), ("o1", str)]
    assert shape(pair)[1] == [("left", int), ("right", str)]
    assert shape(any_)[1] == [("o0", Any)]


def test_a_default_of_none_makes_the_parameter_optional():
    def func(a: int = None, b: list[int] = None, c: Optional[int] = None, d=None): ...

    interface = of(func)

    assert [p.type for p in interface.inputs] == [int | None, Optional[list[int]], Optional[int], Any]
    assert of(lambda x: x).inputs[0].default is EMPTY
    literals = interface.to_literals((), {})
    assert interface.from_literals(literals) == {"a": None, "b": None, "c": None, "d": None}


@pytest.mark.parametrize("returned", [tuple[int, ...], tuple[()]])
def test_tuples_without_a_fixed_length_are_refused(returned):
    def func(): ...

    func.__annotations__ = {"return": returned}
    with pytest.raises(DefinitionError, match="no fixed number of outputs"):
        of(func)


def test_parameters_without_fixed_names_are_refused():
    with pytest.raises(DefinitionError, match=r"parameter \*\*kwargs"):
        of(lambda **kwargs: 1)


def test_annotations_as_text_are_resolved_or_named():
    def good(x: "int") -> "str": ...
    def bad(x: "Nowhere") -> int: ...  # noqa: F821

    assert shape(good) == (["x"], [("o0", str)])
    with pytest.raises(NameError, match="Nowhere"):
        of(bad)


def test_calls_are_bound_as_python_binds_them():
    def func(a: int, /, b: int, *, c: int = 3) -> int: ...

    interface = of(func)

    assert interface.bind((1, 2), {}) == {"a": 1, "b": 2, "c": 3}
    assert list(interface.to_literals((1,), {"b": 2})) == ["a", "b", "c"]
    for args, kwargs in (((1, 2, 3), {}), ((), {"a": 1, "b": 2}), ((1,), {}), ((1, 2), {"x": 1})):
        with pytest.raises(TypeError, match=r"^t\("):
            interface.to_literals(args, kwargs)
    assert interface.call(lambda a, /, b, *, c: (a, b, c), {"a": 1, "b": 2, "c": 3}) == (1, 2, 3)


def test_results_of_a_wrong_shape_are_named():
    def two() -> tuple[int, str]: ...
    def none() -> None: ...

    with pytest.raises(RuntimeDataValidationError, match="must return a tuple of 2, not a tuple of 3"):
        of(two).named((1, "a", 2))
    with pytest.raises(RuntimeDataValidationError, match="not a int"):
        of(two).named(1)
    with pytest.raises(RuntimeDataValidationError, match="its signature says None"):
        of(none).named(1)


def test_results_come_back_as_they_were_returned():
    def two() -> tuple[int, str]: ...
    def pair() -> Pair: ...
    def none() -> None: ...

    for func, result in ((two, (1, "a")), (pair, Pair(1, "a")), (none, None)):
        interface = of(func)
        again = interface.outputs_from_literals(interface.outputs_to_literals(result))
        assert again == result
        assert type(again) is type(result)


def test_interfaces_with_other_names_or_types_have_other_identities():
    def a(x: int) -> int: ...
    def b(y: int) -> int: ...
    def c(x: float) -> int: ...
    def d(x: int) -> float: ...
    def e(x: int, y: int) -> int: ...
    def f(x: int) -> None: ...

    assert len({of(func).digest for func in (a, b, c, d, e, f)}) == 6
    assert of(a).digest == of(functools.wraps(a)(lambda x: x)).digest
    assert repr(of(a)) == "Interface(t(x: int) -> int)"


def test_callable_objects_have_an_interface():
    class Call:
        def __call__(self, x: int) -> str: ...

    assert shape(Call()) == (["x"], [("o0", str)])
