"""Kernels of one user share a machine: what one holds is not handed out by another."""

import json
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.engine.machine import Gpu, Machine
from flyte_jupyter.engine.neighbours import Held, Neighbours, neighbours
from flyte_jupyter.engine.room import Need, Room

GPUS = (Gpu("0", "Tesla T4"), Gpu("1", "Tesla T4"))


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "kernels"
    path.mkdir(mode=0o700)
    return path


class Kernel:
    """Another kernel, in a process of its own: takes and leaves what it is told."""

    CODE = textwrap.dedent("""
        import sys
        from pathlib import Path
        from flyte_jupyter.engine.machine import Gpu, Machine
        from flyte_jupyter.engine.neighbours import Neighbours
        from flyte_jupyter.engine.room import Need, Room
        gpus = (Gpu("0", "Tesla T4"), Gpu("1", "Tesla T4"))
        room = Room(Machine(cpu=2000, memory=2**30, gpus=gpus), 1.0, Neighbours(Path(sys.argv[1])))
        claims = []
        for line in sys.stdin:
            word, *numbers = line.split()
            if word == "take":
                claims.append(room.ask(Need(*map(int, numbers)), lambda: None))
                print(int(claims[-1].granted), flush=True)
            else:
                room.leave(claims.pop(0))
                print("left", flush=True)
    """)

    def __init__(self, folder):
        command = [sys.executable, "-c", self.CODE, str(folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, order):
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def room(folder):
    return Room(Machine(cpu=2000, memory=2**30, gpus=GPUS), 1.0, Neighbours(folder))


def ask(room, need):
    granted = threading.Event()
    return room.ask(need, granted.set), granted


def held(folder):
    """What all files say that is held, the newest first."""
    paths = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_text() or "{}") for path in reversed(paths)]


@pytest.fixture
def kernel(folder):
    """Another kernel; as a child of this process it counts here, and this process does not count there."""
    started = Kernel(folder)
    yield started
    started.end()


@pytest.mark.parametrize(
    ("order", "need"),
    [("take 1500", Need(cpu=1000)), ("take 0 900000000", Need(memory=2**29)), ("take 0 0 1", Need(gpus=2))],
)
def test_what_another_kernel_holds_is_waited_for(kernel, room, order, need):
    assert kernel(order) == "1"

    claim, granted = ask(room, need)
    assert not claim.granted
    assert kernel("leave") == "left"

    assert granted.wait(5)
    assert claim.granted
    room.leave(claim)


def test_two_kernels_share_what_is_enough_for_both(kernel, room):
    assert kernel("take 1000 0 1") == "1"

    claim, _ = ask(room, Need(cpu=1000, gpus=1))

    assert claim.granted
    assert [gpu.index for gpu in claim.gpus] == ["1"]
    room.leave(claim)


def test_what_a_kernel_held_is_free_when_it_dies(kernel, room, folder):
    assert kernel("take 2000") == "1"
    claim, granted = ask(room, Need(cpu=2000))
    assert not claim.granted

    kernel.end()

    assert granted.wait(5)
    room.leave(claim)
    assert len(list(folder.glob("*.json"))) == 1


def test_a_large_request_is_met_although_others_keep_asking(kernel, folder, room):
    claim, _ = ask(room, Need(cpu=1000))
    other = Room(Machine(cpu=2000, memory=2**30, gpus=GPUS), 1.0, Neighbours(folder))
    large, granted = ask(other, Need(cpu=2000))
    assert not large.granted

    small, got = ask(room, Need(cpu=1000))
    assert not small.granted, "who came later does not overtake"
    room.leave(claim)
    assert granted.wait(5)
    other.leave(large)
    assert got.wait(5)
    room.leave(small)


def test_who_waits_and_is_halted_stops_nobody_for_long(folder, room):
    path = folder / f"{os.getppid()}-halted.json"
    path.write_text(json.dumps({"cpu": 0, "memory": 0, "gpus": [], "since": 1.0}))
    os.utime(path, (time.time() - 60,) * 2)

    claim, _ = ask(room, Need(cpu=1000))

    assert claim.granted
    room.leave(claim)


def test_what_a_process_waits_for_is_not_in_its_own_way(folder):
    code = textwrap.dedent("""
        import subprocess, sys
        from pathlib import Path
        from flyte_jupyter.engine.machine import Machine
        from flyte_jupyter.engine.neighbours import Neighbours
        from flyte_jupyter.engine.room import Need, Room
        room = Room(Machine(cpu=2000, memory=2**30, gpus=()), 1.0, Neighbours(Path(sys.argv[1])))
        claim = room.ask(Need(cpu=2000), lambda: None)
        print(int(claim.granted), flush=True)
        if len(sys.argv) == 3:
            subprocess.run([sys.executable, "-c", sys.argv[2], sys.argv[1]], check=True)
    """)
    command = [sys.executable, "-c", code, str(folder), code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stdout.split() == ["1", "1"], done.stderr


def test_a_damaged_file_and_a_missing_folder_are_no_harm(folder, room, kernel):
    assert kernel("take 2000") == "1"
    for path in folder.glob("*.json"):
        path.write_text("{not json")

    claim, _ = ask(room, Need(cpu=2000))
    assert claim.granted
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    room.leave(claim)
    again, _ = ask(room, Need(cpu=2000))
    assert again.granted


def test_the_folder_is_private_and_workers_have_none(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / f"flyte-jupyter-kernels-{os.getuid()}"

    assert neighbours() is not None
    assert folder.stat().st_mode & 0o777 == 0o700

    folder.chmod(0o755)
    assert neighbours() is None, "others could write there"

    folder.chmod(0o700)
    monkeypatch.setenv(TOKEN, "x")
    assert neighbours() is None


def test_who_is_alone_is_seen_by_who_comes_later(folder):
    first, second = (
        Room(Machine(cpu=2000, memory=2**30, gpus=()), 1.0, Neighbours(folder)) for _ in range(2)
    )
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:  # then it is known to be alone
        first.leave(first.ask(Need(cpu=1), lambda: None))
    claim = first.ask(Need(cpu=1500), lambda: None)

    assert held(folder)[0]["cpu"] == 1500
    later, granted = ask(second, Need(cpu=1000))
    assert not later.granted
    first.leave(claim)
    assert granted.wait(5)
    assert not first.ask(Need(cpu=1500), lambda: None).granted
    second.leave(later)


def test_holdings_are_added_up():
    assert Held(1, 2, ("0",), 5.0) + Held(1, 0, ("1",), 4.0) == Held(2, 2, ("0", "1"), 4.0)
    assert (Held(since=5.0) + Held()).since == 5.0
