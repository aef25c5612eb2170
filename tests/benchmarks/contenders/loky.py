"""loky's process pool."""

import operator
import statistics
import time

import loky


def _trips(size: int) -> list[float]:
    pool = loky.get_reusable_executor(1, timeout=None)
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
