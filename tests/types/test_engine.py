"""The registry: your own transformers, restricted types, and what importing costs."""

import asyncio
import contextvars
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated

import pytest

from flyte_jupyter.errors import DefinitionError, RestrictedTypeError, TypeTransformerFailedError
from flyte_jupyter.types import Literal, LiteralType, TypeEngine, TypeTransformer
from flyte_jupyter.types.engine import _registry
from flyte_jupyter.types.literal import SimpleType

HERE = contextvars.ContextVar("HERE", default="nowhere")


class Meters:
    def __init__(self, value):
        self.value = value


class Feet(Meters):
    pass


class MetersTransformer(TypeTransformer[Meters]):
    def __init__(self, name="Meters"):
        super().__init__(name, Meters)

    def get_literal_type(self, t):
        return LiteralType(simple=SimpleType.FLOAT, tag=self.name)

    def to_literal(self, python_val, python_type, expected):
        return Literal(float(python_val.value))

    def to_python_value(self, lv, expected_python_type):
        return expected_python_type(lv.value)

    def guess_python_type(self, literal_type):
        return Meters

    def to_html(self, python_val, expected_python_type):
        return f"<b>{python_val.value} m</b>"


class Async(MetersTransformer):
    async def to_literal(self, python_val, python_type, expected):
        await asyncio.sleep(0)
        return Literal(float(python_val.value), metadata={"where": HERE.get()})

    async def to_python_value(self, lv, expected_python_type):
        await asyncio.sleep(0)
        return expected_python_type(lv.value)


@pytest.fixture(autouse=True)
def registry():
    yield
    _registry.transformers.clear()
    _registry.restricted.clear()
    _registry.forget()


def there_and_back(value, kind):
    return TypeEngine.to_python_value(TypeEngine.to_literal(value, kind), kind)


@pytest.mark.parametrize("transformer", [MetersTransformer(), Async()])
def test_your_transformer_converts_your_type_everywhere(transformer):
    TypeEngine.register(transformer)

    assert TypeEngine.to_literal(Meters(2), Meters).value == 2.0
    assert there_and_back(Meters(2), Meters).value == 2.0
    assert [m.value for m in there_and_back([Meters(1), Meters(2)], list[Meters])] == [1.0, 2.0]
    assert there_and_back(Meters(2), Meters | None).value == 2.0
    assert type(there_and_back(Feet(2), Feet)) is Feet
    assert TypeEngine.get_transformer(Meters) is transformer
    assert TypeEngine.guess_python_type(TypeEngine.to_literal_type(Meters)) is Meters
    assert TypeEngine.to_html(Meters(2), Meters) == "<b>2 m</b>"
    assert TypeEngine.get_available_transformers() == ["Meters"]


async def test_an_asynchronous_transformer_works_inside_of_a_running_loop():
    TypeEngine.register(Async())
    HERE.set("in the test")

    literal = TypeEngine.to_literal(Meters(2), Meters)

    assert literal.metadata == {"where": "in the test"}
    assert (await TypeEngine.to_literal(Meters(2), Meters)).value == 2.0
    assert (await TypeEngine.to_python_value.aio(literal, Meters)).value == 2.0


def test_asynchronous_transformers_leave_no_threads():
    TypeEngine.register(Async())
    before = threading.active_count()
    there_and_back([Meters(i) for i in range(20)], list[Meters])

    assert threading.active_count() == before


def test_a_transformer_in_annotated_counts_for_that_place_only():
    marked = Annotated[Meters, MetersTransformer()]

    assert TypeEngine.to_literal(Meters(2), marked).value == 2.0
    assert TypeEngine.codec(Meters).name == "FlytePickle"


def test_a_transformer_in_a_dataclass():
    from dataclasses import make_dataclass

    TypeEngine.register(MetersTransformer())
    way = make_dataclass("Way", [("length", Meters)])

    assert there_and_back(way(Meters(3)), way).length.value == 3.0


def test_a_second_transformer_is_refused_unless_it_overrides():
    TypeEngine.register(MetersTransformer())

    with pytest.raises(DefinitionError, match="Meters has the transformer 'Meters' already"):
        TypeEngine.register(MetersTransformer())
    TypeEngine.register_additional_type(MetersTransformer("Other"), Meters, override=True)
    assert TypeEngine.get_transformer(Meters).name == "Other"


def test_a_cell_that_registers_may_run_again():
    for _ in range(2):
        cls = type("Again", (MetersTransformer,), {})
        TypeEngine.register(cls())

    assert type(TypeEngine.get_transformer(Meters)) is cls


def test_one_transformer_may_serve_several_types():
    TypeEngine.register(MetersTransformer(), additional_types=[complex])

    assert TypeEngine.get_transformer(complex).name == "Meters"


def test_restricted_types_are_refused():
    TypeEngine.register_restricted_type("a meter", Meters)

    for kind in (Meters, list[Meters]):
        with pytest.raises(RestrictedTypeError, match="a meter may not be"):
            TypeEngine.to_literal_type(kind)


def test_an_error_in_a_transformer_is_told_with_its_cause():
    class Broken(MetersTransformer):
        def to_literal(self, python_val, python_type, expected):
            raise KeyError("lost")

        async def to_python_value(self, lv, expected_python_type):
            raise KeyError("lost")

    TypeEngine.register(Broken())

    with pytest.raises(TypeTransformerFailedError, match="Meters: KeyError: 'lost'") as error:
        TypeEngine.to_literal(Meters(1), Meters)
    assert isinstance(error.value.__cause__, KeyError)
    with pytest.raises(TypeTransformerFailedError, match="Meters: KeyError: 'lost'"):
        TypeEngine.to_python_value(Literal(1.0), Meters)
    with pytest.raises(TypeTransformerFailedError, match="expected Meters, got 5"):
        TypeEngine.to_literal(5, Meters)


def test_a_transformer_must_return_a_literal():
    class Wrong(MetersTransformer):
        def to_literal(self, python_val, python_type, expected):
            return 5

    TypeEngine.register(Wrong())
    with pytest.raises(TypeTransformerFailedError, match="must return a Literal, got 5"):
        TypeEngine.to_literal(Meters(1), Meters)


def test_what_is_registered_is_checked():
    with pytest.raises(TypeError, match="must be a TypeTransformer"):
        TypeEngine.register(Meters)
    with pytest.raises(DefinitionError, match="name must be text"):
        MetersTransformer("")


def test_built_in_conversions_have_a_transformer_too():
    transformer = TypeEngine.get_transformer(int)
    integer = transformer.get_literal_type(int)

    assert transformer.name == "int"
    assert transformer.to_python_value(transformer.to_literal(5, int, integer), int) == 5
    transformer.assert_type(int, 5)
    with pytest.raises(TypeTransformerFailedError):
        transformer.assert_type(int, "x")
    with pytest.raises(TypeTransformerFailedError):
        TypeEngine.get_transformer(float).assert_type(float, "x")


def test_html_escapes_text_and_survives_a_broken_repr():
    class Broken:
        def __repr__(self):
            raise ValueError

    assert TypeEngine.to_html("<script>", str) == "<pre>&#x27;&lt;script&gt;&#x27;</pre>"
    assert "Broken object" in TypeEngine.to_html(Broken(), Broken)


def test_many_types_do_not_fill_the_memory():
    for number in range(6000):
        TypeEngine.codec(Annotated[int, number])

    assert len(_registry.by_key) < 5000
    assert TypeEngine.to_literal(5, int).value == 5


def test_threads_may_compile_at_once():
    from concurrent.futures import ThreadPoolExecutor

    def work(number):
        return there_and_back([{"a": number}], list[dict[str, int | None]])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(200))) == [[{"a": number}] for number in range(200)]


LIGHT = """
import sys
from enum import Enum
from flyte_jupyter.types import TypeEngine
class C(Enum):
    A = 1
for value, kind in [(5, int), ([1], list[int]), ({"a": 1.0}, dict[str, float]), (None, int | None), (C.A, C)]:
    assert TypeEngine.to_python_value(TypeEngine.to_literal(value, kind), kind) == value
heavy = {"numpy", "pandas", "pyarrow", "polars", "pydantic", "google", "cloudpickle", "uuid", "decimal"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}))
"""


def test_simple_types_load_no_heavy_library():
    root = str(Path(__file__).parents[2])
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {root!r})\n{LIGHT}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout == "[]\n"
