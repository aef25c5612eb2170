"""Two runs side by side, as plain data."""

from dataclasses import asdict
from typing import Any

from flyte_jupyter.lab.listing import row
from flyte_jupyter.runs.comparison import compare
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.store import RunStore


def comparison_json(store: RunStore, before: str, after: str) -> dict[str, Any]:
    """Tell what differs; ``before`` and ``after`` are the runs' rows.

    Raises:
        RunNotFoundError: there is no run of one of the names.
    """
    found = compare(Run(store, before), Run(store, after))
    return {
        "before": row(store, before),
        "after": row(store, after),
        "code": [asdict(one) for one in found.code],
        "inputs": [asdict(one) for one in found.inputs],
        "outputs": [asdict(one) for one in found.outputs],
        "doubtful": list(found.doubtful),
        "surroundings": [asdict(one) for one in found.surroundings],
        "tasks": [asdict(one) for one in found.tasks],
        "same_outputs": found.same_outputs,
    }
