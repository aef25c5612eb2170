"""What the tests' child processes do. ``start`` runs one of these functions in a process of its own."""

import mmap
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

from flyte_jupyter.runs.events import ActionQueued, ActionSucceeded, RunStarted
from flyte_jupyter.runs.results import Entry, ResultCache
from flyte_jupyter.runs.store import RunStore

ROOT = Path(__file__).parents[2]


def start(name: str, *values: object, **options) -> subprocess.Popen:
    """Start a function of this file in a process of its own."""
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, __file__, name, *map(str, values)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, text=True, **options)


class Progress:
    """A number in a file that outlives a kill."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    def tell(self, number: int) -> None:
        self._map[:] = struct.pack("<Q", number)

    def read(self) -> int:
        return struct.unpack("<Q", self._map[:])[0]


def produce(folder: str, progress: str, run: str) -> None:
    """Append events and results for ever, telling after each how many there are."""
    store, told = RunStore.open(folder), Progress(Path(progress))
    cache = ResultCache(store)
    store.append(RunStarted(run=run, action="a0", time=time.time(), task="m.main"))
    store.append(ActionQueued(run=run, action="a0", time=time.time(), task="m.main", name="main"))
    number = 0
    while True:
        number += 1
        name = f"a{number}"
        more = {"task": "m.f", "name": "f", "parent": "a0", "inputs": b"x" * (number % 5000)}
        store.append(ActionQueued(run=run, action=name, time=time.time(), **more))
        cache.put(Entry(key=f"{run} {name}", task="m.f", outputs=name.encode()))
        store.log(run, name, 1, "stdout", f"line {number}\n")
        told.tell(number)


def finish(folder: str, run: str, actions: str) -> None:
    """Write one whole run and close the store."""
    store = RunStore.open(folder)
    store.append(RunStarted(run=run, action="a0", time=time.time(), task="m.main"))
    store.append(ActionQueued(run=run, action="a0", time=time.time(), task="m.main", name="main"))
    for number in range(int(actions)):
        name = f"a{number + 1}"
        store.append(ActionQueued(run=run, action=name, time=time.time(), task="m.f", name="f", parent="a0"))
        store.log(run, name, 1, "stdout", f"line {number}\n")
        store.append(ActionSucceeded(run=run, action=name, time=time.time(), outputs=b"\x80"))
        if number % 50 == 0:
            store.events(run)
    store.append(ActionSucceeded(run=run, action="a0", time=time.time()))
    store.flush()
    store.close()


def begin(folder: str, run: str) -> None:
    """Begin a run, say so, and wait to be killed or told to go."""
    store = RunStore.open(folder)
    store.append(RunStarted(run=run, action="a0", time=time.time(), task="m.main"))
    store.append(ActionQueued(run=run, action="a0", time=time.time(), task="m.main", name="main"))
    print("begun", flush=True)
    sys.stdin.readline()
    store.append(ActionSucceeded(run=run, action="a0", time=time.time()))
    store.close()


def show(folder: str, run: str) -> None:
    """Print a run's phase."""
    print(RunStore.open(folder).run(run).phase)


def look(folder: str) -> None:
    """Open the store, which reads in what others left, and close it."""
    RunStore.open(folder).close()


def compute(folder: str, key: str, tally: str) -> None:
    """Compute a key unless somebody has; note each computation."""
    cache = ResultCache(RunStore.open(folder))
    with cache.single_flight(key):
        if cache.get(key) is None:
            with Path(tally).open("a") as file:
                file.write("computed\n")
            cache.put(Entry(key=key, task="m.f", outputs=b"\x80"))


def hold(folder: str, key: str) -> None:
    """Hold a key's lock until killed."""
    with ResultCache(RunStore.open(folder)).single_flight(key):
        print("held", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
