"""How each state of an action looks: a word, a symbol and a colour, never the colour alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from flyte_jupyter.notebook.render.html import Html, tag
from flyte_jupyter.runs.state import ActionState, Phase


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """How a state looks; there is one object for each.

    Args:
        word: what it is called.
        symbol: one character for it.
        colour: a ground on which white text reads, and a bar that stands out from white and from ``#111``.
        urgent: the smaller, the more a person wants to see it first.
    """

    word: str
    symbol: str
    colour: str
    urgent: int


_GREY = "#6b7280"

LOOKS: Mapping[Phase, Look] = {
    Phase.QUEUED: Look(word="queued", symbol="○", colour=_GREY, urgent=7),
    Phase.WAITING_FOR_RESOURCES: Look(word="waiting", symbol="◌", colour=_GREY, urgent=6),
    Phase.INITIALIZING: Look(word="starting", symbol="◔", colour="#3f6fb5", urgent=5),
    Phase.RUNNING: Look(word="running", symbol="●", colour="#3f6fb5", urgent=4),
    Phase.SUCCEEDED: Look(word="succeeded", symbol="✓", colour="#3b7d56", urgent=9),
    Phase.FAILED: Look(word="failed", symbol="✗", colour="#bb4640", urgent=0),
    Phase.ABORTED: Look(word="aborted", symbol="■", colour="#9a6a14", urgent=2),
    Phase.TIMED_OUT: Look(word="timed out", symbol="◷", colour="#b04a6f", urgent=1),
    Phase.PAUSED: Look(word="paused", symbol="‖", colour="#8058b8", urgent=6),
    Phase.RECOVERED: Look(word="recovered", symbol="↺", colour="#2a7a86", urgent=8),
    Phase.INTERRUPTED: Look(word="interrupted", symbol="⊘", colour="#9a6a14", urgent=3),
}
CACHED = Look(word="cached", symbol="◆", colour="#2a7a86", urgent=10)
"""Succeeded without running: the result was in the cache."""

_WITHOUT_RUNNING: Mapping[str, Look] = {"hit": CACHED, "replayed": LOOKS[Phase.RECOVERED]}
"""By what the cache said: succeeded without running."""

ORDER: tuple[Look, ...] = tuple(sorted((*LOOKS.values(), CACHED), key=lambda look: -look.urgent))
"""All looks, the calm ones first, as counts are told."""

BAD = frozenset({Phase.FAILED, Phase.TIMED_OUT, Phase.ABORTED, Phase.INTERRUPTED})
"""Phases of which a person wants to know why."""

BAD_LOOKS = frozenset(LOOKS[phase] for phase in BAD)


def look(action: ActionState) -> Look:
    """Find how an action looks."""
    if action.phase is not Phase.SUCCEEDED:
        return LOOKS[action.phase]
    return _WITHOUT_RUNNING.get(action.cache, LOOKS[Phase.SUCCEEDED])


def tally(actions: Iterable[ActionState]) -> dict[Look, int]:
    """Count looks, in the order in which they are told."""
    found: dict[Look, int] = {}
    for action in actions:
        seen = look(action)
        found[seen] = found.get(seen, 0) + 1
    return ordered(found)


def ordered(counts: Mapping[Look, int]) -> dict[Look, int]:
    """Put counts in the order in which they are told."""
    return {one: counts[one] for one in ORDER if one in counts}


def told(counts: Mapping[Look, int]) -> str:
    """Tell counts in words: ``"3 succeeded, 1 failed"``."""
    return ", ".join(f"{count:,} {one.word}" for one, count in counts.items())


@cache
def badge(one: Look) -> Html:
    """Show a state as its symbol on its colour; the word has to stand beside it."""
    style = f"background:{one.colour};color:#fff;border-radius:3px;padding:0 4px;font-size:11px"
    return tag("span", one.symbol, style=style)


@cache
def pill(one: Look) -> Html:
    """Show a state as symbol and word on its colour."""
    shape = "border-radius:10px;padding:2px 10px;font-size:12px;white-space:nowrap"
    style = f"background:{one.colour};color:#fff;{shape}"
    return tag("span", f"{one.symbol} {one.word}", style=style)
