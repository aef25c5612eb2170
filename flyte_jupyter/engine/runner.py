"""``flyte.run`` and ``flyte.with_runcontext``: how a run is asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.scoped import named
from flyte_jupyter.engine.setup import process
from flyte_jupyter.engine.started import Started
from flyte_jupyter.tasks.template import TaskTemplate

if TYPE_CHECKING:
    from flyte_jupyter.engine.plan import Plan


class Runs:
    """Call it, or its ``aio``, with a task and its inputs.

    Args:
        options: what to do differently from the default.
    """

    def __init__(self, options: RunOptions) -> None:
        self._options = options

    def __call__(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run a task and wait for its end; with mode="remote", until it is submitted.

        Returns:
            The ``Run``, whose ``outputs()`` gives what the task returned; a ``Plan`` with ``dry_run=True``.

        Raises:
            Exception: what the task raised, of its own class.
            TypeError: it is no task, or the inputs do not fit its signature.
        """
        started = self._started(_task(task), args, kwargs)
        return started.run() if isinstance(started, Started) else started

    async def aio(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Do the same without blocking the event loop that is running."""
        started = self._started(_task(task), args, kwargs)
        return await started.arun() if isinstance(started, Started) else started

    def _started(
        self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> "Started | Plan":
        setup = process.setup
        store = setup.store()
        with named(store, self._options.name) as name:
            started = Started(setup, self._options, store, name)
            if self._options.dry_run:
                return started.plan(task, args, kwargs)
            started.begin(task, args, kwargs)
        return started


class Runner:
    """Runs tasks with options.

    Args:
        options: what to do differently from the default.
    """

    def __init__(self, options: RunOptions) -> None:
        self.options = options
        self.run = Runs(options)

    def __repr__(self) -> str:
        return f"Runner({self.options})"


def with_runcontext(mode: str | None = None, **options: Any) -> Runner:
    """Give a runner with options; ``flyte_jupyter.engine.options.RunOptions`` documents them.

    Raises:
        TypeError: there is no such option.
        DefinitionError: an option's value is wrong.
    """
    return Runner(RunOptions.of({"mode": mode, **options}))


run = Runs(RunOptions())


def _task(task: Any) -> TaskTemplate[..., Any]:
    if isinstance(task, TaskTemplate):
        return task
    if callable(task):
        name = getattr(task, "__name__", repr(task))
        raise TypeError(f"{name} is a function, not a task; decorate it with @env.task of a TaskEnvironment")
    raise TypeError(f"run takes a task, not {task!r}")
