"""Runs to draw, as folds of their events."""

import random
from datetime import UTC

from flyte_jupyter.runs.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionSucceeded,
    AttemptFailed,
    AttemptStarted,
    CacheChecked,
    Failure,
    RunInterrupted,
    RunStarted,
)
from flyte_jupyter.runs.state import fold

START = 1_793_700_131.0
NOW = START + 20
ZONE = UTC
RUN = "r7k2m4qx9"

STRING = Failure(
    code="ValueError",
    message="could not convert string to float: 'N/A'",
    traceback="Traceback (most recent call last):\n"
    "  Cell In[7], line 12, in fit\n"
    "    model.fit(features, target)\n"
    "ValueError: could not convert string to float: 'N/A'",
)
RESET = Failure(code="ConnectionError", message="weather service: connection reset")


def begun(**fields):
    defaults = {"task": "flights.pipeline", "source": {"notebook": "quickstart.ipynb"}}
    return RunStarted(run=RUN, action="a0", time=START, **defaults | fields)


def queued(action, at, name, parent="a0", **fields):
    parent = parent if action != "a0" else None
    task = fields.pop("task", f"flights.{name}")
    return ActionQueued(
        run=RUN, action=action, time=START + at, task=task, name=name, parent=parent, **fields
    )


def started(action, at, attempt=1, place="thread"):
    return AttemptStarted(run=RUN, action=action, time=START + at, attempt=attempt, place=place)


def done(action, at):
    return ActionSucceeded(run=RUN, action=action, time=START + at)


def hit(action, at):
    checked = CacheChecked(run=RUN, action=action, time=START + at, status="hit", key="k")
    return [checked, done(action, at + 0.002)]


def stumbled(action, at, attempt, failure, retry_in=None):
    return AttemptFailed(
        run=RUN, action=action, time=START + at, attempt=attempt, failure=failure, retry_in=retry_in
    )


def failed(action, at, failure):
    return ActionFailed(run=RUN, action=action, time=START + at, failure=failure)


def aborted(action, at, reason):
    return ActionAborted(run=RUN, action=action, time=START + at, reason=reason)


def run_of(events):
    return fold(sorted(events, key=lambda event: event.time))


def simple():
    return run_of(
        [begun(task="hello.greet"), queued("a0", 0, "greet"), started("a0", 0.002), done("a0", 0.183)]
    )


def quickstart(until=None):
    """A pipeline of three steps, sixteen models of which twelve are cached, and an evaluation."""
    events = [begun(), queued("a0", 0, "pipeline"), started("a0", 0.004)]
    events += [queued("a1", 0.01, "load_flights"), *hit("a1", 0.013)]
    events += [queued("a2", 0.016, "clean"), *hit("a2", 0.019)]
    events += [queued("a3", 0.022, "join_weather"), started("a3", 0.032), done("a3", 0.462)]
    for i in range(16):
        name = f"b{i:02d}"
        events.append(queued(name, 0.464, "train", group="carriers"))
        if i % 4:
            events += hit(name, 0.468)
        else:
            events += [started(name, 0.484 + 0.04 * i), done(name, 1.2 + 0.06 * i)]
    events += [queued("c1", 2.0, "evaluate"), started("c1", 2.01), done("c1", 2.22), done("a0", 2.25)]
    return run_of(event for event in events if until is None or event.time <= START + until)


def retried():
    """An action that needs three attempts, one that fails, and one that is aborted for it."""
    return run_of(
        [
            begun(), queued("a0", 0, "pipeline"), started("a0", 0.01),
            queued("a1", 0.02, "load_flights"), started("a1", 0.03), done("a1", 0.6),
            queued("a2", 0.61, "fetch_weather"), started("a2", 0.65, 1, "process"),
            stumbled("a2", 1.2, 1, RESET, 0.5), started("a2", 1.7, 2, "process"),
            stumbled("a2", 2.1, 2, RESET, 1.0), started("a2", 3.1, 3, "process"), done("a2", 3.6),
            queued("a3", 0.62, "fetch_planes"), started("a3", 0.7), done("a3", 1.9),
            queued("a4", 3.61, "fit"), started("a4", 3.7, 1, "process"), stumbled("a4", 4.1, 1, STRING),
            failed("a4", 4.1, STRING), queued("a5", 3.61, "baseline"), started("a5", 3.7),
            aborted("a5", 4.12, "the run failed"), failed("a0", 4.13, STRING),
        ]
    )  # fmt: skip


def interrupted():
    events = [begun(), queued("a0", 0, "pipeline"), started("a0", 0.01)]
    events += [queued(f"b{i}", 0.7, "train") for i in range(8)]
    events += [started(f"b{i}", 0.8) for i in range(4)]
    gone = RunInterrupted(run=RUN, action="a0", time=START + 9, reason="the kernel is gone")
    return run_of([*events, done("b0", 2), gone])


def large_events(count=10_000):
    """A run of that many actions: a fifth cached, some failed."""
    dice = random.Random(1)
    events = [begun(), queued("a0", 0, "pipeline"), started("a0", 0.01)]
    for i in range(count - 2):
        at, name = 0.5 + i * 0.001, f"x{i:05d}"
        events.append(queued(name, at, "score" if i % 3 else "featurise"))
        if i % 5 == 0:
            events += hit(name, at + 0.001)
            continue
        took = 0.2 + dice.random() * 0.3
        events.append(started(name, at + 0.02))
        bad = i % 271 == 7
        events += [stumbled(name, at + took, 1, STRING), failed(name, at + took, STRING)] if bad else []
        events += [] if bad else [done(name, at + took)]
    end = 1.5 + count * 0.001
    events += [queued("z", end, "merge"), started("z", end + 0.01), done("z", end + 1), done("a0", end + 1.1)]
    return sorted(events, key=lambda event: event.time)


def chain(count=500):
    """Each action calls the next."""
    events = [begun(), queued("a0", 0, "step"), started("a0", 0)]
    for i in range(1, count):
        at = i / 1000
        events += [queued(f"a{i}", at, f"step{i % 7}", parent=f"a{i - 1}"), started(f"a{i}", at + 0.0005)]
    return run_of([*events, *(done(f"a{i}", 1 + (count - i) / 1000) for i in range(count))])
