"""Files and folders, usable anywhere, kept by content in a run."""

import hashlib
import json
from dataclasses import dataclass

import pytest
from pydantic import BaseModel

from flyte_jupyter.blobs import BlobStore, RawDataPath
from flyte_jupyter.errors import StoreError, TypeTransformerFailedError
from flyte_jupyter.types import Literal, TypeEngine, holding
from flyte_jupyter.types.files import File
from flyte_jupyter.types.folders import Dir
from flyte_jupyter.types.identity import identity
from flyte_jupyter.types.literal import Blob, Live
from flyte_jupyter.types.packed import pack, unpack
from flyte_jupyter.types.references import references


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "store")


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report of a.csv"
    path.write_text("a,b\n1,2\n")
    return path


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "a.txt").write_text("a")
    (tmp_path / "data" / "deep" / "b.csv").write_text("b")
    return tmp_path / "data"


def test_a_local_file_needs_no_set_up(report):
    file = File.from_local_sync(report)

    with file.open_sync("r") as lines:
        assert lines.read() == "a,b\n1,2\n"
    assert file.exists_sync()
    assert file.name == "report of a.csv"
    assert file.download_sync() == str(report)
    with pytest.raises(FileNotFoundError, match="no file"):
        File.from_local_sync("nowhere.csv")


async def test_files_can_be_awaited(report, tmp_path):
    file = await File.from_local(report)

    assert await file.exists()
    assert await file.download(tmp_path / "copy.csv") == str(tmp_path / "copy.csv")
    async with file.open("rb") as data:
        assert await data.read() == b"a,b\n1,2\n"
        await data.seek(0)
        assert data.readline() == b"a,b\n"
        assert [line async for line in data] == [b"1,2\n"]
    new = File.new_remote("out.txt")
    async with new.open("w") as out:
        assert await out.write("text") == 4
    with new.open_sync("r") as text:
        assert text.read() == "text"


def test_a_file_is_passed_by_its_address_and_kept_by_its_content(report, blobs):
    file = File.from_local_sync(report)
    literal = TypeEngine.to_literal(file, File)
    settled = TypeEngine.settle(literal, blobs)
    report.unlink()
    with holding(BlobStore(blobs.folder)):
        found = TypeEngine.to_python_value(unpack(pack({"x": settled}))["x"], File)

    assert isinstance(literal.value, Live)
    assert found.name == "report of a.csv"
    with found.open_sync("rb") as data:
        assert data.read() == b"a,b\n1,2\n"
    assert identity(TypeEngine.to_literal(found, File)) == identity(settled)
    assert references(settled, blobs) == set(blobs)


def test_the_content_decides_the_identity(report):
    file = File.from_local_sync(report)
    before = identity(TypeEngine.to_literal(file, File))
    report.write_text("changed")

    assert identity(TypeEngine.to_literal(file, File)) != before


def test_in_a_run_a_local_file_is_taken_as_it_is_now(report, blobs):
    with holding(blobs):
        file = File.from_local_sync(report)
    report.write_text("changed")

    with file.open_sync() as data:
        assert data.read() == b"a,b\n1,2\n"
    with pytest.raises(TypeTransformerFailedError, match="cannot be written"), file.open_sync("w"):
        pass


def test_new_files_are_made_where_the_run_keeps_its_data(blobs, tmp_path):
    with holding(blobs, RawDataPath(str(tmp_path / "raw"))):
        file = File.new_remote("out.csv")

    assert file.path.startswith(str(tmp_path / "raw"))
    assert not file.exists_sync()
    with pytest.raises(TypeTransformerFailedError, match="write it before it is passed on"):
        TypeEngine.settle(TypeEngine.to_literal(file, File), blobs)


def test_a_file_is_copied_to_an_address_on_request(report, tmp_path):
    file = File.from_local_sync(report, remote_destination=str(tmp_path / "there" / "x.csv"))

    assert (tmp_path / "there" / "x.csv").read_text() == report.read_text()
    assert file.path == str(tmp_path / "there" / "x.csv")


@pytest.mark.parametrize(
    "method",
    ["given", lambda path: f"size={path.stat().st_size}", hashlib.sha256()],
    ids=["text", "function", "hash"],
)
def test_a_hash_of_your_own_stands_for_the_content(report, method):
    file = File.from_local_sync(report, hash_method=method)
    sha = hashlib.sha256(report.read_bytes()).hexdigest()

    assert file.hash in {"given", "size=8", sha}
    assert TypeEngine.to_literal(File("s3://b/x", hash="h"), File).hash == "h"
    assert File.from_existing_remote("s3://b/x", "key").hash == "key"


def test_a_path_is_accepted_for_a_file(report):
    assert TypeEngine.to_python_value(TypeEngine.to_literal(report, File), File).path == str(report)
    with pytest.raises(TypeTransformerFailedError, match="expected File, got 5"):
        TypeEngine.to_literal(5, File)
    with pytest.raises(TypeError, match="path must be text"):
        File(5)


def test_a_file_that_is_gone_is_named(blobs):
    file = TypeEngine.to_python_value(Literal(Blob("blob://" + "0" * 32)), File)

    with holding(blobs), pytest.raises(StoreError, match="no longer in the store"), file.open_sync():
        pass


def test_a_folder_is_kept_with_all_its_files(folder, blobs, tmp_path):
    literal = TypeEngine.to_literal(Dir.from_local_sync(folder), Dir)
    settled = TypeEngine.settle(literal, blobs)
    with holding(blobs):
        found = TypeEngine.to_python_value(settled, Dir)
    target = found.download_sync(tmp_path / "copy")

    assert identity(literal) == identity(settled)
    assert found.name == "data"
    assert [file.name for file in found.walk_sync()] == ["a.txt", "b.csv"]
    assert [file.name for file in found.walk_sync(file_pattern="*.csv")] == ["b.csv"]
    assert [file.name for file in found.list_files_sync()] == ["a.txt"]
    assert found.get_file_sync("deep/b.csv").download_sync(tmp_path) == str(tmp_path / "b.csv")
    assert found.get_file_sync("nothing") is None
    assert (tmp_path / "copy" / "deep" / "b.csv").read_text() == "b"
    assert target == str(tmp_path / "copy")
    assert references(settled, blobs) == set(blobs)
    assert not found.is_empty()


async def test_folders_can_be_awaited(folder, tmp_path):
    found = await Dir.from_local(folder)

    assert [file.name async for file in found.walk(max_depth=1)] == ["a.txt"]
    assert [file.name for file in await found.list_files()] == ["a.txt"]
    assert (await found.get_file("a.txt")).path == str(folder / "a.txt")
    assert await found.download() == str(folder)
    assert await found.exists()
    assert Dir.new_remote().is_empty()


def test_in_a_run_a_local_folder_is_taken_as_it_is_now(folder, blobs):
    with holding(blobs):
        found = Dir.from_local_sync(folder)
        (folder / "a.txt").write_text("changed")
        copy = found.get_file_sync("a.txt")

    with copy.open_sync() as data:
        assert data.read() == b"a"


def test_the_identity_of_a_folder_is_of_names_and_contents(folder):
    found = Dir.from_local_sync(folder)
    before = identity(TypeEngine.to_literal(found, Dir))
    (folder / "a.txt").rename(folder / "c.txt")

    assert identity(TypeEngine.to_literal(found, Dir)) != before


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x"])
def test_a_list_of_files_does_not_lead_out_of_its_folder(name, blobs, tmp_path):
    digest = blobs.put(json.dumps([[name, blobs.put(b"x")]]).encode())
    with holding(blobs):
        found = Dir(f"blob://{digest}")

    with pytest.raises(TypeTransformerFailedError, match="leads out of the folder"):
        found.download_sync(tmp_path / "out")


@dataclass
class Result:
    file: File
    many: list[File]
    folder: Dir | None = None


class Model(BaseModel):
    file: File


def test_files_in_structures(report, folder, blobs):
    value = Result(File.from_local_sync(report), [File("s3://b/x", hash="h")], Dir.from_local_sync(folder))
    settled = TypeEngine.settle(TypeEngine.to_literal(value, Result), blobs)
    report.unlink()
    with holding(blobs):
        found = TypeEngine.to_python_value(settled, Result)

    with found.file.open_sync("r") as text:
        assert text.read() == "a,b\n1,2\n"
    assert found.file.name == "report of a.csv"
    assert found.many == value.many
    assert [file.name for file in found.folder.walk_sync()] == ["a.txt", "b.csv"]
    assert references(settled, blobs) == set(blobs)


def test_files_in_models():
    value = Model(file=File("s3://b/x.csv", hash="h"))

    assert TypeEngine.to_python_value(TypeEngine.to_literal(value, Model), Model) == value
    assert Model.model_validate({"file": {"path": "s3://b/x.csv"}}).file.name == "x.csv"


def test_addresses_of_other_places_are_passed_on_to_arrow(tmp_path):
    (tmp_path / "a b.txt").write_text("x")
    here = File((tmp_path / "a b.txt").as_uri())
    there = File("mock:///nowhere/x.txt")

    with here.open_sync("r") as text:
        assert text.read() == "x"
    assert here.exists_sync()
    assert not there.exists_sync()
    with pytest.raises(OSError, match="nowhere"), there.open_sync():
        pass
    literal = TypeEngine.to_literal(there, File)
    assert literal.value == Blob("mock:///nowhere/x.txt")
    assert TypeEngine.to_python_value(literal, File) == there
    assert {there: 1}[File("mock:///nowhere/x.txt")] == 1


async def test_what_an_open_file_offers_works_in_both_ways(report):
    async with File.from_local_sync(report).open("r") as text:
        assert list(text) == ["a,b\n", "1,2\n"]
        assert text.mode == "r"
        assert await text.flush() is None
        with text:
            assert text.seek(0) == 0


def test_a_folder_is_copied_to_an_address_on_request(folder, tmp_path, blobs):
    found = Dir.from_local_sync(folder, remote_destination=str(tmp_path / "there"))

    assert [file.name for file in found.walk_sync()] == ["a.txt", "b.csv"]
    with pytest.raises(NotADirectoryError, match="no folder"):
        Dir.from_local_sync(tmp_path / "nothing")
    with pytest.raises(TypeTransformerFailedError, match="make it before"):
        TypeEngine.settle(TypeEngine.to_literal(Dir(str(tmp_path / "nothing")), Dir), blobs)


def test_the_list_of_a_folder_that_is_gone_or_damaged_is_named(blobs):
    with holding(blobs):
        gone, damaged = Dir("blob://" + "0" * 32), Dir("blob://" + blobs.put(b"[[1]]"))

    with pytest.raises(TypeTransformerFailedError, match="no longer in the store"):
        gone.is_empty()
    with pytest.raises(TypeTransformerFailedError, match="damaged"):
        damaged.is_empty()


def test_a_map_without_a_path_is_no_file():
    with pytest.raises(ValueError, match="File as a map with its path"):
        Model.model_validate({"file": {"name": "x"}})
