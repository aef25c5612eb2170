"""Secret values, and their removal from everything that is shown or kept."""

import base64
import re
import threading

MASK = "***"
_SHORTEST = 4
"""Shorter values are not looked for: they would blot out ordinary text."""

_lock = threading.Lock()
_values: set[str] = set()
_pattern: re.Pattern[str] | None = None
_longest = 0


def remember(value: str) -> None:
    """Redact this value from now on, also where it is base64-encoded or written over several lines."""
    global _pattern, _longest  # noqa: PLW0603 - one table for the process, as secrets are
    forms = {f for f in _forms(value) if len(f) >= _SHORTEST}
    with _lock:
        if forms <= _values:
            return
        _values.update(forms)
        ordered = sorted(_values, key=len, reverse=True)
        _pattern = re.compile("|".join(_spread(v) for v in ordered))
        _longest = max(map(len, ordered)) * 2


def redact(text: str) -> str:
    """Put ``***`` in place of every secret value."""
    return _pattern.sub(MASK, text) if _pattern is not None else text


def is_needed() -> bool:
    """Whether any secret value is known to this process."""
    return _pattern is not None


def safe_length(text: str) -> int:
    """Give how much of a text may be shown before more of it is known: a secret may begin in the rest."""
    if _pattern is None:
        return len(text)
    start = max(0, len(text) - _longest)
    for position in range(start, len(text)):
        tail = "".join(text[position:].split())
        if tail and any(v.startswith(tail) for v in _values):
            return position
    return len(text)


def _forms(value: str) -> set[str]:
    """Give the value, its lines, and its base64 forms at each of the three alignments."""
    out = {value, value.strip()}
    out.update(line.strip() for line in value.splitlines())
    raw = value.encode()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # The characters at both ends also depend on the neighbouring bytes, so they are left out.
            text = encode(b"\0" * shift + raw).decode().rstrip("=")
            first = (shift * 8 + 5) // 6
            out.add(text[first : len(text) - (1 if (shift + len(raw)) % 3 else 0)])
    return out


def _spread(value: str) -> str:
    """Match a value also where it is broken over lines."""
    return r"[\r\n]*".join(re.escape(c) for c in value)
