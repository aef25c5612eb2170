"""Events as MessagePack arrays: the compact form in which they are kept.

An event is ``[code, action, time, *own fields in declared order]``; its run is known from where it is
kept. Codes are places in ``KINDS``: kinds and fields are only ever added at the end, so older forms
stay readable.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

import msgpack  # type: ignore[import-untyped]

from flyte_jupyter.drafts import draft
from flyte_jupyter.runs.events import KINDS, Event, Failure

_OWN = {cls: tuple(f.name for f in fields(cls) if f.name != "run") for cls in KINDS.values()}
_WRITERS = {cls: (code, attrgetter(*names)) for code, (cls, names) in enumerate(_OWN.items())}
_READERS = {
    code: (cls, names, names.index("failure") + 1 if "failure" in names else 0, draft(cls))
    for code, (cls, names) in enumerate(_OWN.items())
}
_FAILURE = tuple(f.name for f in fields(Failure))


def packer() -> Callable[[Event], bytes]:
    """Make a function that packs one event; it is not for two threads at once."""
    pack = msgpack.Packer(default=_plain, unicode_errors="surrogatepass").pack
    writers = _WRITERS

    def packed(event: Event) -> bytes:
        code, values = writers[type(event)]
        data: bytes = pack((code, *values(event)))
        return data

    return packed


def unpacked(run: str, body: bytes) -> Iterator[Event]:
    """Read events that were packed one after the other; a newer version's kind is a bare ``Event``.

    Raises:
        ValueError: these bytes are not events.
    """
    rows = msgpack.Unpacker(use_list=False, unicode_errors="surrogatepass", max_buffer_size=len(body) or 1)
    rows.feed(body)
    for row in rows:
        yield _event(run, row)


def _event(run: str, row: Any) -> Event:
    try:
        found = _READERS.get(row[0])
        if found is None:
            return Event(run=run, action=row[1], time=row[2])
        cls, names, failure, empty = found
        if failure:
            row = (
                *row[:failure],
                Failure(**dict(zip(_FAILURE, row[failure], strict=False))),
                *row[failure + 1 :],
            )
        if len(row) <= len(names):  # an older form, before the last fields were added
            return cls(run=run, **dict(zip(names, row[1:], strict=False)))
        event = object.__new__(empty)
        event.run = run
        for name, value in zip(names, row[1:], strict=False):
            setattr(event, name, value)
        event.__class__ = cls
    except (TypeError, LookupError) as error:
        raise ValueError(f"not an event: {error}") from error
    read: Event = event
    return read


def _plain(value: Any) -> Any:
    """What MessagePack does not know: a failure, a mapping that is no dict; anything else as text."""
    if isinstance(value, Failure):
        return (value.code, value.message, value.traceback, value.kind)
    return dict(value) if isinstance(value, Mapping) else str(value)
