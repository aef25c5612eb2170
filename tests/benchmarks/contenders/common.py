"""Works that contenders share, and the data that they work on."""

import dataclasses
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def home() -> Path:
    """A folder for this session."""
    return Path(os.environ["BENCHMARK_HOME"])


def script(text: str) -> float:
    """Seconds of a script in a new interpreter, beyond those of an interpreter that does nothing."""
    return _seconds(text) - _seconds("pass")


def told(text: str) -> float:
    """The least number that a script in a new interpreter prints."""
    command = [sys.executable, "-c", text]
    return min(float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(3))


def _seconds(text: str) -> float:
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", text], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        best = min(best, time.perf_counter() - begin)
    return best


def timed(work, expected=None) -> float:
    """Seconds of a call; its result is checked."""
    begin = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - begin
    if expected is not None:
        assert result == expected, (result, expected)
    return seconds


def peak() -> float:
    """The most memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def frame(megabytes: int):
    """A frame of floats, integers and a little text."""
    import numpy as np
    import pandas as pd

    rows = megabytes * 1_000_000 // 80
    random = np.random.default_rng(0)
    data = {f"x{n}": random.random(rows) for n in range(8)}
    data["n"] = np.arange(rows)
    data["k"] = random.integers(0, 50, rows)
    return pd.DataFrame(data)


Record = dataclasses.make_dataclass(
    "Record",
    [(f"a{n}", (int, float, str, bool)[n % 4]) for n in range(20)],
    namespace={"__module__": "contenders.common"},
)
Small = dataclasses.make_dataclass(
    "Small", [("a", int), ("b", float), ("c", str)], namespace={"__module__": "contenders.common"}
)


def record() -> "Record":
    """One dataclass of twenty fields."""
    return Record(*[(n, n / 3, f"text {n}", bool(n % 3))[n % 4] for n in range(20)])


def smalls(count: int) -> list:
    """Many small dataclasses."""
    return [Small(n, n / 7, str(n)) for n in range(count)]
