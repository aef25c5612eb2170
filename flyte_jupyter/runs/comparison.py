"""What differs between two runs: code, inputs, outputs, surroundings, and how each task fared."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.runs.action import ActionState, Phase
from flyte_jupyter.runs.code import parts_of
from flyte_jupyter.runs.run import Run
from flyte_jupyter.runs.state import RunState
from flyte_jupyter.runs.values import KEPT, is_known
from flyte_jupyter.tasks.slicing import changes
from flyte_jupyter.types.literal import Binary, Blob, Literal, Map, StructuredDataset, Value, Variant
from flyte_jupyter.types.packed import unpack

_SHOWN = 80
_WITHOUT_RUNNING = ("hit", "replayed")
_BAD = (Phase.FAILED, Phase.TIMED_OUT, Phase.ABORTED, Phase.INTERRUPTED)
_SURROUNDINGS = ("package", "builtin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not the same in both runs.

    Args:
        name: what it is.
        before: in the first run; empty if it is not there.
        after: in the second run; empty if it is not there.
    """

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDifference:
    """How the code of one task differs.

    Args:
        task: its qualified name.
        sentences: the differences in words; empty if the code is the same.
        known: whether both runs' records tell the code.
    """

    task: str
    sentences: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fared:
    """How the actions of one task went in one run.

    Args:
        actions: how many there were.
        seconds: how long they ran, added up.
        attempts: how many attempts they took.
        cached: how many took earlier outputs instead of running.
        failed: how many did not end well.
        longest: how long the longest one ran.
    """

    actions: int = 0
    seconds: float = 0.0
    attempts: int = 0
    cached: int = 0
    failed: int = 0
    longest: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One task in both runs.

    Args:
        task: its qualified name.
        before: how it went in the first run.
        after: how it went in the second run.
    """

    task: str
    before: Fared
    after: Fared


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs side by side.

    Args:
        before: the first run's state.
        after: the second run's state.
        code: the tasks that both runs met and whose code differs or is not known.
        inputs: the root's inputs that differ.
        outputs: the root's outputs that differ.
        doubtful: inputs and outputs of which the records do not tell enough to compare them.
        surroundings: what else differs: mode, Python, packages, labels.
        tasks: how each task went.
    """

    before: RunState
    after: RunState
    code: tuple[CodeDifference, ...] = ()
    inputs: tuple[Difference, ...] = ()
    outputs: tuple[Difference, ...] = ()
    doubtful: tuple[str, ...] = ()
    surroundings: tuple[Difference, ...] = ()
    tasks: tuple[TaskRow, ...] = ()

    @property
    def same_outputs(self) -> bool | None:
        """Whether both returned the same; None if the records do not tell."""
        if self.outputs:
            return False
        told = self.before.root.outputs is not None and self.after.root.outputs is not None
        return True if told and not any(name.startswith("output ") for name in self.doubtful) else None


def compare(before: Run, after: Run) -> Comparison:
    """Compare two runs, of one task or of different ones.

    Raises:
        RunNotFoundError: one of them is not in its store any more.
    """
    first, second = before.state, after.state
    then, now = _parts(first, before.store.blobs), _parts(second, after.store.blobs)
    ins, doubts = _values(first.root.inputs, second.root.inputs, "input")
    outs, more = _values(first.root.outputs, second.root.outputs, "output")
    return Comparison(
        before=first,
        after=second,
        code=tuple(_code(first, second, then, now)),
        inputs=ins,
        outputs=outs,
        doubtful=(*doubts, *more),
        surroundings=tuple(_surroundings(first, second, then, now)),
        tasks=tuple(_tasks(first, second)),
    )


Parts = Mapping[str, Mapping[str, str]]
"""The parts of each task's slice, by the task's name."""


def _parts(state: RunState, blobs: BlobStore) -> dict[str, dict[str, str]]:
    found = {task: parts_of(seen, blobs) for task, seen in state.seen.items()}
    return {task: parts for task, parts in found.items() if parts is not None}


def _code(first: RunState, second: RunState, then: Parts, now: Parts) -> Iterator[CodeDifference]:
    for task in second.seen:
        if task not in first.seen or _is_same_code(first, second, task):
            continue
        if task not in then or task not in now:
            yield CodeDifference(task=task, known=False)
            continue
        found = changes.between(then[task], now[task])
        sentences = tuple(str(change) for change in found if change.kind not in _SURROUNDINGS)
        if sentences:
            yield CodeDifference(task=task, sentences=sentences)


def _is_same_code(first: RunState, second: RunState, task: str) -> bool:
    version = second.seen[task].version
    return bool(version) and version == first.seen[task].version


def _surroundings(first: RunState, second: RunState, then: Parts, now: Parts) -> Iterator[Difference]:
    yield from _pairs({"task": first.task, "mode": first.mode}, {"task": second.task, "mode": second.mode})
    yield from _pairs(first.environment, second.environment)
    yield from _pairs(_packages(then.values()), _packages(now.values()), only_both=True)
    yield from _pairs(
        {f"label {name}": text for name, text in first.labels.items()},
        {f"label {name}": text for name, text in second.labels.items()},
    )


def _packages(slices: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {part.name: part.text for one in slices for part in changes.parts(one) if part.kind == "package"}


def _pairs(
    before: Mapping[str, str], after: Mapping[str, str], *, only_both: bool = False
) -> Iterator[Difference]:
    for name in {**before, **after}:
        old, new = before.get(name, ""), after.get(name, "")
        if old != new and not (only_both and (name not in before or name not in after)):
            yield Difference(name=name, before=str(old), after=str(new))


def _values(
    before: bytes | None, after: bytes | None, what: str
) -> tuple[tuple[Difference, ...], tuple[str, ...]]:
    """Compare recorded values; also name those that cannot be compared."""
    old, new = _unpacked(before), _unpacked(after)
    if old is None or new is None:
        return (), (f"{what} values",)
    differs, doubts = [], []
    for name in {**old, **new}:
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            differs.append(Difference(name=name, before=_shown(one), after=_shown(other)))
        elif not _is_comparable(one, other):
            doubts.append(f"{what} {name}")
        elif _content(one) != _content(other):
            differs.append(Difference(name=name, before=_shown(one), after=_shown(other)))
    return tuple(differs), tuple(doubts)


def _unpacked(packed: bytes | None) -> dict[str, Literal] | None:
    if packed is None:
        return None
    try:
        return unpack(packed)
    except TypeTransformerFailedError:
        return None


def _is_comparable(one: Literal, other: Literal) -> bool:
    """Whether both are known, in the same way: by their values, or by hashes of their content."""
    return is_known(one) and is_known(other) and bool(one.hash) == bool(other.hash)


def _content(literal: Literal) -> object:
    return literal.hash or literal.value


def _shown(literal: Literal | None) -> str:
    """Show a recorded value in short."""
    if literal is None:
        return ""
    value = literal.value
    if isinstance(value, StructuredDataset | Blob):
        kind = "table" if isinstance(value, StructuredDataset) else "folder" if value.multipart else "file"
        mark = literal.hash or value.uri.removeprefix("blob://")
        return f"{kind} {_cut(mark, 12)}"
    if isinstance(value, Binary):
        told = (
            value.value.decode("utf-8", "replace")
            if value.tag == KEPT
            else f"object of {len(value.value):,} bytes"
        )
        return _cut(f"{told} {literal.hash[:12]}".strip(), _SHOWN)
    return _cut(repr(_plain(value)), _SHOWN)


def _plain(value: Value) -> object:
    if isinstance(value, Literal | Variant):
        return _plain(value.value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value[:_SHOWN]]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Map) else value


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _tasks(first: RunState, second: RunState) -> Iterator[TaskRow]:
    before, after = _grouped(first), _grouped(second)
    for task in {**before, **after}:
        yield TaskRow(task=task, before=_fared(before.get(task, ())), after=_fared(after.get(task, ())))


def _grouped(state: RunState) -> dict[str, list[ActionState]]:
    found: dict[str, list[ActionState]] = {}
    for action in state.actions.values():
        found.setdefault(action.task, []).append(action)
    return found


def _fared(actions: Iterable[ActionState]) -> Fared:
    actions = tuple(actions)
    times = [_seconds(action) for action in actions]
    count: Callable[[Iterable[bool]], int] = sum
    return Fared(
        actions=len(actions),
        seconds=sum(times),
        attempts=sum(len(action.attempts) for action in actions),
        cached=count(a.cache in _WITHOUT_RUNNING and a.phase is Phase.SUCCEEDED for a in actions),
        failed=count(a.phase in _BAD for a in actions),
        longest=max(times, default=0.0),
    )


def _seconds(action: ActionState) -> float:
    if action.started is None or action.ended is None:
        return 0.0
    return max(0.0, action.ended - action.started)
