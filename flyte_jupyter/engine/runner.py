"""``flyte.run`` and ``flyte.with_runcontext``: how a run is asked for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flyte_jupyter.engine.drivers import driver
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.scoped import named
from flyte_jupyter.engine.setup import process
from flyte_jupyter.tasks.template import TaskTemplate

if TYPE_CHECKING:
    from flyte_jupyter.engine.drivers import Driver
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
        if self._options.dry_run:
            return self._planned(_task(task), args, kwargs)
        return self._begun(_task(task), args, kwargs).run()

    async def aio(self, task: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Do the same without blocking the event loop that is running."""
        if self._options.dry_run:
            return self._planned(_task(task), args, kwargs)
        return await self._begun(_task(task), args, kwargs).arun()

    def _planned(
        self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> "Plan":
        with self._driver() as driven:
            return driven.plan(task, args, kwargs)

    def _begun(
        self, task: TaskTemplate[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> "Driver":
        with self._driver() as driven:
            driven.begin(task, args, kwargs)
        return driven

    @contextmanager
    def _driver(self) -> "Iterator[Driver]":
        """Give what drives a run; nobody else gets its name until the block ends."""
        setup = process.setup
        store = setup.store()
        with named(store, self._options.name) as name:
            yield driver(setup, self._options, store, name)


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
