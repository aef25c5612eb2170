"""The blob store keeps bytes by hash."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.blobs import BlobStore, digest_of, name_of, uri_of
from flyte_jupyter.errors import StoreError


@pytest.fixture
def blobs(tmp_path):
    return BlobStore(tmp_path / "blobs")


@given(data=st.binary())
def test_what_is_put_can_be_got(data, tmp_path_factory):
    blobs = BlobStore(tmp_path_factory.getbasetemp() / "shared")

    digest = blobs.put(data)

    assert blobs.get(digest) == data
    assert bytes(blobs.open_mapped(digest)) == data
    assert blobs.size(digest) == len(data)


def test_the_same_bytes_have_the_same_name(blobs):
    assert blobs.put(b"a") == blobs.put(memoryview(b"a")) != blobs.put(b"b")
    assert sorted(blobs) == sorted({blobs.put(b"a"), blobs.put(b"b")})


def test_a_file_and_a_stream_give_the_digest_of_their_content(blobs, tmp_path):
    (tmp_path / "f").write_bytes(b"abc" * 1000)
    with blobs.writer() as out:
        for _ in range(1000):
            out.write(b"abc")

    assert blobs.put_file(tmp_path / "f") == out.digest == blobs.put(b"abc" * 1000)
    assert out.size == 3000


def test_a_failed_stream_leaves_nothing(blobs):
    with pytest.raises(TypeError), blobs.writer() as out:
        out.write("text")

    assert list(blobs) == []
    assert [p for p in blobs.folder.iterdir() if p.is_file()] == []


def test_a_missing_blob_is_a_key_error(blobs):
    for ask in (blobs.get, blobs.open_mapped, blobs.size):
        with pytest.raises(KeyError):
            ask("0" * 32)
    assert "0" * 32 not in blobs
    assert "../../etc/passwd" not in blobs
    with pytest.raises(KeyError):
        blobs.path("../" * 10 + "xx")


def test_a_damaged_blob_is_set_aside_and_can_be_written_again(blobs):
    digest = blobs.put(b"right")
    blobs.path(digest).write_bytes(b"wrong")

    with pytest.raises(KeyError, match="damaged"):
        blobs.get(digest)
    assert digest not in blobs
    assert blobs.put(b"right") == digest
    assert blobs.get(digest) == b"right"


def test_a_truncated_blob_is_replaced_by_putting_it_again(blobs):
    digest = blobs.put(b"right")
    blobs.path(digest).write_bytes(b"ri")

    blobs.put(b"right")

    assert blobs.get(digest) == b"right"


def test_a_writable_view_never_changes_the_blob(blobs):
    digest = blobs.put(b"right")

    view = blobs.open_mapped(digest, writable=True)
    view[0] = ord("X")

    assert blobs.get(digest) == b"right"


def test_files_are_private(blobs):
    digest = blobs.put(b"x")
    blobs.key()

    assert blobs.path(digest).stat().st_mode & 0o777 == 0o600
    assert blobs.folder.stat().st_mode & 0o777 == 0o700
    assert (blobs.folder / "key").stat().st_mode & 0o777 == 0o600


def test_the_key_is_made_once_and_signs(blobs):
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: BlobStore(blobs.folder).key(), range(32)))

    assert len(keys) == 1
    assert blobs.signed(blobs.sign(b"x"), b"x")
    assert not blobs.signed(blobs.sign(b"x"), b"y")


def test_a_key_that_others_can_read_is_refused(blobs):
    blobs.key()
    (blobs.folder / "key").chmod(0o644)

    with pytest.raises(StoreError, match="readable by you only"):
        BlobStore(blobs.folder).key()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; run as another user")
def test_a_read_only_folder_gives_one_clear_error(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(StoreError, match="cannot write"):
        BlobStore(tmp_path / "blobs").put(b"x")


def test_a_folder_that_is_a_file_gives_one_clear_error(tmp_path):
    (tmp_path / "f").write_text("")

    with pytest.raises(StoreError, match="cannot write"):
        BlobStore(tmp_path / "f").put(b"x")
    with pytest.raises(KeyError):
        BlobStore(tmp_path / "f").get("0" * 32)


def test_addresses_name_digests():
    assert digest_of(uri_of("a" * 32)) == "a" * 32
    assert digest_of("s3://b/x") is None
    assert digest_of("blob://../x") is None


def test_deleting_is_final_and_repeatable(blobs):
    digest = blobs.put(b"x")
    blobs.delete(digest)
    blobs.delete(digest)

    assert digest not in blobs


def test_a_blob_that_is_put_again_is_young_again(tmp_path):
    store = BlobStore(tmp_path)
    digest = store.put(b"again")
    os.utime(store.path(digest), (1, 1))

    store.put(b"again")

    assert store.path(digest).stat().st_mtime > 1


def test_a_stream_behaves_like_a_file(blobs):
    with blobs.writer() as out:
        out.write(b"abc")
        assert (out.tell(), out.closed, out.readable(), out.seekable(), out.writable()) == (
            3,
            False,
            False,
            False,
            True,
        )
        out.flush()
        out.close()

    assert out.closed
    assert blobs.get(out.digest) == b"abc"
    assert repr(blobs).startswith("BlobStore(")


def test_names_in_addresses_are_for_people():
    uri = uri_of("a" * 32, "my report/ä.csv")

    assert digest_of(uri) == "a" * 32
    assert name_of(uri) == "my report/ä.csv"
    assert name_of("/a/b") == ""


def test_a_blob_that_cannot_be_read_is_a_store_error(blobs):
    digest = blobs.put(b"x")
    blobs.path(digest).unlink()
    blobs.path(digest).mkdir()

    with pytest.raises(StoreError, match="cannot read blob"):
        blobs.get(digest)


def test_what_lies_in_the_folder_beside_the_blobs_is_no_blob(blobs):
    digest = blobs.put(b"x")
    (blobs.path(digest).parent / "notes.txt").write_text("")

    assert list(blobs) == [digest]
