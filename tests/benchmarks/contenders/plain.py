"""Python without a library: the floor."""

import asyncio
import mmap
import multiprocessing
import os
import statistics
import time

from contenders.cells import whole
from contenders.common import frame, peak, script, timed


async def child(x: int) -> int:
    return x + 1


async def parent(n: int) -> int:
    return sum(await asyncio.gather(*[child(i) for i in range(n)]))


def nested(size: int) -> float:
    return timed(lambda: asyncio.run(parent(size)), sum(range(1, size + 1)))


def growth(size: int) -> float:
    before = peak()
    asyncio.run(parent(size))
    return peak() - before


def _echo(connection) -> None:
    while (data := connection.recv_bytes()) != b"":
        connection.send_bytes(data)


def _trips(size: int) -> list[float]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_echo, args=(there,))
    process.start()
    seconds = []
    for x in range(size):
        begin = time.perf_counter()
        here.send_bytes(b"%d" % x)
        assert here.recv_bytes() == b"%d" % x
        seconds.append(time.perf_counter() - begin)
    here.send_bytes(b"")
    process.join()
    return seconds


def round_trip(size: int) -> float:
    return statistics.median(_trips(size))


def round_trip_p99(size: int) -> float:
    return sorted(_trips(size))[size * 99 // 100]


def hand_to_worker(size: int) -> float:
    """Write the columns to shared memory; another process maps them and adds one up."""
    data = frame(size)
    columns = [data[name].to_numpy() for name in data]
    here, there = multiprocessing.Pipe()
    file = os.memfd_create("frame")
    process = multiprocessing.get_context("fork").Process(target=_add_up, args=(there, file, len(data)))
    process.start()

    def work() -> float:
        for column in columns:
            view = memoryview(column).cast("B")
            while view:
                view = view[os.write(file, view) :]
        here.send_bytes(b"go")
        return float(here.recv_bytes())

    seconds = timed(work, float(data["x0"].sum()))
    process.join()
    os.close(file)
    return seconds


def _add_up(connection, file: int, rows: int) -> None:
    import numpy as np

    connection.recv_bytes()
    memory = mmap.mmap(file, 0, access=mmap.ACCESS_COPY)
    connection.send_bytes(repr(float(np.frombuffer(memory, np.float64, rows).sum())).encode())


def log_lines(size: int) -> float:
    return script(f"""
for i in range({size}):
    print("line", i, "of", {size})
""")


def cell_lines(size: int) -> float:
    return whole("pass", f"for i in range({size}):\n    print('line', i, 'of', {size})")
