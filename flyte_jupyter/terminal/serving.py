"""``serve``: run the endpoint of a store."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from flyte_jupyter.config import Settings
from flyte_jupyter.loading import load
from flyte_jupyter.terminal.screen import Screen


def serve(args: Namespace, screen: Screen) -> int:
    """Serve until interrupted; say where."""
    endpoint = load("flyte_jupyter.endpoint.serve", "endpoint")
    store = Path(args.store).absolute() if args.store else Settings.load().home

    def told(found: Any, already: bool) -> None:
        if already:
            screen.print(f"process {found.pid} serves {store} already: {found.url}")
        else:
            screen.print(f"serving {store}: {found.url}")
        screen.out.flush()

    how = endpoint.Serving(
        store=store, port=args.port, slots=args.slots, python=args.python, workers=args.workers,
        idle=args.idle or 0.0, strict=args.strict,
    )  # fmt: skip
    status: int = endpoint.serve(how, told)
    return status
