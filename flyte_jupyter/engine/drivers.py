"""Who drives a run: this process, or one of the run's own where the place needs nobody here."""

from typing import TYPE_CHECKING, TypeAlias, Union

from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.setup import Setup
from flyte_jupyter.engine.started import Started
from flyte_jupyter.loading import load
from flyte_jupyter.runs.store import RunStore

if TYPE_CHECKING:
    from flyte_jupyter.engine.conducted import Conducted
    from flyte_jupyter.engine.replayed import Continued

Driver: TypeAlias = Union[Started, "Conducted"]


def driver(
    setup: Setup, options: RunOptions, store: RunStore, name: str, continued: "Continued | None" = None
) -> Driver:
    """Give what drives a run that is asked for."""
    kind: type[Driver] = Started
    if (options.mode or setup.mode) == "remote" and getattr(setup.place(), "unattended", False):
        kind = load("flyte_jupyter.engine.conducted:Conducted")
    return kind(setup, options, store, name, continued)
