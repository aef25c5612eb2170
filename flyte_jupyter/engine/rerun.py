"""``flyte.rerun``: a run again, without what is done already."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flyte_jupyter.engine.drivers import Driver, driver
from flyte_jupyter.engine.options import RunOptions
from flyte_jupyter.engine.replayed import Continued
from flyte_jupyter.engine.scoped import named
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import ResultNotKeptError, RunNotFoundError, RuntimeUserError
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import RunState
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.runs.values import AT_FAILURE, read
from flyte_jupyter.tasks.environment import find_task
from flyte_jupyter.tasks.template import TaskTemplate
from flyte_jupyter.types.literal import Literals
from flyte_jupyter.types.packed import unpack

AnyTask = TaskTemplate[..., Any]


class Reruns:
    """Call it, or its ``aio``, with a run that has ended.

    Args:
        options: what to do differently from the run that is run again, whose mode and labels are kept.
    """

    def __init__(self, options: RunOptions) -> None:
        self._options = options

    def __call__(
        self, run: Run | str, /, *, from_failed: bool = True, task: Any = None, **changes: Any
    ) -> Run:
        """Run a run's task again with the same inputs, and wait for its end.

        An action that succeeded then, with the same task, inputs and code as now, is not run again: its
        recorded outputs are taken. What failed, what never ran and what has changed since runs.

        Args:
            run: the run, its name, or the beginning of its name.
            from_failed: whether recorded outputs are taken; False runs everything again.
            task: the task to run in place of the one of the same name that is defined now.
            **changes: inputs that are to be different. Give inputs that the record could not keep, too.

        Returns:
            The new run; its record says which one it continues.

        Raises:
            Exception: what the task raised, of its own class.
            RunNotFoundError: there is no such run.
            RuntimeUserError: it has not ended, or its task is not defined here.
            ResultNotKeptError: an input was not kept; the message names it.
            TypeError: the task has no such input.
        """
        return self._started(run, from_failed, task, changes).run()

    async def aio(
        self, run: Run | str, /, *, from_failed: bool = True, task: Any = None, **changes: Any
    ) -> Run:
        """Do the same without blocking the event loop that is running."""
        return await self._started(run, from_failed, task, changes).arun()

    def _started(self, run: Run | str, from_failed: bool, task: Any, changes: Mapping[str, Any]) -> Driver:
        setup = process.setup
        store = setup.store()
        before = run if isinstance(run, Run) else Run.get(run, store)
        state = before.state
        if not state.phase.terminal:
            raise RuntimeUserError("NotEnded", f"run {state.name} has not ended; wait for it, or abort it")
        found = _task(state, task)
        args, kwargs = _inputs(state, found, changes, before.store)
        options = self._options
        options = replace(options, mode=options.mode or state.mode, labels={**state.labels, **options.labels})
        continued = Continued(
            name=state.name,
            state=state if from_failed else None,
            origin=_origin(state, before.store) if from_failed else "",
        )
        with named(store, options.name) as name:
            started = driver(setup, options, store, name, continued)
            started.begin(found, args, kwargs)
        return started


rerun = Reruns(RunOptions())


def _origin(state: RunState, store: RunStore) -> str:
    """Name the first of the runs that continue each other: what it began elsewhere may go on there."""
    while state.rerun_of:
        try:
            state = Run.get(state.rerun_of, store).state
        except RunNotFoundError:
            return state.rerun_of or state.name
    return state.name


def _task(state: RunState, given: Any) -> AnyTask:
    if given is not None and not isinstance(given, TaskTemplate):
        raise TypeError(f"task={given!r} is no task; give a task that replaces {state.task}")
    found = given if given is not None else find_task(state.task)
    if found is None:
        raise RuntimeUserError(
            "NotDefinedHere",
            f"run {state.name} ran {state.task}, which is not defined here: run the cell or import the "
            "module that defines it, or give task=...",
        )
    return found


def _inputs(
    state: RunState, task: AnyTask, changes: Mapping[str, Any], store: RunStore
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Complete the changes with the recorded inputs, as arguments of a call."""
    signature, types = task.interface.signature, {p.name: p.type for p in task.interface.inputs}
    recorded = unpack(state.root.inputs) if state.root.inputs is not None else {}
    for name in (*changes, *recorded):
        if name not in types:
            why = "which is to be changed" if name in changes else f"which run {state.name} was given"
            raise TypeError(f"{task.name}{signature} takes no {name!r}, {why}; run it anew: flyte.run(...)")
    _refuse_doubtful(state, {name: value for name, value in recorded.items() if name not in changes})
    what = f"inputs of run {state.name}"
    given = {**read(state.root.inputs, types, store.blobs, what, changes), **changes}
    return task.interface.arguments(given)


def _refuse_doubtful(state: RunState, recorded: Literals) -> None:
    """Refuse an input that was written only after the task may have changed it in place."""
    for name, literal in recorded.items():
        if AT_FAILURE.items() <= literal.metadata.items():
            raise ResultNotKeptError(
                f"{name!r} of the inputs of run {state.name} was written when the task had failed, which may "
                f"have changed it; give it: rerun(..., {name}=...)"
            )
