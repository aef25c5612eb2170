"""``%%flyte_task``, ``%flyte`` and their settings, as the shell knows them."""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Enum, Float, TraitError, Unicode, observe, validate

from flyte_jupyter.config import MODES, Settings
from flyte_jupyter.engine.setup import process
from flyte_jupyter.loading import load
from flyte_jupyter.notebook import body, options
from flyte_jupyter.notebook.blocks import Blocks
from flyte_jupyter.notebook.cells import Cells
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.lineage_cells import Following
from flyte_jupyter.notebook.sources import misplaced

CELL = "flyte_task"
_CALL = f"get_ipython().run_cell_magic('{CELL}'"
_STALE = re.compile(r"get_ipython\(\)\.run_line_magic\('flyte', 'run\b[^']*--stale\b[^']*'\)\s*$")
_DEFAULTS = ("env", "image", "cpu", "memory", "gpu", "cache", "retries", "timeout", "isolation")


@magics_class
class FlyteMagics(Magics):
    """The magics; what ``%config FlyteMagics`` shows and sets.

    Args:
        shell: the interactive shell.
        cells: follows its cells.
        settings: what the project and the environment set; the shell's configuration goes before it.

    Raises:
        UsageError: the project sets an option to what it does not accept.
    """

    mode = Enum((*MODES, ""), "", help="Where runs go: local, hybrid or remote.").tag(config=True)
    show_after = Float(2.0, help="Seconds after which a run shows its block.").tag(config=True)
    env = Unicode(help="The environment of tasks whose line names none.").tag(config=True)
    image = Unicode(help="The image of tasks whose line names none.").tag(config=True)
    cpu = Unicode(help="The cores of tasks whose line says nothing else.").tag(config=True)
    memory = Unicode(help="Their memory.").tag(config=True)
    gpu = Unicode(help="Their GPUs.").tag(config=True)
    cache = Unicode(help="auto, override or disable.").tag(config=True)
    retries = Unicode(help="Their further attempts after a failure.").tag(config=True)
    timeout = Unicode(help="How long one attempt may run, such as 10m.").tag(config=True)
    isolation = Unicode(help="What surrounds their bodies on this machine.").tag(config=True)

    blocks: Blocks
    following: Following

    def __init__(self, shell: Any, cells: Cells, settings: Settings) -> None:
        super().__init__(shell)
        self._cells = cells
        configured = shell.config.get(type(self).__name__, {})
        for name in ("show_after", *_DEFAULTS):
            if name not in configured:
                self._set(name, getattr(settings, name))

    @property
    def here(self) -> Here:
        """What the sub-commands work on."""
        return Here(
            shell=self.shell,
            cells=self._cells,
            blocks=self.blocks,
            following=self.following,
            defaults=self.defaults(),
        )

    @cell_magic(CELL)  # type: ignore[arg-type] # it takes any function
    @no_var_expand
    def flyte_task(self, line: str, cell: str) -> Any:
        """Make tasks of the cell."""
        said = options.parse(line, self.defaults())
        if wrong := misplaced(cell):
            raise UsageError(wrong)
        found = body.Body.of(self.shell, cell, self._cells.current, CELL)
        if not found.functions:
            return load("flyte_jupyter.notebook.celltask.run:CellTask")(found, said).run()
        return load("flyte_jupyter.notebook.cell_magic:Functions")(found, said, self.blocks).run()

    @line_magic
    @no_var_expand
    @needs_local_scope
    def flyte(self, line: str, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Runs, tasks and what is kept of them: ``%flyte --help`` lists the sub-commands."""
        here = replace(self.here, local=local_ns or {})
        if "$" in line or "{" in line:
            line = load("flyte_jupyter.notebook.expansion:expanded")(line, here.seen)
        return load("flyte_jupyter.notebook.line_magic:run")(line, here)

    def defaults(self) -> dict[str, Any]:
        """Give the values of options that are set for the notebook."""
        given = {name: getattr(self, name) for name in _DEFAULTS}
        return {name: options.BY_NAME[name].value(text) for name, text in given.items() if text}

    def _set(self, name: str, value: Any) -> None:
        try:
            setattr(self, name, value)
        except TraitError as error:
            where = "[tool.flyte_jupyter] of pyproject.toml or a variable FLYTE_JUPYTER_* sets it"
            raise UsageError(f"{error} {where}".replace(". ", "; ")) from None

    @validate(*_DEFAULTS)
    def _check(self, proposal: Any) -> Any:
        text = proposal["value"]
        try:
            if text:
                options.BY_NAME[proposal["trait"].name].value(text)
        except UsageError as error:
            raise TraitError(str(error)) from None
        return text

    @observe("mode")
    def _change_mode(self, change: Any) -> None:
        process.change(chosen=change["new"])


FlyteMagics.flyte_task.__doc__ = options.documentation()  # type: ignore[assignment] # it is a function


def awaiting(shell: Any, here: Callable[[], Here]) -> Callable[[list[str]], list[str]]:
    """Make the transformation that lets a cell under ``%%flyte_task`` await at its top level.

    The same for ``%flyte run --stale``, if a cell that it runs awaits.
    """

    def transform(lines: list[str]) -> list[str]:
        if not lines or not shell.autoawait:
            return lines
        text = "".join(lines)
        if lines[0].startswith(_CALL):
            waits = body.awaits(shell, body.python_of(shell, _cell_of(text)))
        else:
            waits = bool(_STALE.match(text)) and load("flyte_jupyter.notebook.stale:awaits_something")(here())
        return [f"await {text}"] if waits else lines

    return transform


def _cell_of(call: str) -> str:
    """Give the cell's text in the shell's call of a cell magic."""
    try:
        tree = ast.parse(call.strip(), mode="eval").body
    except SyntaxError:
        return ""
    last = tree.args[-1] if isinstance(tree, ast.Call) and tree.args else None
    return last.value if isinstance(last, ast.Constant) and isinstance(last.value, str) else ""
