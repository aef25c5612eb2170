"""What nothing refers to goes; what is referred to, young or unfinished stays."""

import os
import time

import pytest
from eventlogs import Clock

from flyte_jupyter.runs.events import ActionQueued, ActionSucceeded, ReportWritten
from flyte_jupyter.runs.results import Entry, ResultCache

OLD = time.time() - 7200


@pytest.fixture
def put(store):
    """Keep an old blob."""

    def keep(data, age=OLD):
        digest = store.blobs.put(data)
        os.utime(store.blobs.path(digest), (age, age))
        return digest

    return keep


def finished(store, run, start, **values):
    e = Clock(run, start)
    for event in e.begin():
        store.append(event)
    store.append(e(ActionQueued, "a1", task="m.f", name="f", parent="a0", **values))
    store.log(run, "a1", 1, "stdout", "x\n")
    store.append(e(ActionSucceeded))


def named(digest):
    return b"\x81\xa1x\xd9\x27blob://" + digest.encode()


def test_old_finished_runs_go_and_unfinished_ones_stay(store):
    for event in Clock("going on", 1.0).begin():
        store.append(event)
    for n in range(5):
        finished(store, f"r{n}", 1000.0 + 10 * n)

    swept = store.gc(keep_runs=2)

    assert swept.runs == 3
    assert [row.name for row in store.runs()] == ["r4", "r3", "going on"]
    assert store.events("r0") == store.logs("r0") == []
    assert len(store.events("r4")) == 4
    assert len(store.logs("r4")) == 1


def test_numbers_go_on_after_the_newest_events_were_removed(store):
    finished(store, "r1", 1000.0)
    last = store.last("r1")
    store.gc(keep_runs=0)
    finished(store, "r2", 1000.0)

    assert store.events("r2")[0][0] == last + 1


def test_a_blob_goes_when_nothing_refers_to_it(store, put):
    gone, young = put(b"gone"), put(b"young", time.time())
    inputs, report, cached = put(b"inputs"), put(b"report"), put(b"cached")
    finished(store, "r1", 1000.0, inputs=named(inputs))
    store.append(ReportWritten(run="r1", action="a0", time=1.0, blob=report))
    ResultCache(store).put(Entry(key="k", task="m.f", outputs=named(cached)))

    swept = store.gc(keep_runs=10)

    assert set(store.blobs) == {young, inputs, report, cached}
    assert (swept.blobs, swept.bytes) == (1, len(b"gone"))
    assert gone not in store.blobs


def test_a_blob_that_a_blob_refers_to_stays(store, put):
    inner = put(b"inner")
    middle = put(b"pickled: blob://" + inner.encode() + b" and more")
    outer = put(b"blob://" + middle.encode(), time.time())
    lone = put(b"nobody")

    store.gc(keep_runs=10)

    assert set(store.blobs) == {inner, middle, outer}
    assert lone not in store.blobs


def test_a_removed_runs_blobs_go_with_it(store, put):
    digest = put(b"inputs")
    finished(store, "r1", 1000.0, inputs=named(digest))

    store.gc(keep_runs=0)

    assert list(store.blobs) == []


def test_a_store_shrinks_to_what_it_may_be(store, put):
    cache = ResultCache(store)
    for n in range(20):
        cache.put(
            Entry(
                key=f"k{n}",
                task="m.f",
                outputs=named(put(bytes([n]) * 100_000)),
                created=OLD + n,
                used=OLD + n,
            )
        )
        finished(store, f"r{n}", 1000.0 + 10 * n)
    cache.put(Entry(key="new", task="m.f", outputs=named(put(b"n" * 100_000)), created=OLD))
    cache.touch("new")

    swept = store.gc(keep_runs=1000, max_bytes=1_000_000)

    kept = {entry.key for entry in cache.entries()}
    assert "new" in kept
    assert "k0" not in kept
    assert sum(map(store.blobs.size, store.blobs)) <= 1_000_000
    assert all(cache.get(key) for key in kept)
    assert swept.blobs >= 11


def test_the_database_gives_its_space_back(store, folder):
    finished(store, "r1", 1000.0)
    store.log("r1", "a1", 1, "stdout", "x" * 5_000_000)
    store.flush()

    store.gc(keep_runs=0)

    assert (folder / "runs.db").stat().st_size < 1_000_000


def test_what_is_still_too_much_but_young_stays(store):
    cache = ResultCache(store)
    cache.put(Entry(key="k", task="m.f", outputs=b"x" * 200_000))

    store.gc(keep_runs=1000, max_bytes=1)

    assert cache.get("k").outputs == b"x" * 200_000


def test_leftovers_of_killed_processes_go(store):
    store.blobs.put(b"something")
    left = store.blobs.temporary()
    left.write_bytes(b"half")
    os.utime(left, (OLD, OLD))
    fresh = store.blobs.temporary()
    fresh.write_bytes(b"half")
    store.transact(lambda c: c.execute("INSERT INTO journals VALUES ('jgone', 7)"))

    store.gc(keep_runs=1)

    assert not left.exists()
    assert fresh.exists()
    assert store.ask("SELECT id FROM journals WHERE id = 'jgone'") == []


def test_the_settings_say_how_much_to_keep(store, monkeypatch):
    monkeypatch.setenv("FLYTE_JUPYTER_KEEP_RUNS", "1")
    for n in range(3):
        finished(store, f"r{n}", 1000.0 + 10 * n)

    assert store.gc().runs == 2
