"""``cache`` and ``why``: which results are kept, and why one was taken or not."""

import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence

from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.render.phases import look
from flyte_jupyter.notebook.render.text import ago, line, moment, plural, shorten, size, table
from flyte_jupyter.notebook.why import LATEST, asked
from flyte_jupyter.runs.results import Entry, ResultCache
from flyte_jupyter.runs.state import ActionState
from flyte_jupyter.runs.store import RunStore
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Screen, UsageError

_KEY = 12
_ENTRIES = ("KEY", "TASK", "SIZE", "HITS", "MADE", "USED", "BY RUN")
_VERDICTS = ("RUN", "ACTION", "WHEN", "CACHE", "WHY")


def entries(args: Namespace, screen: Screen) -> int:
    """List kept results."""
    where = found.store()
    chosen = kept(where, args.task)
    if not chosen:
        return _nothing(where, args.task, screen)
    now = time.time()
    screen.print(table(_ENTRIES, [_row(where, one, now) for one in chosen[: args.limit]], (2, 3)))
    blobs = {blob for one in chosen for blob in one.blobs}
    total = sum(len(one.outputs) for one in chosen) + sum(map(where.blobs.size, blobs))
    screen.tell(f"{plural(len(chosen), 'result')}, {size(total)}")
    return 0


def _nothing(where: RunStore, task: str | None, screen: Screen) -> int:
    screen.tell(f"no results are kept in {where.folder}" + (f" of {task}" if task else ""))
    return 0


def explain(args: Namespace, screen: Screen) -> int:
    """Tell what a kept result, or each of a task's, is made of."""
    where = found.store()
    chosen = kept(where, args.what) or [_entry(where, args.what)]
    for number, entry in enumerate(chosen[: args.limit]):
        screen.print("\n".join((*([""] if number else ()), *told(where, entry))))
    if len(chosen) > args.limit:
        screen.tell(f"the newest {args.limit} of {plural(len(chosen), 'result')}; --limit tells of more")
    return 0


def clear(args: Namespace, screen: Screen) -> int:
    """Remove kept results."""
    if None not in (args.named, args.task):
        raise UsageError(f"{args.named}, and --task {args.task}: name one task")
    args.task = args.task or args.named
    given = (args.task, args.older_than, args.key)
    if not args.all and all(one is None for one in given):
        raise UsageError("say which results: TASK, --older-than or --key; or --all")
    where = found.store()
    if args.task is not None and not kept(where, args.task):
        return _nothing(where, args.task, screen)
    cache = ResultCache(where)
    key = _entry(where, args.key).key if args.key is not None else None
    names = {one.task for one in kept(where, args.task)} if args.task is not None else {None}
    removed = sum(cache.clear(task=name, older_than=args.older_than, key=key) for name in names)
    screen.tell(f"{plural(removed, 'result')} removed; gc frees the space")
    return 0


def why(args: Namespace, screen: Screen) -> int:
    """Tell when a task's result was taken from the cache lately, and why it was not."""
    where = found.store()
    verdicts = list(asked(where, args.task, args.limit))
    if not verdicts:
        screen.tell(f"no task {args.task!r} has asked the cache in the last {LATEST} runs of {where.folder}")
        return 1
    now = time.time()
    lines = table(_VERDICTS, [_verdict(*one, now) for one in verdicts]).splitlines()
    screen.print(screen.paint(lines[0], "dim"))
    for text, (_, action) in zip(lines[1:], verdicts, strict=True):
        screen.print(screen.paint.look(text, look(action)))
    return 0


def kept(where: RunStore, task: str | None = None) -> list[Entry]:
    """List kept results, the newest first, of one task by its qualified or short name."""
    return [one for one in ResultCache(where).entries() if task in (None, one.task, _short(one.task))]


def told(where: RunStore, entry: Entry) -> Iterator[str]:
    """Tell what a result is: its task and inputs, and the code that its version stands for."""
    yield f"{entry.key}  {line(entry.task)}"
    yield f"made   {moment(entry.created)} by run {entry.run}, action {entry.action}"
    yield f"used   {plural(entry.hits, 'time')}, last {moment(entry.used)}; {size(weight(where, entry))}"
    inputs = {n.removeprefix("input "): d for n, d in entry.parts.items() if n.startswith("input ")}
    yield "inputs " + (", ".join(f"{line(n)} {str(d)[:_KEY]}" for n, d in inputs.items()) or "none")
    yield f"version {entry.version[:_KEY]}"
    code = entry.parts.get("slice")
    parts = code.get("parts", {}) if isinstance(code, Mapping) else {}
    for name, digest in parts.items():
        yield f"  {shorten(name, 60)}  {shorten(digest, 60)}"


def weight(where: RunStore, entry: Entry) -> int:
    """Count the bytes of a result; a blob that several results share counts for each."""
    return len(entry.outputs) + sum(map(where.blobs.size, entry.blobs))


def _row(where: RunStore, entry: Entry, now: float) -> Sequence[object]:
    made, used = ago(entry.created, now), ago(entry.used, now) if entry.hits else "never"
    return (
        entry.key[:_KEY],
        shorten(entry.task, 40),
        size(weight(where, entry)),
        entry.hits,
        made,
        used,
        entry.run,
    )


def _verdict(run: str, action: ActionState, now: float) -> Sequence[object]:
    asked_at = ago(action.queued or now, now)
    return run, action.name[:_KEY], asked_at, action.cache, action.cache_reason


def _entry(where: RunStore, key: str) -> Entry:
    fitting = [one for one in kept(where) if one.key.startswith(key)] if key else []
    if len(fitting) != 1:
        many = f"{len(fitting)} kept results have keys that begin" if fitting else ""
        raise Error(
            f"{many or 'no kept result is of a task or has a key that begins'} with {key!r}; "
            "list them: flyte-jupyter cache ls"
        )
    return fitting[0]


def _short(task: str) -> str:
    return task.rpartition(".")[2]
