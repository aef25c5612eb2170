"""Event logs of many kinds of runs. ``python -m tests.runs.eventlogs`` writes the golden files anew."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from flyte_jupyter.runs.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptFailed,
    AttemptStarted,
    AttemptUsed,
    CacheChecked,
    Event,
    Failure,
    ImageStep,
    PlaceCompared,
    ReportWritten,
    RunInterrupted,
    RunStarted,
    to_json,
)
from flyte_jupyter.runs.state import fold, to_plain

GOLDEN = Path(__file__).parent.parent / "golden"
T = 1_700_000_000.0
NOTHING: Mapping[str, str] = {}


class Clock:
    """Makes events of one run, each a quarter of a second after the one before."""

    def __init__(self, run: str = "r1", start: float = T) -> None:
        self.run = run
        self.time = start

    def __call__(self, kind: type[Event], action: str = "a0", /, **values) -> Event:
        self.time += 0.25
        return kind(run=self.run, action=action, time=self.time, **values)

    def begin(
        self, task: str = "flights.main", asked: Mapping[str, str] = NOTHING, **values
    ) -> Iterator[Event]:
        yield self(RunStarted, task=task, **values)
        yield from self.queue("a0", task=task, asked=asked)

    def queue(
        self, action: str, task: str = "flights.f", parent: str | None = None, **values
    ) -> Iterator[Event]:
        yield self(ActionQueued, action, task=task, name=task.rpartition(".")[2], parent=parent, **values)

    def work(self, action: str, task: str = "flights.f", parent: str = "a0", **values) -> Iterator[Event]:
        yield from self.queue(action, task, parent, **values)
        yield self(AttemptStarted, action, attempt=1)
        yield self(ActionSucceeded, action, outputs=b"\x81\xa2o0\x01")


def simple() -> Iterator[Event]:
    e = Clock()
    yield from e.begin(
        source={"notebook": "flights.ipynb", "cell": "c1", "host": "h", "pid": "7"},
        labels={"team": "weather"}, environment={"python": "3.11.7"},
    )  # fmt: skip
    yield e(AttemptStarted, attempt=1)
    yield e(ActionSucceeded, outputs=b"\x81\xa2o0\xc0")


def nested() -> Iterator[Event]:
    e = Clock()
    yield from e.begin()
    yield e(AttemptStarted, attempt=1)
    yield from e.queue("a1", "flights.clean", "a0", inputs=b"\x80")
    yield e(AttemptStarted, "a1", attempt=1, place="process")
    for n in (2, 3):
        yield from e.work(f"a{n}", "flights.clean_one", "a1", group="airports")
    yield from e.work("a4", "log", "a1", what="trace")
    yield e(ActionSucceeded, "a1", outputs=b"\x80")
    yield from e.work("a5", "flights.train", "a0", group="models")
    yield e(ReportWritten, blob="0" * 32, tabs=("main", "Größe"))
    yield e(ActionSucceeded)


def retries() -> Iterator[Event]:
    e = Clock()
    wrong = Failure(code="ValueError", message="no such airport: 'XXX'", traceback="  File cell 3, line 2\n")
    yield from e.begin()
    yield e(AttemptStarted, attempt=1)
    yield e(AttemptFailed, attempt=1, failure=wrong, retry_in=0.5)
    yield e(AttemptStarted, attempt=2, place="process")
    yield e(
        AttemptFailed, attempt=2, failure=Failure(code="OOMError", message="", kind="system"), retry_in=0.0
    )
    yield e(AttemptFailed, attempt=3, failure=Failure(code="SpawnError", message="no place", kind="system"))
    yield e(ActionFailed, failure=wrong)


def timeout() -> Iterator[Event]:
    e = Clock()
    slow = Failure(code="MaxRuntimeExceededError", message="longer than 1 s", kind="timeout")
    yield from e.begin()
    yield e(AttemptStarted, attempt=1)
    yield from e.queue("a1", parent="a0")
    yield e(AttemptStarted, "a1", attempt=1)
    yield e(AttemptFailed, "a1", attempt=1, failure=slow)
    yield e(ActionFailed, "a1", failure=slow)
    yield e(ActionSucceeded, "a1", outputs=b"\x80")  # late: thrown away
    yield e(ActionFailed, failure=slow)


def cache() -> Iterator[Event]:
    e = Clock()
    yield from e.begin(labels={}, rerun_of="r0")
    yield e(CacheChecked, status="disabled")
    yield e(AttemptStarted, attempt=1)
    yield from e.queue("a1", parent="a0", version="v1")
    yield e(CacheChecked, "a1", status="hit", key="f" * 32)
    yield e(ActionSucceeded, "a1", outputs=b"\x80")
    yield from e.queue("a2", parent="a0", version="v2")
    yield e(CacheChecked, "a2", status="miss", key="e" * 32, reason="the body of clean changed")
    yield e(AttemptStarted, "a2", attempt=1)
    yield e(ActionSucceeded, "a2", outputs=b"\x81\xa2o0\xca\x00\x00\x00\x00")
    yield from e.queue("a3", parent="a0", version="v2")
    yield e(CacheChecked, "a3", status="refresh", key="d" * 32)
    yield e(AttemptStarted, "a3", attempt=1)
    yield e(ActionSucceeded, "a3")
    yield e(ActionSucceeded)


def aborted() -> Iterator[Event]:
    e = Clock()
    yield from e.begin(mode="hybrid")
    yield e(AttemptStarted, attempt=1)
    yield from e.queue("a1", parent="a0")
    yield e(AttemptStarted, "a1", attempt=1)
    yield from e.queue("a2", parent="a0")
    for action in ("a1", "a2", "a0"):
        yield e(ActionAborted, action, reason="interrupted in cell 4")


def interrupted() -> Iterator[Event]:
    e = Clock()
    yield from e.begin()
    yield e(AttemptStarted, attempt=1)
    yield from e.work("a1")
    yield from e.queue("a2", parent="a0")
    yield e(AttemptStarted, "a2", attempt=1)
    yield from e.queue("a3", parent="a0")
    yield e(RunInterrupted, reason="the process that drove it is gone")


def again() -> Iterator[Event]:
    """An action that ended is queued again: it starts over."""
    e = Clock()
    yield from e.begin()
    yield e(AttemptStarted, attempt=1)
    yield from e.queue("a1", parent="a0")
    yield e(AttemptStarted, "a1", attempt=1)
    yield e(ActionFailed, "a1", failure=Failure(code="KeyError", message="'x'"))
    yield from e.queue("a1", parent="a0", inputs=b"\x80")
    yield e(AttemptStarted, "a1", attempt=1, place="container")
    yield e(ActionSucceeded, "a1")


def unfinished() -> Iterator[Event]:
    """The log as it is while the run goes on; its first events are lost."""
    e = Clock()
    yield e(AttemptStarted, "a1", attempt=1)
    yield from e.queue("a2", parent="a1")


def image() -> Iterator[Event]:
    """An action whose image is built first: one step cached, one that ran; then pushed."""
    e = Clock()
    name = "localhost:5000/me/app:0123"
    yield from e.begin()
    yield e(ImageStep, image=name, status="building")
    for step, status, layer, seconds in ((1, "cached", "", 0.0), (2, "ran", "pip", 2.5)):
        told = {"image": name, "step": step, "steps": 2, "layer": layer, "command": f"RUN {layer}"}
        yield e(ImageStep, status="running", **told)
        yield e(ImageStep, status=status, seconds=seconds, **told)
    yield e(ImageStep, status="ran", seconds=2.5, size=1000, **told)
    yield e(ImageStep, image=name, status="built", seconds=3.0, size=5000)
    yield e(ImageStep, image=name, status="pushing")
    yield e(ImageStep, image=name, status="pushed", seconds=1.0)
    yield e(AttemptStarted, attempt=1, place="container")
    yield e(ActionSucceeded)


def measured() -> Iterator[Event]:
    """Actions that ask for something and were measured: in a worker in full, on a thread in part."""
    e = Clock()
    yield from e.begin(asked={"cpu": "500m"})
    yield e(AttemptStarted, attempt=1)
    yield from e.queue("a1", parent="a0", asked={"cpu": "2", "memory": "4Gi", "gpu": "T4:1"})
    yield e(AttemptStarted, "a1", attempt=1, place="process")
    yield e(
        AttemptUsed, "a1", attempt=1, cpu=1.5, peak=1 << 30, limits={"memory": "4Gi, cgroup v1"},
        read=1 << 20, written=4096, gpu=0.25, gpu_memory=1 << 31,
    )  # fmt: skip
    yield e(AttemptFailed, "a1", attempt=1, failure=Failure(code="KeyError", message="'x'"), retry_in=0.0)
    yield e(AttemptStarted, "a1", attempt=2, place="process")
    yield e(AttemptUsed, "a1", attempt=2, cpu=0.0, peak=5000)
    yield e(ActionSucceeded, "a1")
    yield from e.queue("a2", parent="a0", asked={"memory": "1Mi"})
    yield e(ActionSucceeded, "a2")
    yield from e.queue("a2", parent="a0")
    differing = {"here": {"python": "3.11.7", "variable HOME": "set"}, "there": {"python": "3.11.2"}}
    yield e(PlaceCompared, "a1", task="flights.f", place="container", image="app:1", **differing)
    yield e(AttemptUsed, attempt=1, cpu=0.75, written=10)
    yield e(AttemptUsed, attempt=2, cpu=9.0)  # of no attempt that began
    yield e(ActionSucceeded)


LOGS = (simple, nested, retries, timeout, cache, aborted, interrupted, again, unfinished, image, measured)


def wide(children: int, run: str = "r1") -> Iterator[Event]:
    """Many children of one root."""
    e = Clock(run)
    yield from e.begin()
    yield e(AttemptStarted, attempt=1)
    for n in range(children):
        yield from e.work(f"a{n + 1}", inputs=b"\x81\xa1x\x01")
    yield e(ActionSucceeded)


def write() -> None:
    """Write the golden files."""
    for log in LOGS:
        events = list(log())
        (GOLDEN / f"{log.__name__}.events.jsonl").write_text("".join(to_json(e) + "\n" for e in events))
        state = json.dumps(to_plain(fold(events)), indent=1)
        (GOLDEN / f"{log.__name__}.state.json").write_text(state + "\n")


if __name__ == "__main__":
    write()
