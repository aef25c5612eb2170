"""A process pool of the standard library."""

import multiprocessing
import operator
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

from contenders.common import frame, timed


def _trips(size: int) -> list[float]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        pool.submit(operator.pos, 0).result()
        seconds = []
        for x in range(size):
            begin = time.perf_counter()
            assert pool.submit(operator.pos, x).result() == x
            seconds.append(time.perf_counter() - begin)
    return seconds


def round_trip(size: int) -> float:
    return statistics.median(_trips(size))


def round_trip_p99(size: int) -> float:
    return sorted(_trips(size))[size * 99 // 100]


def _total(df) -> float:
    return float(df["x0"].sum())


def hand_to_worker(size: int) -> float:
    data = frame(size)
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
        pool.submit(operator.pos, 0).result()
        return timed(lambda: pool.submit(_total, data).result(), _total(data))
