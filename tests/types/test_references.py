"""Which blobs a literal needs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from flyte_jupyter.blobs import BlobStore
from flyte_jupyter.types import TypeEngine
from flyte_jupyter.types.references import references


@dataclass
class Heavy:
    frame: pd.DataFrame
    parts: list[np.ndarray]


@pytest.mark.parametrize(
    ("value", "kind", "count"),
    [
        (5, int, 0),
        ([np.arange(3), np.arange(4)], list[np.ndarray], 2),
        ({"a": np.arange(3)}, dict[str, np.ndarray], 1),
        (np.arange(3), np.ndarray | None, 1),
        (Heavy(pd.DataFrame({"a": [1]}), [np.arange(3)]), Heavy, 2),
        ([Heavy(pd.DataFrame({"a": [1]}), [np.arange(3)])], list[Heavy], 2),
        (object(), object, 0),
        (["x" * 20_000], list, 1),
        ({"text": "blob://nothing"}, dict, 0),
    ],
)
def test_all_blobs_of_a_settled_literal_are_named(value, kind, count, tmp_path):
    blobs = BlobStore(tmp_path)

    settled = TypeEngine.settle(TypeEngine.to_literal(value, kind), blobs)

    assert references(settled, blobs) == set(blobs)
    assert len(set(blobs)) == count
