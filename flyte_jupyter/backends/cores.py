"""How many threads numerical libraries start in a worker: as many as the cores that its tasks ask for.

Left alone, each worker starts one for every core of the machine, and as these wait for each other by
spinning, two workers on two cores take several times as long as one after the other.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from flyte_jupyter.loading import load
from flyte_jupyter.tasks.resources import Resources

_NAMES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS",
)  # fmt: skip
_WHOLE = 1000


def threads_of(resources: Resources) -> dict[str, str]:
    """Give the variables that libraries read when they are loaded; none where no cores are asked for."""
    if resources.cpu_range is None:
        return {}
    cores = -(-resources.cpu_range[1] // _WHOLE)
    return dict.fromkeys(_NAMES, str(cores))


@contextmanager
def limited(variables: Mapping[str, str]) -> Iterator[None]:
    """Keep libraries that were loaded before to that number, where threadpoolctl is there to tell them."""
    number = variables.get(_NAMES[0], "")
    if not number.isdecimal() or "numpy" not in sys.modules or not _can_be_told():
        yield
        return
    with load("threadpoolctl:threadpool_limits")(int(number)):
        yield


@cache
def _can_be_told() -> bool:
    return find_spec("threadpoolctl") is not None
