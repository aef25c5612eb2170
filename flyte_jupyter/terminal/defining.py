"""Tasks of a Python file, for commands that run them: the file is imported, and what it defines is found."""

import importlib.util
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from flyte_jupyter.errors import Error
from flyte_jupyter.tasks.environment import TaskEnvironment, environments
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.terminal.parameters import value
from flyte_jupyter.terminal.screen import UsageError

Task = TaskTemplate[..., Any]


def define(file: str) -> ModuleType:
    """Import a Python file, so that its tasks are defined.

    Raises:
        Error: it is no such file, or importing it fails.
    """
    path = Path(file).absolute()
    if path.suffix == ".ipynb":
        raise Error(f"{file} is a notebook; write it as a module: flyte-jupyter export {file}")
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.suffix == ".py" else None
    if not path.is_file():
        raise Error(f"there is no file {file}")
    if spec is None or spec.loader is None:
        raise Error(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise Error(f"importing {file} raised {type(error).__name__}: {error}") from error
    return module


def task_of(file: str, name: str) -> Task:
    """Find a task that a file defines, by its short or qualified name.

    Raises:
        Error: it has none of that name; the message names those that it has.
    """
    define(file)
    known = [env for env in environments().values() if isinstance(env, TaskEnvironment)]
    tasks = [task for env in known for task in env.tasks.values()]
    found = [task for task in tasks if name in (task.name, task.short_name)]
    if len(found) == 1:
        return found[0]
    names = [task.name if found else task.short_name for task in tasks]
    close = get_close_matches(name, names, 1)
    hint = f"; did you mean {close[0]!r}?" if close and not found else "."
    what = f"{len(found)} tasks" if found else "no task"
    raise Error(f"{file} has {what} {name!r}{hint} It has {', '.join(names) or 'none'}")


def inputs_of(pairs: Iterable[str]) -> dict[str, Any]:
    """Read ``name=value`` pairs; a value is a Python or JSON literal, else text.

    Raises:
        UsageError: one is no such pair.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"{pair!r}: give NAME=VALUE, with the name of one of the task's inputs")
        if name in found:
            raise UsageError(f"{pair}: {name} is given twice")
        found[name] = value(text)
    return found
