"""A kernel that contenders run cells in, as a front end does: sent, and over when it is idle again."""

import atexit
import statistics
import sys
import time
from functools import cache

from jupyter_client.manager import KernelManager

_ROUNDS = 5  # of empty cells and runs in turns before the first that counts


class Kernel:
    """A kernel of this interpreter; it ends with the process."""

    def __init__(self, setup: str) -> None:
        manager = KernelManager()
        manager.kernel_spec.argv[0] = sys.executable
        manager.start_kernel()
        atexit.register(manager.shutdown_kernel, now=True)
        self._client = manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=120)
        self.seconds(setup)

    def seconds(self, code: str) -> float:
        """Run a cell; gives the time until the front end knows of its end."""
        begin = time.perf_counter()
        reply = self._client.execute_interactive(code, timeout=300, output_hook=lambda _: None)
        taken = time.perf_counter() - begin
        assert reply["content"]["status"] == "ok", reply["content"].get("evalue")
        return taken


@cache
def kernel(setup: str) -> Kernel:
    """Give the kernel that was set up so."""
    return Kernel(setup)


def beyond_empty(setup: str, code: str, size: int) -> float:
    """Seconds of ``size`` such cells beyond as many that do nothing; both take turns."""
    cells = kernel(setup)
    pairs = [(cells.seconds(code), cells.seconds("pass")) for _ in range(_ROUNDS + size)][_ROUNDS:]
    return size * statistics.median(one - none for one, none in pairs)


def whole(setup: str, code: str) -> float:
    """Seconds of one cell."""
    return kernel(setup).seconds(code)
