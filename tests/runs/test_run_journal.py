"""A journal holds what the database does not have yet, and can be read when its process is gone."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_jupyter.runs import journal as journals
from flyte_jupyter.runs.journal import EVENT, RESULT, Journal, Record, paths, read, records


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path)
    yield made
    made.abandon()


def test_records_come_back_in_order_from_both_segments(journal, tmp_path):
    for n in range(3):
        journal.write(EVENT, "r1", b"%d" % n)
    journal.turn()
    journal.write(RESULT, "", b"later")

    found = read(tmp_path, journal.id)

    assert [(r.number, r.kind, r.run, r.body) for r in found] == [
        (1, EVENT, "r1", b"0"), (2, EVENT, "r1", b"1"), (3, EVENT, "r1", b"2"), (4, RESULT, "", b"later"),
    ]  # fmt: skip
    assert read(tmp_path, journal.id, after=3) == [Record(4, RESULT, "", b"later")]


def test_what_is_drained_is_overwritten_and_its_remains_are_not_read(journal, tmp_path):
    for n in range(100):
        journal.write(EVENT, "r1", b"x" * n)
    journal.drained(100)
    journal.write(EVENT, "r1", b"new")

    assert [r.body for r in read(tmp_path, journal.id, after=100)] == [b"new"]


def test_a_segment_takes_its_turn_only_when_it_is_drained(journal, tmp_path):
    journal.write(EVENT, "r", b"1")
    assert journal.turn() == 1
    journal.write(EVENT, "r", b"2")
    assert journal.turn() == 2  # the first is not drained: no turn
    journal.write(EVENT, "r", b"3")

    assert [r.body for r in read(tmp_path, journal.id)] == [b"1", b"2", b"3"]


@given(body=st.binary(max_size=300), cut=st.integers(0, 400), flip=st.integers(0, 400))
def test_a_torn_or_damaged_record_ends_the_segment(tmp_path_factory, body, cut, flip):
    folder = tmp_path_factory.mktemp("j")
    journal = Journal(folder)
    journal.write(EVENT, "r", b"first")
    journal.write(EVENT, "r", body)
    journal.abandon()
    data = bytearray(paths(folder, journal.id)[1].read_bytes())
    size = 8 + 11 + 1 + 5
    torn = bytes(data[: size + min(cut, 8 + 11 + len(body))])
    data[size + flip % (8 + 11 + 1 + len(body))] ^= 1

    assert [r.body for r in records(torn)] == [b"first"]
    assert [r.body for r in records(bytes(data))] == [b"first"]


@given(data=st.binary())
def test_any_bytes_are_read_without_an_error(data):
    assert list(records(data)) == [] or len(data) > 19


def test_large_records_grow_the_segment_which_shrinks_when_it_is_drained(journal, tmp_path):
    large = os.urandom(12 << 20)
    journal.write(EVENT, "r", b"small")
    journal.write(EVENT, "r", large)
    journal.write(EVENT, "r", b"after")

    assert [r.body for r in read(tmp_path, journal.id)] == [b"small", large, b"after"]
    journal.drained(3)
    assert paths(tmp_path, journal.id)[1].stat().st_size == 1 << 20


def test_nothing_is_mapped_where_the_disk_has_no_room_to_spare(tmp_path, monkeypatch):
    monkeypatch.setattr(journals, "_SPARE", 1 << 62)
    journal = Journal(tmp_path)

    for n in range(5):
        journal.write(EVENT, "r", b"x" * n * 400_000)

    assert [len(r.body) for r in read(tmp_path, journal.id)] == [n * 400_000 for n in range(5)]
    journal.drained(5)
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_closing_removes_a_drained_journal_and_keeps_another(tmp_path):
    drained, kept = Journal(tmp_path), Journal(tmp_path)
    drained.write(EVENT, "r", b"1")
    drained.drained(1)
    kept.write(EVENT, "r", b"2")

    drained.close()
    kept.close()

    assert {path.stem for path in tmp_path.iterdir()} == {kept.id}


def test_a_journal_that_was_never_written_has_no_files(tmp_path):
    Journal(tmp_path).close()

    assert list(tmp_path.iterdir()) == []


def test_files_are_private(journal, tmp_path):
    journal.write(EVENT, "r", b"1")

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_run_whose_name_is_no_unicode_is_kept(journal, tmp_path):
    journal.write(EVENT, "r\udcff", b"1")

    assert read(tmp_path, journal.id)[0].run == "r\udcff"
