"""Python without a library: the floor."""

import asyncio

from contenders.common import peak, script, timed


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


def log_lines(size: int) -> float:
    return script(f"""
for i in range({size}):
    print("line", i, "of", {size})
""")
