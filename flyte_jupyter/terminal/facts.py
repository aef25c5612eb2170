"""``env``: what runs of this folder are connected to."""

import platform
from argparse import Namespace

from flyte_jupyter import __version__
from flyte_jupyter.config import Settings
from flyte_jupyter.notebook.render.objects import object_text
from flyte_jupyter.terminal.screen import Screen


def env(_args: Namespace, screen: Screen) -> int:
    """Print the facts."""
    settings = Settings.load()
    there = (settings.home / "runs.db").exists()
    facts: dict[str, object] = {
        "flyte-jupyter": __version__,
        "Python": platform.python_version(),
        "Store": str(settings.home) if there else f"{settings.home} (nothing has run here yet)",
        "Mode": settings.mode,
    }
    screen.print(object_text("Environment", facts))
    return 0
