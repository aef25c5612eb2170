"""Raw data paths hand out unused names."""

from pathlib import Path

import pytest

from flyte_jupyter.blobs import RawDataPath
from flyte_jupyter.errors import DefinitionError


def test_names_are_below_the_folder_and_never_the_same(tmp_path):
    raw = RawDataPath.from_local_folder(tmp_path)

    first, second = (raw.get_random_remote_path("x.csv") for _ in range(2))

    assert first != second
    assert Path(first).name == "x.csv"
    assert first.startswith(str(tmp_path))


def test_an_address_prefix_stays_one():
    assert RawDataPath("s3://b/").get_random_remote_path().startswith("s3://b/")


def test_without_a_folder_a_private_one_is_made():
    folder = Path(RawDataPath.from_local_folder().path)

    assert folder.stat().st_mode & 0o777 == 0o700
    folder.rmdir()


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", "\0"])
def test_a_name_that_leaves_the_folder_is_refused(name):
    with pytest.raises(DefinitionError, match="plain name"):
        RawDataPath("x").get_random_remote_path(name)


def test_a_path_must_be_text():
    with pytest.raises(DefinitionError):
        RawDataPath("")
    with pytest.raises(TypeError):
        RawDataPath(3)
