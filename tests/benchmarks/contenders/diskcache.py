"""diskcache's SQLite cache."""

import itertools
import time

from contenders.common import home, timed
from diskcache import Cache

cache = Cache(str(home() / "diskcache"))
fresh_numbers = itertools.count(time.time_ns())


@cache.memoize()
def cached(x: int) -> int:
    return x + 1


def small_hit(size: int) -> float:
    cached(1)
    return timed(lambda: [cached(1) for _ in range(size)], [2] * size)


def small_cold(size: int) -> float:
    return timed(lambda: len([cached(next(fresh_numbers)) for _ in range(size)]), size)
