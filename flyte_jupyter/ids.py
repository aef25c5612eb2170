"""Names that identify: digests, actions, runs."""

import hashlib
import os
import struct
from dataclasses import dataclass, replace
from itertools import count

from flyte_jupyter.drafts import drafted

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_WORD = 36**12
_EIGHT = struct.Struct("<8I")


address = object.__hash__
"""What ``id`` tells in another form. Each call of that one is told to whoever listens to opened files."""


def digest(tag: str, *parts: str | bytes) -> str:
    """Hash tagged, length-prefixed parts to 32 hex digits: equal only for equal tags and parts."""
    pieces: list[bytes] = []
    for part in (tag, *parts):
        data = part.encode() if isinstance(part, str) else part
        pieces += (b"%ds:" if isinstance(part, str) else b"%db:") % len(data), data
    return hashlib.blake2b(b"".join(pieces), digest_size=16).hexdigest()


def base36(number: int) -> str:
    """Write a non-negative integer with digits and lower-case letters."""
    out = []
    while number >= _WORD:  # arithmetic on machine words is several times faster
        number, word = divmod(number, _WORD)
        for _ in range(6):
            word, pair = divmod(word, 1296)
            out.append(_PAIRS[pair])
    while number >= 1296:  # noqa: PLR2004 - two digits at once
        number, pair = divmod(number, 1296)
        out.append(_PAIRS[pair])
    out.append(_PAIRS[number])
    out.reverse()
    return "".join(out).lstrip("0") or "0"


def random_name(prefix: str = "r") -> str:
    """Make a name that no other run has: a letter and 16 base-36 characters (over 80 random bits)."""
    pid, seed, counter = _source[0]
    if pid != os.getpid():  # at first, and in a forked child
        pid, seed, counter = _source[0] = (os.getpid(), os.urandom(32), count())
    found = hashlib.blake2b(b"%d" % next(counter), key=seed, digest_size=32).digest()
    return prefix + "".join([_PAIRS[number % len(_PAIRS)] for number in _EIGHT.unpack(found)])


_source: list[tuple[int, bytes, "count[int]"]] = [(0, b"", count())]


@drafted
@dataclass(frozen=True, slots=True)
class ActionID:
    """The identity of one execution step within a run."""

    name: str
    run_name: str = ""
    project: str | None = None
    domain: str | None = None
    org: str | None = None

    def __post_init__(self) -> None:
        if not self.run_name:
            object.__setattr__(self, "run_name", self.name)

    @classmethod
    def create_random(cls) -> "ActionID":
        """Make the identity of a new run's root."""
        return cls(random_name())

    def new_sub_action(self, name: str | None = None) -> "ActionID":
        """Name a child; a random one if no name is given."""
        return replace(self, name=name or random_name("a"))

    def new_sub_action_from(
        self, task_call_seq: int, task_hash: str, input_hash: str, group: str | None = None
    ) -> "ActionID":
        """Name a child by what it is, so that the same call in the same place has the same name."""
        return replace(self, name=sub_action_name(self.name, input_hash, task_hash, task_call_seq, group))


def sub_action_name(parent: str, inputs: str, task: str, seq: int, group: str | None) -> str:
    """Hash a call's place to a name, as the Flyte 2 protocol does (base 36 of an MD5)."""
    text = f"{parent}-{inputs}-{task}-{seq}" + (f"-{group}" if group else "")
    return base36(int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest(), "big"))
