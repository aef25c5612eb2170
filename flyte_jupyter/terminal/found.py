"""Finding what a person names: the store, a run by the beginning of its name, an action by its task."""

from difflib import get_close_matches

from flyte_jupyter.config import Settings
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import ActionNotFoundError, RunNotFoundError
from flyte_jupyter.runs.run import Action, Run, is_known
from flyte_jupyter.runs.store import RunStore

LAST = "last"
"""Stands for the newest run."""

_NAMES = 1_000
_CLOSE = 0.5


def store() -> RunStore:
    """Open the store that this process is connected to, else that of this folder.

    A store is not made by looking for it.

    Raises:
        RunNotFoundError: nothing has run here yet.
    """
    if process.setup.is_connected:
        return process.setup.store()
    home = Settings.load().home
    if not (home / "runs.db").exists():
        raise RunNotFoundError(
            f"nothing has run here yet: there is no run store at {home}. "
            "Set FLYTE_JUPYTER_HOME to use one that is elsewhere"
        )
    return RunStore.open(home)


def run(name: str, where: RunStore) -> Run:
    """Find a run by its name, by a beginning of it that no other run has, or by ``last``.

    Raises:
        RunNotFoundError: there is none, or several begin like that; the message names close ones.
    """
    if is_known(where, name):
        return Run(where, name)
    names = [row.name for row in where.runs(limit=_NAMES)]
    if name == LAST and names:
        return Run(where, names[0])
    found = [one for one in names if one.startswith(name)] if name else []
    if len(found) == 1:
        return Run(where, found[0])
    raise RunNotFoundError(_unknown(name, names, found, where))


def actions(of: Run, name: str | None) -> list[Action]:
    """Find actions by name, by the beginning of it, or by their task; all of them without a name.

    Raises:
        ActionNotFoundError: there is none; the message names the run's tasks.
    """
    states = of.state.actions
    if name is None or name in states:
        return [Action(of, one) for one in states if name in (None, one)]
    found = [a.name for a in states.values() if name in (a.short, a.task)]
    found = found or [one for one in states if one.startswith(name)]
    if not found:
        tasks = dict.fromkeys(a.short or a.task for a in states.values())
        raise ActionNotFoundError(
            f"run {of.name} has no action {name!r}{_hint(name, list(tasks))}; it has {', '.join(tasks)}"
        )
    return [Action(of, one) for one in found]


def action(of: Run, name: str) -> Action:
    """Find one action.

    Raises:
        ActionNotFoundError: there is none, or there are several.
    """
    found = actions(of, name)
    if len(found) > 1:
        names = ", ".join(one.name for one in found[:5])
        raise ActionNotFoundError(f"run {of.name} has {len(found)} actions {name!r}; name one: {names}")
    return found[0]


def _unknown(name: str, names: list[str], found: list[str], where: RunStore) -> str:
    if found:
        return f"{len(found)} runs begin with {name!r}: {', '.join(found[:5])}; give more of the name"
    if not names:
        return f"no run named {name!r}: nothing has run in {where.folder} yet"
    hint = _hint(name, names) or f"; the newest is {names[0]}"
    return f"no run named {name!r} in {where.folder}{hint}. List them: flyte-jupyter runs"


def _hint(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, 1, _CLOSE)
    return f"; did you mean {close[0]!r}?" if close else ""
