"""``show``: one run with its tree of actions, and why what failed did."""

import time
from argparse import Namespace
from collections.abc import Iterator, Sequence

from flyte_jupyter.engine.attached import goes_on
from flyte_jupyter.notebook.render.clusters import label
from flyte_jupyter.notebook.render.error import Cause, causes
from flyte_jupyter.notebook.render.marks import marked, marks
from flyte_jupyter.notebook.render.parity import parity_lines, parity_table
from flyte_jupyter.notebook.render.phases import look
from flyte_jupyter.notebook.render.summary import facts, summary, title, took
from flyte_jupyter.notebook.render.text import columns, duration, line, moment, shorten, size, table
from flyte_jupyter.notebook.render.tree import cpu, disk, gpu, peak
from flyte_jupyter.runs.events import ROOT
from flyte_jupyter.runs.parity import differences
from flyte_jupyter.runs.state import ActionState, RunState
from flyte_jupyter.terminal import found
from flyte_jupyter.terminal.screen import Paint, Screen

MANY = 200
"""More actions than these are folded, unless all are asked for."""

_HEAD = ("ID", "STATE", "BEGAN", "TOOK", "ATTEMPTS", "CPU", "MEMORY", "ASKED", "DISK", "GPU", "CACHE")
_RIGHT = (2, 3, 4, 5, 6)
_SELDOM = {"CPU", "MEMORY", "ASKED", "DISK", "GPU"}
_ID = 10
_NAME, _REASON = 48, 60

Branch = tuple[ActionState, str]


def show(args: Namespace, screen: Screen) -> int:
    """Print a run."""
    state = found.run(args.run, found.store()).state
    now = time.time()
    for part in head(state, now=now):
        screen.print(screen.paint.look(part, look(state.root)))
    if len(state.actions) > MANY and not args.all:
        folded = summary(state, now=now).splitlines()[2:]
        screen.print("\n" + "\n".join(folded))
        screen.print(f"\nAlike actions are folded; all {len(state.actions):,}: show {state.name} --all")
    else:
        _print_tree(state, now, screen)
    for cause in causes(state):
        screen.print("\n" + failed(cause, screen.paint))
    for text in parity_lines(state):
        screen.print("\nnot as here in " + text)
    if args.all and state.compared:
        screen.print(table(("", "HERE", "THERE"), parity_table(differences(state.compared.values()))))
    return 0


def head(state: RunState, *, now: float) -> Iterator[str]:
    """Tell what a run is and how it went, in a few lines."""
    seen = look(state.root)
    verb = "in" if state.ended is not None else "for"
    yield f"{seen.symbol} {seen.word} {verb} {duration(took(state, now))}  {title(state)}"
    words = [f"run {state.name}", state.task, state.mode, moment(state.started)]
    words += [f"Python {state.environment['python']}"] if "python" in state.environment else []
    yield line("  ·  ".join(words))
    places = [f"{name} {value}" for name, value in state.source.items() if name in {"notebook", "cell"}]
    places += [f"{name}={value}" for name, value in state.labels.items()]
    if places:
        yield line("  ·  ".join(places))
    if state.rerun_of:
        yield line(f"continues run {state.rerun_of}")
    if goes_on(state):
        yield line(
            f"its process is gone; it goes on at {state.source.get('endpoint')} as {state.source['remote']}. "
            f'flyte.remote.Run.get("{state.name}") follows it'
        )
    yield facts(state)


def tree(walked: Sequence[Branch], state: RunState, *, now: float) -> str:
    """Write actions as a table with a line of headers; the lines of the tree stand before the names."""
    told = marks(action for action, _ in walked)
    labels = [marked(label(action), told.get(action.name, "")) for action, _ in walked]
    names = [
        "ACTION",
        *(drawn + shorten(name, _NAME) for name, (_, drawn) in zip(labels, walked, strict=True)),
    ]
    width = max(map(columns, names))
    facts = _table([_row(action, state, now) for action, _ in walked]).splitlines()
    rows = zip(names, facts, strict=True)
    return "\n".join(f"{name}{' ' * (width - columns(name))}  {text}".rstrip() for name, text in rows)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Write rows below their headers, without the columns of what was asked for or measured nowhere."""
    kept = [i for i, name in enumerate(_HEAD) if name not in _SELDOM or any(row[i] for row in rows)]
    right = [at for at, i in enumerate(kept) if i in _RIGHT]
    return table([_HEAD[i] for i in kept], [[row[i] for i in kept] for row in rows], right)


def branches(state: RunState) -> list[Branch]:
    """Walk the tree, each action with the lines that lead to it; those that hang nowhere come last."""
    seen: set[str] = set()
    walked: list[Branch] = []
    for top in (ROOT, *state.actions):
        todo = [(top, "", "")]
        while todo:
            name, mark, indent = todo.pop()
            if name in seen or name not in state.actions:
                continue
            seen.add(name)
            walked.append((state.actions[name], mark))
            children = state.children(name)
            hung = [(child.name, i == len(children) - 1) for i, child in enumerate(children)]
            todo += [_hang(child, indent, last=last) for child, last in reversed(hung)]
    return walked


def failed(cause: Cause, paint: Paint) -> str:
    """Tell why actions failed, with the user's frames."""
    first, failure = cause.actions[0], cause.failure
    more = f" and {len(cause.actions) - 1:,} more" if len(cause.actions) > 1 else ""
    tries = f" in attempt {first.attempts[-1].number}" if len(first.attempts) > 1 else ""
    said = paint.look(f"{look(first).symbol} {look(first).word}", look(first))
    text = f"{said}{tries}: {line(label(first))} ({first.name[:_ID]}){more}"
    body = failure.traceback.rstrip() or f"{failure.code}: {failure.message}"
    return text + "\n" + "\n".join("  " + one for one in paint.user(body).splitlines())


def _print_tree(state: RunState, now: float, screen: Screen) -> None:
    walked = branches(state)
    lines = tree(walked, state, now=now).splitlines()
    screen.print("\n" + screen.paint(lines[0], "dim"))
    for text, (action, _) in zip(lines[1:], walked, strict=True):
        screen.print(screen.paint.look(text, look(action)))


def _hang(name: str, indent: str, *, last: bool) -> tuple[str, str, str]:
    return name, indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  ")


def _row(action: ActionState, state: RunState, now: float) -> tuple[str, ...]:
    seen = look(action)
    begun = action.queued if action.started is None else action.started
    ended = now if action.ended is None else action.ended
    return (
        action.name[:_ID],
        f"{seen.symbol} {seen.word}",
        "" if begun is None else f"+{duration(begun - state.started)}".replace("+< 1", "+0"),
        "" if begun is None else duration(ended - begun),
        str(len(action.attempts)) if len(action.attempts) > 1 else "",
        "" if cpu(action) is None else duration(cpu(action)),
        "" if peak(action) is None else size(peak(action)),
        " ".join(f"{name}={amount}" for name, amount in action.asked.items()),
        disk(action),
        gpu(action),
        _cached(action),
    )


def _cached(action: ActionState) -> str:
    if action.cache in ("", "disabled"):
        return ""
    return shorten(f"{action.cache}: {action.cache_reason}".removesuffix(": "), _REASON)
