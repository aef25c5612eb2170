"""What a running task knows of itself: ``ctx()``, groups, custom context, and how it calls other tasks."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from flyte_jupyter.blobs.paths import RawDataPath
from flyte_jupyter.drafts import drafted
from flyte_jupyter.ids import ActionID
from flyte_jupyter.tasks.checkpoint import Checkpoint, CheckpointPaths
from flyte_jupyter.tasks.report import Report

if TYPE_CHECKING:
    from flyte_jupyter.tasks.bundle import CodeBundle
    from flyte_jupyter.tasks.template import TaskTemplate

_EMPTY: Mapping[str, str] = MappingProxyType({})


def _none() -> Mapping[str, str]:
    return _EMPTY


@dataclass(frozen=True, slots=True)
class GroupData:
    """The group that actions are called in."""

    name: str


class Submit(Protocol):
    """How a running task calls another one; the engine puts it into the context."""

    def call(self, task: "TaskTemplate[..., Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run to the end and return the value; from a synchronous body."""

    def acall(
        self, task: "TaskTemplate[..., Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Awaitable[Any]:
        """Run and return the value; from an asynchronous body."""

    def trace(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Record a helper's call as an action of its own."""


Publish = Callable[[str, Report], None]
"""Keeps a flushed report of the action of the given name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """What all actions of one run share.

    Args:
        name: the run's name.
        mode: local, hybrid or remote.
        folder: the folder in which each run has one of its own.
        own_folder: the folder of the run's own files, if it is another one.
        raw_dir: where tasks put files, if not in the run's own folder.
        start_time: when the run began, UTC.
        image_cache: image identifier to URI, for images that are built.
        interactive: whether it was started from a notebook.
        disable_cache: whether results are neither looked up nor stored.
        overwrite_cache: whether results are stored but not looked up.
        env_vars: environment variables of every task of the run.
        labels: the user's labels.
        project: of the protocol's identity; free text here.
        domain: likewise.
        continues: the first of the runs that this one continues; empty if it continues none.
        publish: keeps a flushed report of the action of the given name.
    """

    name: str
    mode: str = "local"
    folder: Path = Path()
    own_folder: Path | None = None
    raw_dir: Path | None = None
    start_time: datetime | None = None
    image_cache: Mapping[str, str] = field(default_factory=_none)
    interactive: bool = False
    disable_cache: bool = False
    overwrite_cache: bool = False
    env_vars: Mapping[str, str] = field(default_factory=_none)
    labels: Mapping[str, str] = field(default_factory=_none)
    project: str | None = None
    domain: str | None = None
    continues: str = ""
    publish: Publish | None = None

    @property
    def base_dir(self) -> Path:
        """The folder of the run's own files; not made until something is put there."""
        return self.own_folder or self.folder / self.name


@dataclass(slots=True, eq=False)
class TaskContext:
    """What ``flyte.ctx()`` gives inside of a task. Treat as read-only.

    Args:
        action: the identity of this execution step.
        run: what all actions of the run share.
        version: the task's cache version; empty where it is not cached.
        attempt_number: the running attempt, from 1.
        group_data: the group that this action was called in.
        custom_context: text pairs that go down the tree of actions.
        data: what a task plugin's ``pre`` provides.
        code_bundle: the code that is shipped with the run, if any.
        over: whether nobody waits for this attempt any more.
    """

    action: ActionID
    run: RunScope
    version: str = ""
    attempt_number: int = 1
    group_data: GroupData | None = None
    custom_context: Mapping[str, str] = field(default_factory=_none)
    data: Mapping[str, Any] = field(default_factory=_none)
    code_bundle: "CodeBundle | None" = None
    over: bool = False
    _report: Report | None = field(default=None, repr=False)

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    @property
    def report(self) -> Report:
        """The report of this action; made when first asked for."""
        if self._report is None:
            publish, name = self.run.publish, self.action.name
            sink = None if publish is None else lambda report: publish(name, report)
            self._report = Report(name, sink)
        return self._report

    @property
    def mode(self) -> str:
        """Local, hybrid or remote."""
        return self.run.mode

    @property
    def run_base_dir(self) -> Path:
        """The folder of the run's own files."""
        return self.run.base_dir

    @property
    def input_path(self) -> Path:
        """Where this action's inputs are, if they are written."""
        return self._folder / "inputs.pb"

    @property
    def output_path(self) -> Path:
        """The folder for what this action writes."""
        return self._folder

    @property
    def raw_data_path(self) -> RawDataPath:
        """Where the task may put files that its outputs point to."""
        raw = self.run.raw_dir
        return RawDataPath(str(self._folder / "raw" if raw is None else raw / self.action.name))

    @property
    def compiled_image_cache(self) -> Mapping[str, str]:
        """Image identifier to URI, for images that are built."""
        return self.run.image_cache

    @property
    def run_start_time(self) -> datetime | None:
        """When the run began, UTC; the same for all its actions."""
        return self.run.start_time

    @property
    def interactive_mode(self) -> bool:
        """Whether the run was started from a notebook."""
        return self.run.interactive

    @property
    def disable_run_cache(self) -> bool:
        """Whether the run neither looks results up nor stores them."""
        return self.run.disable_cache

    @property
    def checkpoints(self) -> CheckpointPaths:
        """Where this attempt saves its checkpoint, and where the previous attempt did."""
        folder = self._folder / "checkpoints"
        previous = folder / str(self.attempt_number - 1) if self.attempt_number > 1 else None
        return CheckpointPaths(previous, folder / str(self.attempt_number))

    @property
    def checkpoint_paths(self) -> CheckpointPaths:
        """Another name of ``checkpoints``."""
        return self.checkpoints

    @property
    def checkpoint(self) -> Checkpoint:
        """Save and load this action's progress."""
        return Checkpoint(self.checkpoints.checkpoint_path, self.checkpoints.prev_checkpoint_path)

    def is_in_cluster(self) -> bool:
        """Whether the task runs on a cluster."""
        return self.run.mode == "remote"

    def replace(self, **changes: Any) -> "TaskContext":
        """Make a copy with some fields changed."""
        return replace(self, **changes)

    @property
    def _folder(self) -> Path:
        return self.run.base_dir / self.action.name


class NullTaskContext:
    """What ``flyte.ctx()`` gives outside of a task: falsy, and every field is None."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)

    def __repr__(self) -> str:
        return "<no task is running>"


@drafted
@dataclass(frozen=True, slots=True)
class ContextData:
    """One level of context.

    Args:
        task: the running task's context; None outside of a task.
        group: the group that is open.
        custom: text pairs that go down the tree of actions.
        submit: how to call another task.
        traced: the traced helper that is running.
    """

    task: TaskContext | None = None
    group: GroupData | None = None
    custom: Mapping[str, str] = field(default_factory=_none)
    submit: Submit | None = None
    traced: str | None = None


Context = ContextData
"""The context is one frozen value in one context variable, so threads and coroutines see their own."""

_NOWHERE = ContextData()
_NULL = NullTaskContext()
current: ContextVar[ContextData] = ContextVar("flyte_jupyter_context", default=_NOWHERE)


def ctx() -> TaskContext | NullTaskContext:
    """Give the running task's context; outside of a task, something falsy."""
    return current.get().task or _NULL


class _Group(ContextDecorator):
    """A class, as ``map`` opens one for each call: a generator takes five times as long."""

    __slots__ = ("_data", "_token")

    def __init__(self, data: GroupData) -> None:
        self._data = data
        self._token: Token[ContextData] | None = None

    def __enter__(self) -> None:
        here = current.get()
        self._token = current.set(ContextData(here.task, self._data, here.custom, here.submit, here.traced))

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            current.reset(self._token)

    def _recreate_cm(self) -> "_Group":
        """Give each call of what it decorates a token of its own."""
        return _Group(self._data)


def group(name: str) -> _Group:
    """Put the actions that are called inside into a named group."""
    return _Group(GroupData(name))


@contextmanager
def custom_context(**pairs: str) -> Iterator[None]:
    """Pass text pairs down the tree of actions that are called inside."""
    for key, value in pairs.items():
        if not isinstance(value, str):
            raise TypeError(f"custom_context({key}={value!r}): values are text; convert it with str()")
    here = current.get()
    with _changed(replace(here, custom=MappingProxyType({**here.custom, **pairs}))):
        yield


def get_custom_context() -> Mapping[str, str]:
    """Give the text pairs that were passed down to here."""
    return current.get().custom


@contextmanager
def _changed(data: ContextData) -> Iterator[None]:
    token = current.set(data)
    try:
        yield
    finally:
        current.reset(token)
