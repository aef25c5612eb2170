"""What all actions of one run share: made from the caller's options and the process's setup."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.setup import Setup
from flyte_jupyter.ids import digest, random_name
from flyte_jupyter.runs.locks import acquire, release
from flyte_jupyter.runs.run import is_known
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.tasks.context import Publish, RunScope


def scope_of(
    options: RunOptions,
    name: str,
    mode: str,
    setup: Setup,
    store: RunStore,
    continues: str,
    publish: Publish,
) -> RunScope:
    """Put together what the run's actions are told."""
    return RunScope(
        name=name,
        mode=mode,
        folder=store.runs_folder,
        own_folder=Path(options.run_base_dir) if options.run_base_dir else None,
        raw_dir=Path(options.raw_data_path) if options.raw_data_path else None,
        start_time=options.run_start_time or datetime.now(UTC),
        interactive=setup.interactive if options.interactive_mode is None else options.interactive_mode,
        disable_cache=options.disable_run_cache,
        overwrite_cache=options.overwrite_cache,
        env_vars=options.env_vars,
        labels={**options.labels, **options.annotations},
        project=options.project,
        domain=options.domain,
        continues=continues,
        publish=publish,
    )


def named(store: RunStore, wanted: str | None) -> AbstractContextManager[str]:
    """Give a name that no run has; nobody else gets it until the block ends, when the run is on record.

    A name that is taken gets a number, as re-running a cell asks for the same one again.
    """
    return nullcontext(random_name()) if wanted is None else _taken(store, wanted)


@contextmanager
def _taken(store: RunStore, wanted: str) -> Iterator[str]:
    name, free = _reserved(store, wanted)
    try:
        yield name
        store.settle()
    finally:
        free()


def process() -> dict[str, str]:
    """Say which process drives a run."""
    return {"host": _host(), "pid": str(os.getpid())}


@cache
def _host() -> str:
    return os.uname().nodename


@cache
def environment() -> dict[str, str]:
    """Say what a run runs with."""
    return {"python": ".".join(map(str, sys.version_info[:3])), "platform": sys.platform}


def _reserved(store: RunStore, wanted: str) -> tuple[str, Callable[[], None]]:
    number, name = 1, wanted
    while True:
        path = store.folder / "locks" / digest("run", name)
        lock = acquire(path, wait=False)
        if lock is not None:
            if not is_known(store, name):
                return name, partial(release, lock, path)
            release(lock, path)
        number += 1
        name = f"{wanted}-{number}"
