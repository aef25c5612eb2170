"""The database has a version; what is newer, damaged or out of reach is one clear error."""

import sqlite3

import pytest
from eventlogs import simple

from flyte_jupyter.errors import StoreError
from flyte_jupyter.runs.folder import network
from flyte_jupyter.runs.results import Entry, ResultCache
from flyte_jupyter.runs.schema import STEPS, create
from flyte_jupyter.runs.store import RunStore


def filled(folder):
    store = RunStore(folder)
    for event in simple():
        store.append(event)
    ResultCache(store).put(Entry(key="k", task="m.f", outputs=b"\x80"))
    store.flush()
    store.end()
    return folder / "runs.db"


def test_a_new_store_has_the_newest_version(folder):
    with sqlite3.connect(filled(folder)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_an_older_store_is_brought_up_to_date_with_what_it_holds(folder):
    path = filled(folder)

    create(path, (*STEPS, "ALTER TABLE runs ADD COLUMN starred INTEGER NOT NULL DEFAULT 0"))

    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name, starred FROM runs").fetchall() == [("r1", 0)]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)
    connection.close()


def test_a_step_that_fails_leaves_the_store_as_it_was(folder):
    path = filled(folder)

    with pytest.raises(StoreError):
        create(path, (*STEPS, "ALTER TABLE runs ADD COLUMN starred INTEGER; ALTER TABLE nothing RENAME TO x"))

    store = RunStore(folder)
    assert len(store.events("r1")) == 4
    store.end()


def test_a_newer_store_is_refused(folder):
    path = filled(folder)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StoreError, match=r"has version 99.*reads up to \d+.*Upgrade"):
        RunStore(folder)


@pytest.mark.parametrize("kept", [10, 100, 5000])
def test_a_truncated_database_is_refused(folder, kept):
    path = filled(folder)
    path.write_bytes(path.read_bytes()[:kept])

    with pytest.raises(StoreError, match=r"runs\.db is damaged|cannot"):
        read(folder)


def read(folder):
    store = RunStore(folder)
    try:
        return store.runs(), store.events("r1"), ResultCache(store).get("k")
    finally:
        store.end()


def test_a_file_that_is_no_database_is_refused(folder):
    folder.mkdir()
    (folder / "runs.db").write_text("something else entirely, and long enough for a header\n" * 10)

    with pytest.raises(StoreError, match=r"runs\.db is damaged.*move it away"):
        RunStore(folder)


def test_damaged_events_are_an_error_and_never_wrong(folder):
    path = filled(folder)
    connection = sqlite3.connect(path)
    connection.execute(
        "UPDATE events SET body = CAST(substr(body, 1, 20) || x'7f' || substr(body, 22) AS BLOB)"
    )
    connection.commit()
    connection.close()

    store = RunStore(folder)
    with pytest.raises(StoreError, match="events of run r1 are not whole"):
        store.state("r1")
    store.end()


def test_any_damage_is_an_error_or_right_data(folder):
    path = filled(folder)
    whole = path.read_bytes()
    for place in range(0, len(whole), 997):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            _, events, found = read(folder)
        except StoreError:
            continue
        assert [event for _, event in events] in ([], list(simple()))
        assert found is None or found.outputs == b"\x80"


@pytest.mark.parametrize("place", ["file/store", "file"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=r"cannot be written: .*FLYTE_JUPYTER_HOME"):
        RunStore(tmp_path / place)


MOUNTS = """overlay / overlay rw 0 0
/dev/sda1 /home ext4 rw 0 0
server:/x /home/shared\\040data nfs4 rw 0 0
tmpfs /home/shared\\040data/fast tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/tmp/s", ""),
        ("/home/me/.flyte", ""),
        ("/home/shared data/p/.flyte", "nfs4"),
        ("/home/shared data/fast/x", ""),
    ],
)
def test_a_network_folder_is_known_by_its_mount(folder, kind):
    from pathlib import Path

    assert network(Path(folder), MOUNTS) == kind


def test_a_full_disk_is_told_and_nothing_is_lost_when_there_is_room_again(folder):
    store = RunStore(folder)
    store.flush()
    writing = store._writer._drain._connect()
    writing.execute("PRAGMA max_page_count = 40")
    big = Entry(key="big", task="m.f", outputs=b"x" * 60_000)
    cache = ResultCache(store)
    for n in range(10):
        cache.put(Entry(key=f"k{n}", task="m.f", outputs=bytes([n]) * 60_000))
    cache.put(big)
    for event in simple():
        store.append(event)

    with pytest.raises(StoreError, match="is full"):
        store.flush()
    with pytest.raises(StoreError, match="is full"):
        store.check()
    writing.execute("PRAGMA max_page_count = 1000000")
    store.flush()

    store.check()
    assert [event for _, event in store.events("r1")] == list(simple())
    assert cache.get("k9").outputs == bytes([9]) * 60_000
    store.end()


def test_what_could_not_be_written_is_read_in_by_the_next_process(folder):
    store = RunStore(folder)
    store.flush()
    store._writer._drain._connect().execute("PRAGMA max_page_count = 1")
    ResultCache(store).put(Entry(key="k", task="m.f", outputs=b"x" * 60_000))
    for event in simple():
        store.append(event)
    with pytest.raises(StoreError):
        store.flush()
    store.end()

    again = RunStore(folder)
    assert [event for _, event in again.events("r1")] == list(simple())
    again.end()
