"""What attempts of a task cost, by the prices that a person has given."""

from collections.abc import Mapping, Sequence
from statistics import median

from flyte_jupyter.notebook.panels.measured import Used
from flyte_jupyter.notebook.render.text import duration
from flyte_jupyter.tasks.resources import Resources

Prices = Mapping[str, float]
"""What an hour costs: of a core (cpu), of a GiB of memory (memory), of a GPU by its name or of any (gpu)."""

_HOUR = 3600.0
_GIB = 2**30


def hourly(asked: Resources, prices: Prices) -> float:
    """Give what an hour costs of what is asked for; what has no price counts nothing."""
    cores = asked.cpu_range[0] / 1000 if asked.cpu_range else 0.0
    memory = asked.memory_range[0] / _GIB if asked.memory_range else 0.0
    device = asked.get_device()
    named = prices.get((device.device or "").lower(), prices.get("gpu", 0.0)) if device else 0.0
    gpus = named * device.quantity if device else 0.0
    return cores * prices.get("cpu", 0.0) + memory * prices.get("memory", 0.0) + gpus


def words(asked: Resources, suggested: Resources | None, used: Sequence[Used], prices: Prices) -> str:
    """Say what an attempt costs as it is asked for and as it is suggested; nothing without prices."""
    if not prices:
        return ""
    if not used:
        return f"An hour of it costs {hourly(asked, prices):.3g}."
    seconds = median(one.seconds for one in used)
    costs = [hourly(one, prices) * seconds / _HOUR for one in (asked, suggested) if one is not None]
    said = f"An attempt takes {duration(seconds)} and costs {costs[0]:.3g} as it is asked for here"
    return said + (f", {costs[1]:.3g} as suggested." if len(costs) > 1 else ".")
