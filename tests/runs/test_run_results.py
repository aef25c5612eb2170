"""Results by key: what is whole is found, what is not whole is a miss, one alone computes."""

import asyncio
import subprocess
import threading
import time
from dataclasses import replace

import pytest
import workers

from flyte_jupyter.runs.results import Entry, ResultCache
from flyte_jupyter.runs.store import RunStore


@pytest.fixture
def cache(store):
    return ResultCache(store)


ENTRY = Entry(
    key="k1", task="m.f", version="v1", inputs_digest="i1", outputs=b"\x81\xa2o0\x01", created=1e9, used=1e9,
    size=5, parts={"slice": {"f": "abc", "names": [1, None]}, "image": ""}, run="r1", action="a1",
)  # fmt: skip


def test_a_result_is_found_at_once_and_after_a_flush_and_by_another_process(cache, store, folder):
    cache.put(ENTRY)
    assert cache.get("k1") == ENTRY
    store.flush()
    assert cache.get("k1") == ENTRY
    other = RunStore(folder)
    assert ResultCache(other).get("k1") == ENTRY
    other.end()


def test_an_unknown_key_is_a_miss(cache):
    assert cache.get("nothing") is None


def test_a_later_result_takes_the_place_of_an_earlier_one(cache, store):
    cache.put(ENTRY)
    store.flush()
    cache.put(replace(ENTRY, outputs=b"new"))

    assert cache.get("k1").outputs == b"new"
    store.flush()
    assert cache.get("k1").outputs == b"new"


def test_large_outputs_are_kept_as_a_blob(cache, store):
    large = bytes(range(256)) * 1000
    cache.put(replace(ENTRY, outputs=large))

    assert cache.get("k1").outputs == large
    assert [store.blobs.get(digest) for digest in store.blobs] == [large]
    assert cache.entries()[0].outputs == large


def test_empty_outputs_are_outputs(cache, store):
    digest = store.blobs.put(b"data")
    cache.put(replace(ENTRY, outputs=b"", blobs=(digest,), size=7))

    assert cache.get("k1").outputs == b""


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_large_outputs_whose_blob_is_not_whole_are_a_miss(cache, store, how):
    cache.put(replace(ENTRY, outputs=b"x" * 100_000))
    (digest,) = store.blobs
    if how == "missing":
        store.blobs.delete(digest)
    else:
        store.blobs.path(digest).write_bytes(b"y" * 100_000)

    assert cache.get("k1") is None
    assert cache.entries() == []
    assert cache.nearest("m.f").parts == ENTRY.parts


def test_outputs_that_refer_to_a_blob_that_is_gone_are_a_miss(cache, store):
    digest = store.blobs.put(b"frame")
    cache.put(replace(ENTRY, outputs=b"\x81\xa2o0\xd9\x27blob://" + digest.encode()))
    assert cache.get("k1").blobs == (digest,)

    store.blobs.delete(digest)

    assert cache.get("k1") is None


def test_a_damaged_row_is_a_miss(cache, store):
    cache.put(ENTRY)
    store.flush()
    store.transact(lambda c: c.execute("UPDATE results SET body = CAST(substr(body, 2) || x'00' AS BLOB)"))

    assert cache.get("k1") is None


def test_hits_are_counted(cache, store):
    cache.put(ENTRY)
    for _ in range(3):
        cache.touch("k1")
    store.flush()

    found = cache.get("k1")

    assert found.hits == 3
    assert time.time() - found.used < 60


def test_entries_are_listed_newest_first_and_cleared_by_what_is_given(cache):
    now = time.time()
    for n in range(4):
        cache.put(replace(ENTRY, key=f"k{n}", task=f"t{n % 2}", created=now - 100 * (4 - n)))

    assert [e.key for e in cache.entries()] == ["k3", "k2", "k1", "k0"]
    assert [e.key for e in cache.entries("t1")] == ["k3", "k1"]
    assert cache.clear(task="t1", older_than=250) == 1
    assert cache.clear(key="k0") == 1
    assert [e.key for e in cache.entries()] == ["k3", "k2"]
    assert cache.clear() == 2
    assert cache.get("k3") is None


def test_the_nearest_result_has_the_same_inputs_else_the_same_version_else_is_the_newest(cache, store):
    for n, (inputs, version) in enumerate([("i1", "v1"), ("i1", "v2"), ("i2", "v1"), ("i3", "v3")]):
        cache.put(replace(ENTRY, key=f"k{n}", inputs_digest=inputs, version=version, created=1000.0 + n))
    store.flush()

    assert cache.nearest("m.f", "i1").key == "k1"
    assert cache.nearest("m.f", "i9", "v1").key == "k2"
    assert cache.nearest("m.f", "i9").key == "k3"
    assert cache.nearest("other") is None


def test_many_threads_ask_at_once(cache, store):
    for n in range(50):
        cache.put(replace(ENTRY, key=f"k{n}", outputs=b"%d" % n))
    store.flush()
    wrong = []

    def ask():
        wrong.extend(n for n in range(50) if cache.get(f"k{n}").outputs != b"%d" % n)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_of_many_threads_one_alone_computes(cache):
    computed = []

    def work():
        with cache.single_flight("key"):
            if cache.get("key") is None:
                computed.append(threading.get_ident())
                cache.put(replace(ENTRY, key="key"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(computed) == 1


async def test_of_many_coroutines_one_alone_computes_and_the_loop_is_never_blocked(cache):
    computed, most = [], 0.0

    async def work():
        async with cache.single_flight("key"):
            if cache.get("key") is None:
                await asyncio.sleep(0.05)
                computed.append(1)
                cache.put(replace(ENTRY, key="key"))

    async def watch():
        nonlocal most
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0)
            most = max(most, time.perf_counter() - began)

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(work() for _ in range(10)))
    watcher.cancel()

    assert computed == [1]
    assert most < 1.0


async def test_waiting_for_a_key_can_be_cancelled(cache):
    async with cache.single_flight("key"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), cache.single_flight("key"):
                pass
    async with cache.single_flight("key"):
        pass


async def test_different_keys_do_not_wait_for_each_other(cache):
    async with cache.single_flight("one"), cache.single_flight("other"):
        pass


def test_of_many_processes_one_alone_computes(tmp_path, folder):
    children = [workers.start("compute", folder, "key", tmp_path / "tally") for _ in range(4)]

    assert [child.wait() for child in children] == [0] * 4
    assert (tmp_path / "tally").read_text() == "computed\n"
    assert list((folder / "locks").iterdir()) == []


def test_a_holder_that_is_killed_frees_its_key(cache, folder):
    child = workers.start("hold", folder, "key", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout.readline() == "held\n"

    child.kill()
    with cache.single_flight("key"):
        pass

    child.communicate()
