"""Secret values, and their removal from everything that is shown or kept."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flyte_jupyter.guards import guard

MASK = "***"

_SHORTEST = 4
"""Shorter values are not looked for: they would blot out ordinary text."""

_SAFE = 8
"""Shorter values are looked for as whole words only, and not in base64, where chance would find them."""

_TELLING = 6
"""Characters of a secret at the end of a finished line that are held back until more is known."""

_BREAKS = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class _Known:
    """All values to look for: replaced as a whole, so that readers need no lock."""

    values: frozenset[str]
    anywhere: re.Pattern[str]
    long: re.Pattern[str] | None
    longest: int


_lock = guard()
_known: _Known | None = None


def remember(value: str) -> None:
    """Redact this value from now on, also where it is base64-encoded or written over several lines."""
    global _known  # noqa: PLW0603 - one table for the process, as secrets are
    forms = _forms(value)
    if _known is not None and forms <= _known.values:
        return
    with _lock:
        values = forms | (_known.values if _known is not None else frozenset())
        if values:
            _known = _table(values)


def known() -> frozenset[str]:
    """Give everything that is looked for, for another process of the same run."""
    return _known.values if _known is not None else frozenset()


def adopt(forms: Iterable[str]) -> None:
    """Look for what another process looks for, as it is."""
    global _known  # noqa: PLW0603 - one table for the process, as secrets are
    with _lock:
        values = known().union(forms)
        if values:
            _known = _table(values)


def redact(text: str) -> str:
    """Put ``***`` in place of every secret value."""
    return _known.anywhere.sub(MASK, text) if _known is not None else text


def redacted(texts: Mapping[str, str]) -> dict[str, str]:
    """Redact the values of a mapping."""
    return {name: redact(text) for name, text in texts.items()}


def is_needed() -> bool:
    """Whether any secret value is known to this process."""
    return _known is not None


def holds(text: str) -> bool:
    """Whether a secret value is in the text; those so short that chance may put them there do not count."""
    known = _known
    return known is not None and known.long is not None and known.long.search(text) is not None


def safe_length(text: str) -> int:
    """Give how much of a text may be shown before more of it is known: a secret may begin in the rest."""
    known = _known
    if known is None or not text:
        return len(text)
    tail = text[-2 * known.longest :]
    squeezed = _BREAKS.sub("", tail)
    least = _TELLING if text[-1] in "\r\n" else 1
    held = max((_overlap(squeezed, value, least) for value in known.values), default=0)
    return len(text) - _unsqueezed(tail, held)


def _overlap(text: str, value: str, least: int) -> int:
    """Count the characters at the end of a text that are the beginning of a value, but not all of it."""
    start = max(0, len(text) - len(value) + 1)
    while (start := text.find(value[0], start)) >= 0:
        if len(text) - start < least:
            return 0
        if value.startswith(text[start:]):
            return len(text) - start
        start += 1
    return 0


def _unsqueezed(text: str, count: int) -> int:
    """Count how long the end of a text is that holds so many characters besides line breaks."""
    length = 0
    while count:
        length += 1
        count -= text[-length] not in "\r\n"
    return length


def _forms(value: str) -> frozenset[str]:
    """Give the value, its lines, and its base64 forms at each of the three alignments."""
    out = {value, value.strip()}
    out.update(line.strip() for line in value.splitlines())
    return frozenset(form for form in out if len(form) >= _SHORTEST) | frozenset(_encoded(value))


def _encoded(value: str) -> set[str]:
    out = set()
    raw = value.encode("utf-8", "surrogatepass")
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The characters at both ends also depend on the neighbouring bytes, so they are left out.
            text = encode(b"\0" * shift + raw).decode().rstrip("=")
            first = (shift * 8 + 5) // 6
            out.add(text[first : len(text) - (1 if (shift + len(raw)) % 3 else 0)])
    return {form for form in out if len(form) >= _SAFE}


def _table(values: frozenset[str]) -> _Known:
    ordered = sorted(values, key=lambda value: (-len(value), value))
    long = [_spread(value) for value in ordered if len(value) >= _SAFE]
    return _Known(
        values=values,
        anywhere=re.compile("|".join([*long, *(_word(value) for value in ordered if len(value) < _SAFE)])),
        long=re.compile("|".join(long)) if long else None,
        longest=len(ordered[0]),
    )


def _spread(value: str) -> str:
    """Match a value also where it is broken over lines."""
    return r"[\r\n]*".join(re.escape(c) for c in value)


def _word(value: str) -> str:
    return rf"(?<!\w){_spread(value)}(?!\w)"
