"""Forms in a notebook: of an environment, an image, a task's resources, the kept results, and a run."""

from typing import Any

from flyte_jupyter.loading import load
from flyte_jupyter.tasks.environment import TaskEnvironment
from flyte_jupyter.tasks.template import TaskTemplate

_HOME = "flyte_jupyter.notebook.panels"


def environment(env: TaskEnvironment | None = None) -> Any:
    """Fill in an environment, or change an existing one; *Apply* binds it in the notebook.

    Args:
        env: the environment whose values the form holds at first.
    """
    return _form(load(f"{_HOME}.environment:EnvironmentPanel")(_names(), env))


def image() -> Any:
    """Fill in an image and see its Dockerfile; *Build* shows each step as it goes."""
    panel = load(f"{_HOME}.image:ImagePanel")(_names())
    form = _form(panel)
    panel.tell = form.tell
    return form


def resources(task: TaskTemplate[..., Any]) -> Any:
    """Compare what a task asks for with what its attempts used; *Apply* changes the task.

    Args:
        task: the task.
    """
    return _form(load(f"{_HOME}.resources:ResourcesPanel")(task, _names()))


def cache() -> Any:
    """Look through the kept results and remove some."""
    return _form(load(f"{_HOME}.kept:CachePanel")())


def run(task: TaskTemplate[..., Any]) -> Any:
    """Fill in a task's inputs and run it; the run is shown under the form.

    Args:
        task: the task.
    """
    return load(f"{_HOME}.shown:run_form")(task, _names())


def _form(panel: Any) -> Any:
    return load(f"{_HOME}.form:Form")(panel)


def _names() -> Any:
    return load(f"{_HOME}.names:Names")()
