"""What ``%load_ext flyte_jupyter`` adds to a shell, and how all of it is taken away again."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from IPython.core.error import UsageError
from traitlets import TraitError

from flyte_jupyter.config import Settings
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.notebook import completion, lineage_cells, reprs, tracebacks
from flyte_jupyter.notebook.blocks import Blocks, Publish
from flyte_jupyter.notebook.cells import Cells
from flyte_jupyter.notebook.formed import forming
from flyte_jupyter.notebook.interrupts import Interrupts, careful
from flyte_jupyter.notebook.magics import CELL, FlyteMagics, awaiting
from flyte_jupyter.notebook.restored import Restored
from flyte_jupyter.notebook.stopping import Stops, listen
from flyte_jupyter.notebook.stuck import Stuck
from flyte_jupyter.notebook.wakeup import wake_on_signal

_loaded: dict[int, ExitStack] = {}


@dataclass(frozen=True, slots=True)
class _Left:
    """What is known of a notebook's cells when the extension is taken away, and in which execution that is.

    Another load in the same execution is a reload and goes on with it. Later, cells have run unseen in
    between, and what was known may be wrong.
    """

    execution: tuple[int, str]
    cells: Cells
    following: lineage_cells.Following


_left: dict[int, _Left] = {}


def load(shell: Any) -> None:
    """Add the magics, their completion, the displays and the presentation of errors to a shell."""
    unload(shell)
    with ExitStack() as undo:
        left = _left_by_a_reload(shell)
        cells = left.cells if left else Cells(shell)
        magics = _magics(shell, cells)
        blocks = magics.blocks = Blocks(cells, _publisher(shell), lambda: magics.show_after)
        undo.callback(blocks.close)
        undo.callback(_connect(cells))
        undo.callback(process.observe(blocks))
        stops = Stops()
        undo.callback(listen(stops))
        restored = Restored(shell, cells)
        undo.callback(process.observe(restored))
        undo.callback(process.observe(stops))
        undo.callback(_add_magics(shell, magics))
        undo.callback(_add(shell.input_transformers_cleanup, forming(shell, CELL), at=0))
        undo.callback(_add(shell.input_transformers_post, awaiting(shell, lambda: magics.here)))
        undo.callback(_on(shell, "pre_run_cell", cells.begin))
        magics.following, unfollow = lineage_cells.connect(shell, cells, left.following if left else None)
        undo.callback(unfollow)
        undo.callback(_leaving(shell, cells, magics.following))
        undo.callback(_add(shell.Completer.custom_matchers, completion.matcher(magics.here)))
        if left is None and (loading := cells.going_on()) is not None:
            cells.begin(loading)
            magics.following.begin(loading)
        interrupts = Interrupts()
        stuck = Stuck(shell, interrupts)
        undo.callback(process.observe(stuck))
        undo.callback(_on(shell, "pre_run_cell", stuck.begin))
        undo.callback(_on(shell, "post_run_cell", _interrupts(blocks, cells, stuck)))
        undo.callback(_on(shell, "post_run_cell", restored.end))
        undo.callback(_on(shell, "post_run_cell", cells.end))
        undo.callback(reprs.register(shell, blocks.is_shown))
        undo.callback(tracebacks.watch(shell))
        undo.callback(wake_on_signal(stuck.interrupted))
        undo.callback(careful(interrupts, partial(_on, shell)))
        _loaded[id(shell)] = undo.pop_all()


def unload(shell: Any) -> None:
    """Take away what ``load`` added; nothing happens where nothing is loaded."""
    stack = _loaded.pop(id(shell), None)
    if stack is not None:
        stack.close()


def _left_by_a_reload(shell: Any) -> _Left | None:
    """Give what was known of the cells until a moment ago; None where this is no reload."""
    left = _left.pop(id(shell), None)
    return left if left is not None and left.execution == _execution(shell, left.cells) else None


def _leaving(shell: Any, cells: Cells, following: lineage_cells.Following) -> Callable[[], None]:
    def leave() -> None:
        _left[id(shell)] = _Left(_execution(shell, cells), cells, following)

    return leave


def _execution(shell: Any, cells: Cells) -> tuple[int, str]:
    """Tell executions of cells apart, those that are not counted, too."""
    return shell.execution_count, cells.message()


def _magics(shell: Any, cells: Cells) -> FlyteMagics:
    """Make the magics with the settings that the shell's configuration and the project have for them.

    Raises:
        UsageError: a setting is not accepted; one of the shell's is dropped, so that loading again works.
    """
    try:
        return FlyteMagics(shell, cells, Settings.load())
    except DefinitionError as error:
        raise UsageError(str(error)) from None
    except TraitError as error:
        shell.config.pop(FlyteMagics.__name__, None)
        raise UsageError(f"{error} The setting is dropped; load the extension again") from None


def _connect(cells: Cells) -> Callable[[], None]:
    """Let the records of runs tell where they were started from."""
    before = process.setup
    process.change(source=cells.source, interactive=True)
    return lambda: process.change(source=before.source, interactive=before.interactive)


def _add_magics(shell: Any, magics: FlyteMagics) -> Callable[[], None]:
    """Register the magics, and undo it: the shell has no word for that."""
    shell.register_magics(magics)
    manager = shell.magics_manager

    def undo() -> None:
        manager.registry.pop(type(magics).__name__, None)
        if magics in shell.configurables:
            shell.configurables.remove(magics)
        for kind, table in magics.magics.items():
            for name in table:
                manager.magics[kind].pop(name, None)

    if magics not in shell.configurables:
        shell.configurables.append(magics)
    return undo


def _add(items: list[Any], item: Any, at: int | None = None) -> Callable[[], None]:
    items.insert(len(items) if at is None else at, item)
    return lambda: items.remove(item) if item in items else None


def _on(shell: Any, event: str, callback: Callable[..., None]) -> Callable[[], None]:
    shell.events.register(event, callback)
    return lambda: shell.events.unregister(event, callback)


def _interrupts(blocks: Blocks, cells: Cells, stuck: Stuck) -> Callable[[Any], None]:
    """Make the callback that stops, when a cell was interrupted, every run that it started."""

    def ended(result: Any) -> None:
        error = getattr(result, "error_in_exec", None)
        interrupted = isinstance(error, KeyboardInterrupt | asyncio.CancelledError)
        if interrupted:
            for run in blocks.started_by(cells.current.message):
                run.abort("the cell was interrupted")
        stuck.ended(interrupted=interrupted)

    return ended


def _publisher(shell: Any) -> Publish | None:
    """Give the means to show something that is updated later; a terminal has none."""
    if getattr(shell, "kernel", None) is None:
        return None

    def publish(data: Any, name: str, replaces: bool) -> None:
        shell.display_pub.publish(data=dict(data), transient={"display_id": name}, update=replaces)

    return publish
