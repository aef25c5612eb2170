"""One way to look at frames of pandas, polars and Arrow: read by their own methods, without imports."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

Labels: TypeAlias = tuple[str, Sequence[object]]
"""What labels of rows are called, and the labels."""


class View(Protocol):
    """What a preview reads of a frame. Columns go by position: names may be doubled."""

    @property
    def rows(self) -> int:
        """Count the rows."""

    @property
    def names(self) -> Sequence[object]:
        """List the columns' names."""

    @property
    def library(self) -> str:
        """Name the library."""

    def dtype(self, column: int) -> str:
        """Name a column's type."""

    def nulls(self, column: int) -> int:
        """Count a column's missing values."""

    def values(self, column: int, places: Sequence[int]) -> list[object]:
        """Read the values of a column at some rows as Python objects; missing ones are None."""

    def index(self, count: int) -> Labels | None:
        """Read the labels of the first rows, where the frame has any that say something."""


def view_of(frame: Any) -> View:
    """Find the view for a frame.

    Raises:
        TypeError: it is no frame that is in memory.
    """
    kinds: tuple[tuple[str, str, type[Pandas | Polars | Arrow]], ...]
    kinds = (
        ("iloc", "columns", Pandas),
        ("gather_every", "to_series", Polars),
        ("num_columns", "take", Arrow),
    )
    for one, other, view in kinds:
        if hasattr(type(frame), one) and hasattr(type(frame), other):  # of the type: a property might compute
            return view(frame)
    raise TypeError(
        f"no preview of a {type(frame).__qualname__}; a pandas or polars DataFrame or an Arrow table has one"
    )


class Pandas:
    """A pandas DataFrame."""

    library = "pandas"

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.rows = len(frame)
        self.names = list(frame.columns)

    def dtype(self, column: int) -> str:
        """Name a column's type."""
        return str(self._frame.dtypes.iloc[column])

    def nulls(self, column: int) -> int:
        """Count a column's missing values."""
        return int(self._frame.iloc[:, column].isna().sum())

    def values(self, column: int, places: Sequence[int]) -> list[object]:
        """Read some values."""
        part = self._frame.iloc[list(places), column]
        return [
            None if gone else value for value, gone in zip(part.tolist(), part.isna().tolist(), strict=True)
        ]

    def index(self, count: int) -> Labels | None:
        """Read the index, unless it only numbers the rows."""
        index = self._frame.index
        if (
            type(index).__name__ == "RangeIndex"
            and index.start == 0
            and index.step == 1
            and index.name is None
        ):
            return None
        name = " / ".join("" if n is None else str(n) for n in index.names)
        return name, index[:count].tolist()


class Polars:
    """A polars DataFrame."""

    library = "polars"

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.rows = frame.height
        self.names = frame.columns

    def dtype(self, column: int) -> str:
        """Name a column's type."""
        return str(self._frame.dtypes[column])

    def nulls(self, column: int) -> int:
        """Count a column's missing values."""
        return int(self._frame.to_series(column).null_count())

    def values(self, column: int, places: Sequence[int]) -> list[object]:
        """Read some values."""
        return list(self._frame.to_series(column).gather(list(places)).to_list())

    def index(self, count: int) -> Labels | None:  # noqa: ARG002 - the protocol's
        """There is none."""
        return None


class Arrow:
    """An Arrow table or record batch."""

    library = "arrow"

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.rows = frame.num_rows
        self.names = frame.schema.names

    def dtype(self, column: int) -> str:
        """Name a column's type."""
        return str(self._frame.schema.field(column).type)

    def nulls(self, column: int) -> int:
        """Count a column's missing values."""
        return int(self._frame.column(column).null_count)

    def values(self, column: int, places: Sequence[int]) -> list[object]:
        """Read some values."""
        return _python(self._frame.column(column).take(list(places)))

    def index(self, count: int) -> Labels | None:  # noqa: ARG002 - the protocol's
        """There is none."""
        return None


def _python(values: Any) -> list[object]:
    try:
        return list(values.to_pylist())
    except (ValueError, OverflowError):  # nanoseconds and years that datetime cannot hold
        return [str(value) for value in values]
