"""Pages of a frame: sorted and filtered as Arrow data, values as short texts."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from flyte_jupyter.notebook.render.shapes import shown
from flyte_jupyter.notebook.render.views import view_of

MOST_ROWS, MOST_COLUMNS = 200, 100
"""At most so many of a page's rows, and so many of the first columns, are in one message."""

CELL = 120
_NO = pa.scalar(False)
_UP: tuple[str, Literal["ascending"]] = ("rank", "ascending")
_DOWN: tuple[str, Literal["descending"]] = ("rank", "descending")
_UNFIT = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError)

Page = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which page of what.

    Args:
        page: its number, from 0.
        size: rows on a page.
        sort: the column to sort by; None leaves the rows in their order.
        descending: the largest first.
        text: only rows that hold it, in upper or lower case.
        column: the column to look for it in; None looks in all.
    """

    page: int = 0
    size: int = 20
    sort: int | None = None
    descending: bool = False
    text: str = ""
    column: int | None = None

    @classmethod
    def of(cls, message: Mapping[str, Any], columns: int) -> "Wanted":
        """Read a front end's message; what cannot be is replaced by what is nearest."""
        return cls(
            page=max(0, _whole(message.get("page"), 0)),
            size=min(MOST_ROWS, max(1, _whole(message.get("size"), 20))),
            sort=_place(message.get("sort"), columns),
            descending=message.get("descending") is True,
            text=str(message.get("text") or ""),
            column=_place(message.get("column"), columns),
        )


class Pages:
    """A frame to page through; for several threads.

    Args:
        frame: a pandas or polars DataFrame or an Arrow table; it is not changed.
    """

    def __init__(self, frame: Any) -> None:
        self._lock = threading.Lock()
        self.table = table_of(frame)
        self.rows = self.table.num_rows
        self._columns = [_Column(column) for column in self.table.columns[:MOST_COLUMNS]]
        self._order: tuple[Any, Any] = (None, None)
        self._chosen: tuple[Any, Any] = (None, None)

    def page(self, wanted: Wanted) -> Page:
        """Give a page; one behind the last is the last."""
        with self._lock:
            chosen = self._choose(wanted)
            count = self.rows if chosen is None else len(chosen)
            last = max(0, (count - 1) // wanted.size)
            page = min(wanted.page, last)
            begin = page * wanted.size
            size = min(wanted.size, count - begin)
            places = pa.array(range(begin, begin + size)) if chosen is None else chosen.slice(begin, size)
            rows = list(zip(*(column.texts_at(places) for column in self._columns), strict=True))
        return {
            "rows": [list(row) for row in rows],
            "page": page,
            "pages": last + 1,
            "begin": begin,
            "matched": count,
            "total": self.rows,
        }

    def _choose(self, wanted: Wanted) -> Any:
        """Give the places of the wanted rows in their order; None for all as they are."""
        key = (wanted.sort, wanted.descending, wanted.text, wanted.column)
        if self._chosen[0] != key:
            order, mask = self._sorted(wanted.sort, descending=wanted.descending), self._mask(wanted)
            if order is not None and mask is not None:
                order = order.filter(mask.take(order))
            elif mask is not None:
                order = pc.indices_nonzero(mask)
            self._chosen = (key, order)
        return self._chosen[1]

    def _sorted(self, sort: int | None, *, descending: bool) -> Any:
        key = (sort, descending)
        if sort is not None and self._order[0] != key:
            keys = [_DOWN if descending else _UP]
            ranks = pa.table({"rank": self._columns[sort].ranks})
            self._order = (key, pc.sort_indices(ranks, sort_keys=keys))
        return None if sort is None else self._order[1]

    def _mask(self, wanted: Wanted) -> Any:
        if not wanted.text:
            return None
        columns = self._columns if wanted.column is None else [self._columns[wanted.column]]
        mask = pa.array([False]).take(pa.repeat(0, self.rows))
        for column in columns:
            mask = pc.or_(mask, column.holds(wanted.text.lower()))
        return mask


class _Column:
    """A column by its different values: what is done to text or order is done once for each of them."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def texts_at(self, places: Any) -> list[str | None]:
        """Write the values at some places."""
        part = self._values.take(places)
        try:
            values = part.to_pylist()
        except (ValueError, OverflowError):  # nanoseconds and years that datetime cannot hold
            values = [str(value) if value.is_valid else None for value in part]
        return [None if value is None else shown(value, CELL) for value in values]

    def holds(self, text: str) -> Any:
        """Tell which values hold a text in lower case."""
        codes, _ = self._coded
        return pc.fill_null(pc.match_substring(self._texts, text).take(codes), _NO)

    @cached_property
    def ranks(self) -> Any:
        """The place of each value in their order; missing ones have none."""
        codes, values = self._coded
        try:
            order = pc.sort_indices(values)
        except _UNFIT:
            values = self._texts
            order = pc.sort_indices(values)
        ranks = pc.sort_indices(order)  # the inverse of a permutation is what sorts it
        if pa.types.is_floating(values.type):
            ranks = pc.if_else(pc.is_nan(values), None, ranks)
        return ranks.take(codes)

    @cached_property
    def _coded(self) -> tuple[Any, Any]:
        """The number of each value among the different ones, and these."""
        whole = self._values.combine_chunks()
        if pa.types.is_dictionary(whole.type):
            whole = whole.dictionary_decode()
        try:
            coded = whole.dictionary_encode()
        except _UNFIT:
            texts = self.texts_at(pa.array(range(len(whole))))
            coded = pa.array(texts, pa.string()).dictionary_encode()
        return coded.indices, coded.dictionary

    @cached_property
    def _texts(self) -> Any:
        """The different values as text in lower case."""
        _, values = self._coded
        try:
            texts = pc.cast(values, pa.string())
        except _UNFIT:
            texts = pa.array([shown(value, CELL) for value in values.to_pylist()], pa.string())
        return pc.utf8_lower(texts)


def table_of(frame: Any) -> Any:
    """Make an Arrow table of a frame; labels of rows that say something become its first column.

    Raises:
        TypeError: it is no frame that is in memory.
    """
    view = view_of(frame)
    if isinstance(frame, pa.Table):
        return frame.combine_chunks()
    if hasattr(frame, "to_arrow"):
        return frame.to_arrow().combine_chunks()
    if not hasattr(frame, "iloc"):
        return pa.Table.from_batches([frame])
    columns = [frame.iloc[:, i] for i in range(frame.shape[1])]
    names = [str(name) for name in frame.columns]
    label = view.index(view.rows)
    if label is not None:
        columns, names = [label[1], *columns], [label[0], *names]
    return pa.table([pa.chunked_array([_array(column)]) for column in columns], names)


def _array(values: Any) -> Any:
    try:
        found = pa.array(values, from_pandas=True)
    except _UNFIT:
        missing = values.isna() if hasattr(values, "isna") else [value is None for value in values]
        texts = [None if gone else shown(value, CELL) for value, gone in zip(values, missing, strict=True)]
        return pa.array(texts, pa.string())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _place(value: Any, columns: int) -> int | None:
    found = _whole(value, -1)
    return found if 0 <= found < min(columns, MOST_COLUMNS) else None
