"""joblib's disk cache."""

import itertools
import time

from contenders.common import frame, home, script, timed
from joblib import Memory

memory = Memory(home() / "joblib", verbose=0)
fresh_numbers = itertools.count(time.time_ns())


@memory.cache
def cached(x: int) -> int:
    return x + 1


@memory.cache
def same(df, salt: int):
    return df


def bring_in(_size: int) -> float:
    return script("import joblib")


def small_hit(size: int) -> float:
    cached(1)
    return timed(lambda: [cached(1) for _ in range(size)], [2] * size)


def small_cold(size: int) -> float:
    return timed(lambda: len([cached(next(fresh_numbers)) for _ in range(size)]), size)


def frame_hit(size: int) -> float:
    data = frame(size)
    same(data, 0)
    return timed(lambda: len(same(data, 0)), len(data))


def frame_cold(size: int) -> float:
    data = frame(size)
    return timed(lambda: len(same(data, next(fresh_numbers))), len(data))
