"""``gc``: forget old runs and free space."""

from argparse import Namespace

from flyte_jupyter.config import Settings
from flyte_jupyter.notebook.render.text import plural, size
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Screen


def gc(args: Namespace, screen: Screen) -> int:
    """Remove what the settings or the options do not keep."""
    settings = Settings.load()
    keep = settings.keep_runs if args.keep_runs is None else args.keep_runs
    limit = settings.max_bytes if args.max_bytes is None else args.max_bytes
    swept = found.store().gc(keep_runs=keep, max_bytes=limit)
    screen.tell(
        f"removed {plural(swept.runs, 'run')}, {plural(swept.results, 'result')} "
        f"and {plural(swept.blobs, 'blob')}: {size(swept.bytes)}"
    )
    return 0
