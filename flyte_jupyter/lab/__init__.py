"""The Jupyter Server side: runs over REST, and word of what happens on Jupyter's event bus."""

from typing import Any

from flyte_jupyter.loading import load


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server what to load; only a server ever asks."""
    return [{"module": "flyte_jupyter.lab", "app": load("flyte_jupyter.lab.app:FlyteRuns")}]
