"""A process may fork at any moment: parent and children go on recording."""

import os
import threading
import traceback
from dataclasses import replace

from eventlogs import simple

from flyte_jupyter import guards
from flyte_jupyter.runs.action import Phase
from flyte_jupyter.runs.forks import Gate
from flyte_jupyter.runs.store import RunStore

CHILDREN = 20


def record(store, run):
    for event in simple():
        store.append(replace(event, run=run))
    assert store.state(run).root.phase is Phase.SUCCEEDED


def forked(work):
    """Do some work in a forked child; gives its number."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc()  # nothing else would tell
    finally:
        os._exit(status)


def test_children_forked_in_the_middle_of_writing_and_reading_record_too(tmp_path):
    store, over = RunStore.open(tmp_path / "store"), threading.Event()

    def busy(name):
        number = 0
        while not over.is_set():
            record(store, f"{name}-{number}")
            number += 1
            over.wait(0.001)  # so that a slow machine need not write more than it can

    threads = [threading.Thread(target=busy, args=(f"busy{n}",)) for n in range(2)]
    for thread in threads:
        thread.start()
    children = []
    for number in range(CHILDREN):
        children.append(forked(lambda name=f"child{number}": (record(store, name), store.flush())))
        record(store, f"parent{number}")
    statuses = [os.waitpid(child, 0)[1] for child in children]
    over.set()
    for thread in threads:
        thread.join()

    assert statuses == [0] * CHILDREN
    store.flush()
    for name in (f"{who}{n}" for who in ("child", "parent") for n in range(CHILDREN)):
        assert store.run(name).phase == "SUCCEEDED"
    store.close()


def test_a_child_holds_no_files_of_its_parents_database(tmp_path):
    store = RunStore.open(tmp_path / "store")
    record(store, "before")

    def look():
        links = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        assert not [link for link in links if "runs.db" in link]

    assert os.waitpid(forked(look), 0)[1] == 0
    assert [row.name for row in store.runs()] == ["before"]
    store.close()


def test_a_gate_is_entered_again_by_who_is_inside_and_by_nobody_else_while_it_is_shut():
    gate, inside, go_on = Gate(), threading.Event(), threading.Event()
    order = []

    def user():
        with gate:
            inside.set()
            go_on.wait(5)
            with gate:
                order.append("user")

    thread = threading.Thread(target=user)
    thread.start()
    inside.wait(5)
    threading.Timer(0.05, go_on.set).start()

    assert gate.shut()
    order.append("fork")
    late = threading.Thread(target=lambda: gate.__enter__() or order.append("late"))
    late.start()
    order.append("over")
    gate.open()
    late.join(5)
    thread.join(5)
    assert order == ["user", "fork", "over", "late"]


def test_guards_that_others_hold_are_free_in_a_child():
    lock, held, go_on = guards.guard(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            go_on.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    assert lock.locked()
    guards.free()
    assert lock.acquire(timeout=1)  # as the child would
    go_on.set()
    thread.join(5)
