"""Measure this package and its peers in one interleaved session and print medians and ratios.

``python -m tests.benchmarks [--peers-python PATH] [--peer flyte,joblib] [--only nested,sync_map]``

Machines differ and are noisy: a ratio counts, an absolute time does not. Each work checks its result.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.benchmarks.rows import ROWS, Row

HERE = Path(__file__).parent
OURS = "ours"
PEERS = ("flyte", "joblib", "diskcache", "loky", "ray", "stdlib", "plain")


class Contender:
    """One contender: a process that stays, or a new one for each work."""

    def __init__(self, name: str, python: str, home: str) -> None:
        self.name = name
        self._python = python
        self._home = home
        self._process: subprocess.Popen[str] | None = None

    def do(self, work: str, size: int, *, fresh: bool) -> dict[str, Any]:
        """Do a work once."""
        if fresh:
            self.close()
        if self._process is None:
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # told by the answer that does not come
            self._process.stdin.write(json.dumps({"work": work, "size": size}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if fresh:
            self.close()
        return json.loads(line) if line else {"error": "the process ended"}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            assert self._process.stdin is not None
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait(60)
            self._process = None

    def _start(self) -> "subprocess.Popen[str]":
        environment = {**os.environ, "FLYTE_JUPYTER_HOME": f"{self._home}/ours", "BENCHMARK_HOME": self._home,
                       "BENCHMARK_PYTHON": sys.executable,
                       "HOME": self._home, "DO_NOT_TRACK": "1", "PYTHONHASHSEED": "0"}  # fmt: skip
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return subprocess.Popen(
            [self._python, str(HERE / "worker.py"), self.name], text=True, env=environment, cwd=self._home,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def measure(row: Row, contenders: list[Contender]) -> dict[tuple[str, int], float | str]:
    """Let all contenders take turns at a row; gives the median of each at each size."""
    found: dict[tuple[str, int], list[float]] = {}
    broken: dict[tuple[str, int], str] = {}
    for size in row.sizes:
        for _ in range(row.rounds):
            for contender in contenders:
                key = (contender.name, size)
                if key in broken:
                    continue
                answer = contender.do(row.work, size, fresh=row.fresh)
                if "figure" in answer:
                    found.setdefault(key, []).append(answer["figure"])
                else:
                    broken[key] = (
                        "" if answer.get("missing") else str(answer["error"]).strip().splitlines()[-1]
                    )
    medians = {key: statistics.median(figures) for key, figures in found.items()}
    return {**broken, **medians}


def main() -> int:
    """Print the table; the exit status is 1 if a goal that must be reached is not."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--peers-python", default=sys.executable, help="the interpreter that has the peers")
    parser.add_argument("--peer", default=",".join(PEERS), help="which peers, with commas")
    parser.add_argument("--only", default="", help="which works, with commas")
    args = parser.parse_args()
    only = set(filter(None, args.only.split(",")))
    missed = 0
    with tempfile.TemporaryDirectory() as home:
        contenders = [Contender(OURS, sys.executable, home)]
        contenders += [Contender(peer, args.peers_python, home) for peer in args.peer.split(",") if peer]
        print(f"| {'work':50} | {'size':>6} |" + "".join(f" {c.name:>10} |" for c in contenders) + " goals |")
        print("|---|---|" + "---|" * len(contenders) + "---|")
        for row in ROWS:
            if only and row.work not in only:
                continue
            figures = measure(row, contenders)
            for size in row.sizes:
                goals = verdicts(row, size, figures)
                missed += "MISSED" in goals
                cells = "".join(
                    f" {shown(row, size, figures.get((c.name, size), '')):>10} |" for c in contenders
                )
                print(f"| {row.title:50} | {size:>6} |{cells} {goals} |", flush=True)
        for contender in contenders:
            contender.close()
    return 1 if missed else 0


def verdicts(row: Row, size: int, figures: dict[tuple[str, int], float | str]) -> str:
    """Compare with the goals: ratios of ours to the peer's."""
    ours, out = figures.get((OURS, size)), []
    for peer in dict.fromkeys((*row.must, *row.aim)):
        theirs = figures.get((peer, size))
        if not isinstance(ours, float | int) or not isinstance(theirs, float | int) or not theirs:
            continue
        ratio, must = ours / theirs, row.must.get(peer)
        word = ""
        if must is not None:
            missed = "MISSED" if size == row.sizes[-1] else "over"
            word = f", must {must:.3g}: {'ok' if ratio <= must else missed}"
        aim = row.aim.get(peer)
        word += f", aim {aim:.3g}" + (": reached" if ratio <= aim else "") if aim else ""
        out.append(f"{ratio:.3g} of {peer}{word}")
    return "; ".join(out)


def shown(row: Row, size: int, figure: float | str) -> str:
    """Write a figure with its unit."""
    if isinstance(figure, str):
        return figure[:10] or "-"
    if row.unit == "MB":
        return f"{figure:.1f} MB"
    seconds = figure / size if row.unit == "each" else figure
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


if __name__ == "__main__":
    raise SystemExit(main())
