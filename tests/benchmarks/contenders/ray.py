"""Ray's tasks, on a cluster of this machine that ends with the session."""

import os
import statistics
import time

from contenders.common import timed

os.environ.update(RAY_AUTH_MODE="disabled", RAY_USAGE_STATS_ENABLED="0", RAY_DISABLE_METRICS_COLLECTION="1")

import ray  # after the variables that it reads when it is loaded

ray.init(
    address="local",
    num_cpus=os.cpu_count(),
    include_dashboard=False,
    logging_level="ERROR",
    log_to_driver=False,
)


@ray.remote
def echo(x: int) -> int:
    return x


def _trips(size: int) -> list[float]:
    assert ray.get(echo.remote(0)) == 0
    seconds = []
    for x in range(size):
        begin = time.perf_counter()
        assert ray.get(echo.remote(x)) == x
        seconds.append(time.perf_counter() - begin)
    return seconds


def round_trip(size: int) -> float:
    return statistics.median(_trips(size))


def round_trip_p99(size: int) -> float:
    return sorted(_trips(size))[size * 99 // 100]


def ray_children(size: int) -> float:
    assert ray.get(echo.remote(0)) == 0
    return timed(lambda: sum(ray.get([echo.remote(x) for x in range(size)])), sum(range(size)))
