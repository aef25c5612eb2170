"""Checkpoints: what an attempt saves, the next one finds."""

import os

import pytest

from flyte_jupyter.tasks.checkpoint import Checkpoint, latest_checkpoint


def test_nothing_is_found_in_the_first_attempt(tmp_path):
    checkpoint = Checkpoint(tmp_path / "1")

    assert checkpoint.load_sync() is None
    assert not checkpoint.prev_exists()


@pytest.mark.parametrize("kind", ["bytes", "file", "folder"])
def test_bytes_files_and_folders_are_saved_and_found(tmp_path, kind):
    source = tmp_path / "source"
    if kind == "folder":
        source.mkdir()
        (source / "a").write_text("data")
    else:
        source.write_text("data")

    Checkpoint(tmp_path / "c" / "1").save_sync(b"data" if kind == "bytes" else source)
    found = Checkpoint(tmp_path / "c" / "2", tmp_path / "c" / "1").load_sync()

    assert (found / "a" if kind == "folder" else found).read_text() == "data"


def test_saving_again_replaces_what_was_there(tmp_path):
    checkpoint = Checkpoint(tmp_path / "1")
    folder = tmp_path / "folder"
    folder.mkdir()

    for data in (b"one", folder, b"three", str(folder)):
        checkpoint.save_sync(data)

    assert checkpoint.path.is_dir()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_newest_of_all_earlier_attempts_counts(tmp_path):
    Checkpoint(tmp_path / "1").save_sync(b"one")
    Checkpoint(tmp_path / "2").save_sync(b"two")

    assert Checkpoint(tmp_path / "5", tmp_path / "4").load_sync().read_bytes() == b"two"
    assert Checkpoint(tmp_path / "x", tmp_path / "named").load_sync() is None
    (tmp_path / "named").write_text("x")
    assert Checkpoint(tmp_path / "x", tmp_path / "named").prev_exists()


async def test_saving_and_loading_can_be_awaited(tmp_path):
    await Checkpoint(tmp_path / "1").save(b"one")

    assert (await Checkpoint(tmp_path / "2", tmp_path / "1").load()).read_bytes() == b"one"


def test_the_newest_file_of_a_pattern_is_found(tmp_path):
    for n, name in enumerate(("b", "a", "c")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last.ckpt").write_text(name)
        os.utime(tmp_path / name / "last.ckpt", (n, 10 - n))

    assert latest_checkpoint(tmp_path).parent.name == "b"
    assert latest_checkpoint(tmp_path, "*.pt") is None
