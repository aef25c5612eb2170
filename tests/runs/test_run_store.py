"""The store takes what happens from any thread and gives it back as events, states, rows and lines."""

import os
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
import workers
from eventlogs import LOGS, Clock, simple, wide
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_jupyter.errors import RunNotFoundError, StoreError
from flyte_jupyter.runs.events import (
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    CacheChecked,
    Failure,
    RunStarted,
)
from flyte_jupyter.runs.state import Phase, fold
from flyte_jupyter.runs.store import RunStore


def append(store, events):
    events = list(events)
    for event in events:
        store.append(event)
    return events


def one_run(store, run, task="m.main", **values):
    e = Clock(run, values.pop("start", 1_700_000_000.0))
    append(store, e.begin(task, **values))
    return e


def simple_named(run):
    return [replace(event, run=run) for event in simple()]


@pytest.mark.parametrize("log", LOGS)
def test_events_come_back_as_they_were_appended(store, log):
    events = append(store, log())

    found = store.events("r1")

    assert [event for _, event in found] == events
    assert [number for number, _ in found] == list(range(1, len(events) + 1))
    assert store.state("r1") == fold(events)


def test_events_behind_a_number_are_only_those(store):
    events = append(store, wide(400))
    store.flush()

    for after in (0, 1, 511, 512, 513, len(events) - 1, len(events)):
        assert [event for _, event in store.events("r1", after)] == events[after:]
    assert store.last("r1") == len(events)


def test_numbers_rise_over_all_runs(store):
    one_run(store, "r1")
    store.flush()
    one_run(store, "r2")
    e = Clock("r1")
    store.append(e(ActionSucceeded))

    numbers = [n for run in ("r1", "r2") for n, _ in store.events(run)]

    assert sorted(numbers) == list(range(1, 6))
    assert store.last("r1") > store.last("r2") or store.last("r1") == 5


def test_a_state_moves_on_and_the_one_before_stays(store):
    e = one_run(store, "r1")
    before = store.state("r1")
    append(store, e.work("a1"))

    after = store.state("r1")

    assert list(before.actions) == ["a0"]
    assert list(after.actions) == ["a0", "a1"]
    assert after == fold(event for _, event in store.events("r1"))


def test_an_unknown_run_has_no_events_and_no_state(store):
    assert store.events("nothing") == []
    assert store.logs("nothing") == []
    assert store.last("nothing") == 0
    for ask in (store.state, store.run, store.over):
        with pytest.raises(RunNotFoundError, match="has no run 'nothing'"):
            ask("nothing")


def test_a_row_lists_what_a_run_is_and_how_much_happened(store):
    e = one_run(
        store,
        "r1",
        mode="hybrid",
        source={"notebook": "a.ipynb", "cell": "c"},
        labels={"team": "é"},
        rerun_of="r0",
    )
    append(store, e.work("a1"))
    append(store, e.queue("a2", parent="a0"))
    store.append(e(CacheChecked, "a2", status="hit", key="k"))
    store.append(e(ActionSucceeded, "a2"))
    append(store, e.queue("a3", parent="a0"))
    store.append(e(ActionFailed, "a3", failure=Failure(code="E", message="m")))
    store.append(e(ActionFailed, failure=Failure(code="E", message="m", kind="timeout")))

    row = store.run("r1")

    assert (row.task, row.mode, row.phase, row.notebook) == ("m.main", "hybrid", Phase.TIMED_OUT, "a.ipynb")
    assert (row.actions, row.done, row.failed, row.cached) == (4, 4, 2, 1)
    assert (row.labels, row.source["cell"], row.rerun_of) == ({"team": "é"}, "c", "r0")
    assert (row.started, row.ended) == (1_700_000_000.25, e.time)


def test_a_row_is_right_however_the_events_are_cut_into_batches(folder):
    events = [event for log in LOGS[:-1] for event in log()]
    whole, cut = RunStore(folder / "whole"), RunStore(folder / "cut")
    for n, log in enumerate(LOGS[:-1]):
        for event in log():
            named = replace(event, run=f"r{n}")
            whole.append(named)
            cut.append(named)
            cut.flush()

    for n in range(len(LOGS) - 1):
        assert whole.run(f"r{n}") == cut.run(f"r{n}")
        assert whole.run(f"r{n}").phase == whole.state(f"r{n}").phase
        assert whole.run(f"r{n}").ended == whole.state(f"r{n}").ended
    assert events
    whole.end()
    cut.end()


def test_runs_are_listed_newest_first_and_filtered(store):
    one_run(store, "r1", "m.load", start=10.0, source={"notebook": "a.ipynb"})
    e = one_run(store, "r2", "m.train", start=20.0, labels={"Team": "Wetter"})
    store.append(e(ActionSucceeded))
    one_run(store, "r3", "m.load", start=30.0, source={"notebook": "b.ipynb"})

    def names(**filters):
        return [row.name for row in store.runs(**filters)]

    assert names() == ["r3", "r2", "r1"]
    assert names(limit=1) == ["r3"]
    assert names(task="m.load") == ["r3", "r1"]
    assert names(notebook="a.ipynb") == ["r1"]
    assert names(phase="succeeded") == names(phase=Phase.SUCCEEDED) == ["r2"]
    assert names(text="wetter") == ["r2"]
    assert names(text="LOAD", notebook="b.ipynb") == ["r3"]
    assert names(text="no'thing%") == []


def test_log_lines_come_back_in_order_with_their_stream(store):
    one_run(store, "r1")
    store.log("r1", "a0", 1, "stdout", "one\n")
    store.log("r1", "a0", 1, "stderr", "two\n")
    store.log("r1", "a0", 1, "stdout", "three ")
    store.log("r1", "a0", 1, "stdout", "four\n")
    store.log("r1", "a1", 2, "stdout", "other\n")

    rows = store.logs("r1")

    assert [(r.action, r.attempt, r.stream, r.text) for r in rows] == [
        ("a0", 1, "stdout", "one\n"),
        ("a0", 1, "stderr", "two\n"),
        ("a0", 1, "stdout", "three four\n"),
        ("a1", 2, "stdout", "other\n"),
    ]
    assert [r.text for r in store.logs("r1", "a1", 2)] == ["other\n"]
    assert [r.text for r in store.logs("r1", after=rows[1].seq)] == ["three four\n", "other\n"]
    assert all(abs(r.time - time.time()) < 60 for r in rows)


lines = st.lists(st.sampled_from(["a\n", "bb\n", "\n", "partial ", "x\ny\n", "r\rs\n"]), max_size=30)


@settings(deadline=None, max_examples=30)
@given(parts=lines, cuts=st.sets(st.integers(0, 30)), tail=st.integers(0, 40))
def test_a_tail_is_the_last_lines_of_all_that_was_written(tmp_path_factory, parts, cuts, tail):
    store = RunStore(tmp_path_factory.mktemp("s"))
    for n, part in enumerate(parts):
        store.log("r1", "a0", 1, "stdout", part)
        if n in cuts:
            store.flush()
    whole = "".join(parts)

    found = "".join(row.text for row in store.logs("r1", tail=tail))

    ended = whole.split("\n")
    last = ended.pop()
    all_lines = [line + "\n" for line in ended] + ([last] if last else [])
    assert found == "".join(all_lines[len(all_lines) - tail :] if tail < len(all_lines) else all_lines)
    store.end()


def test_no_line_of_very_many_is_dropped(store):
    for n in range(20_000):
        store.log("r1", "a0", 1, "stdout", f"line {n}\n")

    text = "".join(row.text for row in store.logs("r1"))

    assert text == "".join(f"line {n}\n" for n in range(20_000))
    assert max(len(row.text) for row in store.logs("r1")) <= 1 << 16


def test_one_line_longer_than_a_row_is_kept_whole(store):
    line = "é" * 200_000 + "\n"
    store.log("r1", "a0", 1, "stdout", line)

    assert "".join(row.text for row in store.logs("r1")) == line
    assert "".join(row.text for row in store.logs("r1", tail=1)) == line


def test_odd_text_is_kept_and_never_raises(store):
    odd = "surrogate \udcff, nul \0, emoji 🛫\n"
    one_run(store, "r1", "m.\udcff", labels={"k\udcff": "v\0"}, source={"notebook": "\udcff.ipynb"})
    store.log("r1", "a0", 1, "stdout", odd)
    store.flush()

    assert store.logs("r1")[0].text == "surrogate \\udcff, nul \0, emoji 🛫\n"
    assert store.run("r1").labels == {"k\udcff": "v\0"}
    assert store.state("r1").labels == {"k\udcff": "v\0"}
    assert store.runs(task="m.\udcff")[0].name == "r1"


def test_an_event_that_cannot_be_kept_is_told_once_and_holds_nothing_up(store):
    class Broken:
        def __str__(self):
            raise RuntimeError("no text")

    e = one_run(store, "r1")
    store.append(e(ActionQueued, "a1", task="m.f", name="f", inputs=Broken()))
    store.append(RunStarted(run=2, action="a0", time=1.0, task="m.f"))
    store.append(RunStarted(run="r2", action="a0", time="now", task="m.f"))
    store.append(e(ActionSucceeded))

    with pytest.raises(StoreError, match="could not be recorded"):
        store.flush()
    store.flush()
    assert [type(event) for _, event in store.events("r1")] == [RunStarted, ActionQueued, ActionSucceeded]


def test_threads_append_at_once_and_nothing_is_lost(store):
    def work(thread):
        for n in range(500):
            store.append(ActionQueued(run="r1", action=f"a{thread}-{n}", time=float(n), task="t", name="t"))
            store.log("r1", f"a{thread}", 1, "stdout", f"{n}\n")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    names = [event.action for _, event in store.events("r1")]
    assert len(names) == len(set(names)) == 4000
    for thread in range(8):
        assert [n for n in names if n.startswith(f"a{thread}-")] == [f"a{thread}-{n}" for n in range(500)]
        assert "".join(r.text for r in store.logs("r1", f"a{thread}")) == "".join(
            f"{n}\n" for n in range(500)
        )


def test_one_process_has_one_store_for_a_folder(folder):
    one, other = RunStore.open(folder), RunStore.open(folder)

    assert one is other
    one.close()
    one_run(other, "r1")
    other.close()
    again = RunStore.open(folder)
    assert again is not one
    again.close()


def test_a_run_that_goes_on_is_interrupted_when_its_store_is_closed(folder):
    store = RunStore.open(folder)
    one_run(store, "r1")
    append(store, simple_named("r2"))
    store.close()

    again = RunStore.open(folder)
    assert again.run("r1").phase is Phase.INTERRUPTED
    assert again.state("r1").root.failure.message == "the process that drove it has ended"
    assert again.run("r2").phase is Phase.SUCCEEDED
    again.close()


def test_what_comes_in_after_the_end_is_read_in_by_the_next_process(folder):
    code = f"""
import os, time
from flyte_jupyter.runs.events import ActionSucceeded, RunStarted
from flyte_jupyter.runs.store import RunStore
store = RunStore({str(folder)!r})
store.append(RunStarted(run="r1", action="a0", time=1.0, task="m.main"))
store.end()
store.append(RunStarted(run="r2", action="a0", time=2.0, task="m.main"))
store.append(ActionSucceeded(run="r2", action="a0", time=3.0))
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=workers.ROOT)

    store = RunStore(folder)

    assert [event.kind for _, event in store.events("r1")] == ["run", "interrupted"]
    assert [event.kind for _, event in store.events("r2")] == ["run", "succeeded"]
    store.end()


def test_a_run_whose_journal_was_removed_is_interrupted(store, folder):
    one_run(store, "r1")
    store.flush()
    store.transact(lambda c: c.execute("UPDATE runs SET owner = 'jgone'"))

    store.recover()

    assert store.run("r1").phase is Phase.INTERRUPTED


def test_a_closed_store_leaves_no_journal(folder):
    store = RunStore.open(folder)
    append(store, simple())
    store.close()

    assert list((folder / "journal").iterdir()) == []
    assert sqlite3.connect(folder / "runs.db").execute("SELECT * FROM journals").fetchall() == []


def test_the_folder_is_private_and_ignored_by_git(store, folder):
    append(store, simple())
    store.flush()

    assert (folder / ".gitignore").read_text().startswith("*\n")
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_another_process_sees_what_this_one_wrote(store, folder):
    append(store, simple())
    store.flush()

    child = workers.start("show", folder, "r1", stdout=subprocess.PIPE)

    assert child.communicate()[0].strip() == "SUCCEEDED"


def test_a_forked_child_writes_a_journal_of_its_own(store, folder):
    one_run(store, "parent")
    pid = os.fork()
    if pid == 0:
        try:
            one_run(store, "child")
            store.flush()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    store.append(Clock("parent")(ActionSucceeded))

    assert len(store.events("parent")) == 3
    assert len(store.events("child")) == 2
    assert store.run("parent").phase is Phase.SUCCEEDED
    store.recover()
    assert store.run("child").phase is Phase.INTERRUPTED


def test_a_forked_child_that_lives_on_does_not_keep_its_parents_journal_locked(folder):
    code = f"""
import os, sys, time
from flyte_jupyter.runs.events import RunStarted
from flyte_jupyter.runs.store import RunStore
store = RunStore.open({str(folder)!r})
store.append(RunStarted(run="r1", action="a0", time=time.time(), task="m.main"))
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.readline()
    os._exit(0)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=workers.ROOT,
    )
    parent.stdout.readline()
    parent.wait()

    store = RunStore.open(folder)

    assert store.run("r1").phase is Phase.INTERRUPTED
    parent.stdin.close()
    parent.stdout.close()
    store.close()


def test_a_store_whose_files_were_removed_says_so_and_can_be_opened_anew(folder):
    import shutil

    store = RunStore.open(folder)
    append(store, simple())
    while folder.exists():  # the writer may put a file into it meanwhile
        shutil.rmtree(folder, ignore_errors=True)

    assert store.gone
    again = RunStore.open(folder)
    assert again is not store
    assert again.runs() == []
    again.close()
    store.end()


def test_small_runs_are_told_of_before_the_database_has_them(store):
    events = append(store, simple())

    with store._writer._drain._lock:  # who waited for the database now would wait for ever
        states = [store.state("r1"), store.state("r1")]
        lines = store.logs("r1")

    assert states == [fold(events)] * 2
    assert lines == []
    store.flush()
    assert store.state("r1") == fold(event for _, event in store.events("r1"))


def test_what_a_run_prints_is_read_after_its_first_line_too(store):
    begun, *rest = simple()
    append(store, [begun])
    assert store.logs("r1") == []

    store.log("r1", "a0", 1, "stdout", "one\n")
    append(store, [replace(begun, run="r2"), *rest])
    store.log("r1", "a0", 1, "stdout", "two\n")

    assert "".join(row.text for row in store.logs("r1")) == "one\ntwo\n"
    assert store.logs("r2") == []


@pytest.mark.parametrize("count", [250, 260, 2_000])
def test_a_run_that_grows_is_told_of_as_a_whole(store, count):
    events = append(store, wide(count))

    assert store.state("r1") == fold(events)
    more = append(store, [replace(events[-1], time=events[-1].time + 1)])
    assert store.state("r1") == fold(events + more)


def test_a_run_of_few_large_events_is_not_kept_in_memory(store):
    begun, *rest = simple()
    ended = ActionSucceeded(run="r1", action="a0", time=rest[-1].time, outputs=bytes(1 << 21))

    events = append(store, [begun, *rest[:-1], ended])

    assert store._writer.intake.recent.events("r1") is None
    assert store.state("r1") == fold(events)


def test_many_small_runs_do_not_stay_in_memory(store):
    for number in range(100):
        append(store, simple_named(f"n{number}"))
        store.log(f"n{number}", "a0", 1, "stdout", "x\n")

    recent = store._writer.intake.recent
    assert len(recent._runs) < 10
    assert len(recent._heard) < 10
    assert store.state("n0").phase is Phase.SUCCEEDED


def test_a_run_that_was_removed_is_not_told_of(store):
    append(store, simple_named("old"))
    append(store, simple_named("new"))

    store.gc(keep_runs=1)

    with pytest.raises(RunNotFoundError):
        store.state("old")
    assert store.state("new").name == "new"
