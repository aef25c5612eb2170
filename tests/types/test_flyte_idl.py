"""Literals and types become the protocol's messages, bit for bit."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import NamedTuple, NotRequired, TypedDict

import pytest
from pydantic import BaseModel

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.types import TypeEngine, flyte_idl
from flyte_jupyter.types.files import File
from flyte_jupyter.types.folders import Dir
from flyte_jupyter.types.literal import Binary, Literal, Live, StructuredDataset


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class DC:
    a: int
    b: str = "x"


class PM(BaseModel):
    a: int
    c: Color = Color.RED


class NT(NamedTuple):
    x: int
    y: str


class TD(TypedDict):
    a: int
    b: NotRequired[int]


MSGPACK = "12076d73677061636b"
OPTIONAL = "52170a0908015a050a03696e740a0a08005a060a046e6f6e65"

GOLDEN = [
    (5, int, "0801", "0a040a020805"),
    (-1, int, "0801", "0a0d0a0b08ffffffffffffffffff01"),
    (2.5, float, "0802", "0a0b0a09110000000000000440"),
    (True, bool, "0804", "0a040a022001"),
    ("hi", str, "0803", "0a060a041a026869"),
    (None, None, "0800", "0a022a00"),
    (
        datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime,
        "0805",
        "0a100a0e2a0c08a5facdac061088eadcc302",
    ),
    (date(2024, 1, 2), date, "0805", "0a0a0a082a060880a4cdac06"),
    (timedelta(days=1, microseconds=5), timedelta, "0806", "0a0b0a0932070880a305108827"),
    ([1, 2], list[int], "1a020801", "12100a060a040a0208010a060a040a020802"),
    ([], list[int], "1a020801", "1200"),
    ({"a": 1}, dict[str, int], "22020801", "1a0d0a0b0a016112060a040a020801"),
    (
        {"a": [1, None, True, 2.5, "z"]},
        dict,
        "md5:c5f92f41dfac6d95dc18911e4c51e1d6",
        "0a1f1a1d0a1281a1619501c0c3cb4004000000000000a17a" + MSGPACK,
    ),
    ({1: "a"}, dict[int, str], "md5:c5f92f41dfac6d95dc18911e4c51e1d6", "0a111a0f0a048101a161" + MSGPACK),
    (5, int | None, OPTIONAL, "0a154a130a060a040a020805120908015a050a03696e74"),
    (None, int | None, OPTIONAL, "0a144a120a040a022a00120a08005a060a046e6f6e65"),
    (
        "q",
        int | str,
        "52160a0908015a050a03696e740a0908035a050a03737472",
        "0a164a140a070a050a031a0171120908035a050a03737472",
    ),
    (Color.BLUE, Color, "3a0b0a035245440a04424c5545", "0a080a061a04424c5545"),
    (DC(a=1), DC, "md5:27b81bbb9b595e25c1d93318a71cf0fc", "0a151a130a0882a16101a162a178" + MSGPACK),
    (PM(a=1), PM, "md5:876251d98c5ac519423c169e22206193", "0a171a150a0a82a16101a163a3524544" + MSGPACK),
    (
        (1, "a"),
        tuple[int, str],
        "md5:1f200e440e22d7f9d36160c51eb6f618",
        "0a1f1a1d0a1282a66974656d5f3001a66974656d5f31a161" + MSGPACK,
    ),
    (NT(1, "a"), NT, "md5:0933c4177ea023f1c7e0605fab98768e", "0a151a130a0882a17801a179a161" + MSGPACK),
    ({"a": 1}, TD, None, "0a141a120a0782a16101a162c0" + MSGPACK),
    (File("s3://b/x.csv"), File, "2a00", "0a1412120a020a001a0c73333a2f2f622f782e637376"),
    (Dir("s3://b/d"), Dir, "2a021001", "0a1212100a040a0210011a0873333a2f2f622f64"),
    (b"ab", bytes, None, "0a151a130a11800595060000000000000043026162942e"),
]
NAMES = [f"{value!r}: {kind}" for value, kind, *_ in GOLDEN]


@pytest.mark.parametrize(("value", "kind", "type_hex", "literal_hex"), GOLDEN, ids=NAMES)
def test_golden_vectors(value, kind, type_hex, literal_hex):
    literal = TypeEngine.to_literal(value, kind)

    data = flyte_idl.encoded(flyte_idl.to_literal_message(literal))
    type_data = flyte_idl.encoded(flyte_idl.to_type_message(TypeEngine.to_literal_type(kind)))

    assert data.hex() == literal_hex
    if type_hex and not type_hex.startswith("md5:"):
        assert type_data.hex() == type_hex
    elif type_hex:
        assert hashlib.md5(type_data).hexdigest() == type_hex.removeprefix("md5:")


@pytest.mark.parametrize(("value", "kind", "type_hex", "literal_hex"), GOLDEN, ids=NAMES)
def test_messages_are_read_back(value, kind, type_hex, literal_hex):
    message = flyte_idl.decoded(bytes.fromhex(literal_hex), type(flyte_idl.to_literal_message(Literal(1))))
    literal = flyte_idl.of_literal_message(message)
    literal_type = flyte_idl.of_type_message(flyte_idl.to_type_message(TypeEngine.to_literal_type(kind)))

    assert TypeEngine.to_python_value(literal, kind) == value
    assert flyte_idl.encoded(flyte_idl.to_literal_message(literal)).hex() == literal_hex
    assert literal_type == TypeEngine.to_literal_type(kind)


def test_a_set_has_the_protocols_hash(tmp_path):
    literal = TypeEngine.settle(TypeEngine.to_literal({1, 2}, set[int]), BlobStore(tmp_path))

    message = flyte_idl.to_literal_message(literal)

    assert message.hash == "d1daa8e1ff864a7b7ef5ae29f77ccdcb"
    assert message.scalar.binary.tag == ""
    assert TypeEngine.to_python_value(flyte_idl.of_literal_message(message), set[int]) == {1, 2}


def test_inputs_interface_and_hashes_are_the_protocols():
    literals = {"x": TypeEngine.to_literal(1, int), "y": TypeEngine.to_literal(2, int)}
    inputs = flyte_idl.to_inputs(literals)
    integer = TypeEngine.to_literal_type(int)
    interface = flyte_idl.encoded(flyte_idl.to_interface({"x": integer, "y": integer}, {"o0": integer}))

    assert flyte_idl.encoded(inputs).hex() == "0a0b0a017812060a040a0208010a0b0a017912060a040a020802"
    assert flyte_idl.of_named(inputs) == literals
    assert interface.hex() == "0a160a090a017812040a0208010a090a017912040a020801120c0a0a0a026f3012040a020801"
    assert (
        base64.b64encode(hashlib.sha256(interface).digest()).decode()
        == "nUJSHBxke1s5kbWUQmGPGu0lrVywJipUZNmvhe21GQw="
    )
    assert flyte_idl.of_interface(flyte_idl.to_interface({"x": integer}, {})) == ({"x": integer}, {})


def test_a_live_value_is_no_message():
    with pytest.raises(TypeTransformerFailedError, match="settle"):
        flyte_idl.to_literal_message(Literal(Live(object(), object)))


def test_an_integer_beyond_64_bits_is_no_message():
    with pytest.raises(TypeTransformerFailedError, match="fits no message"):
        flyte_idl.to_literal_message(Literal(2**70))


def test_a_json_object_is_read_as_a_structure():
    message = flyte_idl.to_literal_message(Literal(1))
    message.scalar.generic.update({"a": 3, "b": "y"})

    literal = flyte_idl.of_literal_message(message)

    assert TypeEngine.to_python_value(literal, DC) == DC(3, "y")
    assert isinstance(literal.value, Binary)


def test_hash_and_metadata_travel():
    literal = Literal((Literal(1, "h"), 2), "top", {"k": "v"})

    assert flyte_idl.of_literal_message(flyte_idl.to_literal_message(literal)) == literal


@pytest.mark.parametrize("data", ["", "0a00", "0a020a00", "0a023200", "12020a00", "0a024a00", "ff", "0a"])
def test_a_message_that_holds_nothing_to_read_is_our_error(data):
    kind = type(flyte_idl.to_literal_message(Literal(1)))

    with pytest.raises(TypeTransformerFailedError):
        flyte_idl.of_literal_message(flyte_idl.decoded(bytes.fromhex(data), kind))


def test_a_type_that_holds_nothing_is_our_error():
    with pytest.raises(TypeTransformerFailedError, match="kind nothing"):
        flyte_idl.of_type_message(type(flyte_idl.to_type_message(TypeEngine.to_literal_type(int)))())


def test_tables_with_columns_inputs_with_context_and_outputs():
    from typing import Annotated

    import pandas as pd

    kind = TypeEngine.to_literal_type(Annotated[pd.DataFrame, {"a": int, "b": list[str]}])
    dataset = Literal(StructuredDataset("s3://b/x", "parquet", kind.dataset[1]))
    inputs = flyte_idl.to_inputs({"x": dataset}, {"key": "value"})

    assert flyte_idl.of_type_message(flyte_idl.to_type_message(kind)) == kind
    assert flyte_idl.of_named(inputs) == {"x": dataset}
    assert [(entry.key, entry.value) for entry in inputs.context] == [("key", "value")]
    assert flyte_idl.of_named(flyte_idl.to_outputs({"o0": dataset})) == {"o0": dataset}


def test_numbers_of_a_json_object_are_whole_again():
    message = flyte_idl.to_literal_message(Literal(1))
    message.scalar.generic.update({"a": 3, "b": [1.5, 2, {"c": 4}]})

    assert TypeEngine.to_python_value(flyte_idl.of_literal_message(message), dict) == {
        "a": 3,
        "b": [1.5, 2, {"c": 4}],
    }
