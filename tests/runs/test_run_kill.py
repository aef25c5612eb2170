"""A kill at any moment loses nothing that was appended."""

import random
import signal
import time

import pytest
from workers import Progress, start

from flyte_jupyter.runs.events import ActionQueued
from flyte_jupyter.runs.results import ResultCache
from flyte_jupyter.runs.state import Phase
from flyte_jupyter.runs.store import RunStore


def until(true, seconds=60.0):
    """Look again and again until it is true; a child process has no other way to be waited for."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.001)


def check(folder, run, told):
    store = RunStore(folder)
    try:
        events = [event for _, event in store.events(run)]
        names = [event.action for event in events if event.kind == "queued"]
        cache = ResultCache(store)
        assert names == ["a0"] + [f"a{n}" for n in range(1, len(names))]  # in order, none twice, none missing
        assert len(names) - 1 >= told
        assert [e.inputs for e in events[2:-1]] == [b"x" * (n % 5000) for n in range(1, len(names))]
        assert events[-1].kind == "interrupted"
        assert all(cache.get(f"{run} a{n}").outputs == b"a%d" % n for n in range(1, told + 1))
        assert store.run(run).phase is Phase.INTERRUPTED
        assert store.run(run).actions == len(names)
        assert store.state(run).phase is Phase.INTERRUPTED
        assert list((folder / "journal").iterdir()) == []
    finally:
        store.end()


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_process_loses_nothing(tmp_path, seed):
    folder, progress = tmp_path / "store", Progress(tmp_path / "progress")
    producer = start("produce", folder, tmp_path / "progress", "r1")
    until(lambda: progress.read() > 0)
    time.sleep(random.Random(seed).random() * 0.1)  # the moment of the kill, not a wait for anything

    producer.send_signal(signal.SIGKILL)
    producer.wait()

    check(folder, "r1", progress.read())


@pytest.mark.parametrize("seed", range(3))
def test_those_who_read_in_a_journal_may_be_killed_and_may_be_many(tmp_path, seed):
    folder, progress = tmp_path / "store", Progress(tmp_path / "progress")
    producer = start("produce", folder, tmp_path / "progress", "r1")
    until(lambda: progress.read() > 500)
    producer.kill()
    producer.wait()

    readers = [start("look", folder) for _ in range(4)]
    time.sleep(0.05 * (seed + 3))  # the moment of the kill, not a wait for anything
    readers[0].kill()
    readers[1].kill()
    for reader in readers:
        reader.wait()

    assert [reader.returncode for reader in readers[2:]] == [0, 0]
    check(folder, "r1", progress.read())


def test_a_run_is_interrupted_when_its_process_is_gone_and_not_before(tmp_path):
    import subprocess

    child = start("begin", tmp_path, "r1", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdout.readline()
    store = RunStore(tmp_path)
    store.recover()
    assert store.events("r1") == [] or store.run("r1").ended is None

    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    store.recover()

    row = store.run("r1")
    assert row.phase is Phase.INTERRUPTED
    assert row.started <= row.ended <= time.time()
    assert store.state("r1").root.failure.message == "the process that drove it is gone"
    store.end()


def test_a_process_that_ends_well_interrupts_nothing(tmp_path):
    import subprocess

    child = start("begin", tmp_path, "r1", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.communicate("\n")

    store = RunStore(tmp_path)

    assert store.run("r1").phase is Phase.SUCCEEDED
    store.end()


def test_many_processes_write_at_once_and_nothing_is_lost(tmp_path):
    children = [start("finish", tmp_path, f"r{n}", 250) for n in range(8)]

    assert [child.wait() for child in children] == [0] * 8

    store = RunStore(tmp_path)
    for n in range(8):
        names = [event.action for _, event in store.events(f"r{n}") if event.kind == "queued"]
        assert names == [f"a{n}" for n in range(251)]
        assert (store.run(f"r{n}").actions, store.run(f"r{n}").done) == (251, 251)
        assert "".join(r.text for r in store.logs(f"r{n}")).count("\n") == 250
    seqs = sorted(number for n in range(8) for number, _ in store.events(f"r{n}"))
    assert seqs == list(range(1, len(seqs) + 1))
    store.end()


def test_an_interrupt_at_any_moment_loses_nothing(tmp_path):
    store, told, interrupts, armed = RunStore(tmp_path), set(), 0, False

    def ring(number, frame):
        nonlocal armed
        if armed and "coverage" not in frame.f_code.co_filename:  # whose lock would stay locked
            armed = False
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.0007)
    for number in range(100_000):
        try:
            armed = True
            store.append(ActionQueued(run="r1", action=f"a{number}", time=1.0, task="m.f", name="f"))
            told.add(f"a{number}")
            if number % 10 == 0:
                store.flush()
            armed = False
        except KeyboardInterrupt:
            interrupts += 1
        if interrupts == 100:
            break
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)

    names = [event.action for _, event in store.events("r1")]

    assert told <= set(names)
    assert len(names) == len(set(names))
    store.end()
