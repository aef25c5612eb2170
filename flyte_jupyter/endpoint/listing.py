"""Filters, order and pages of the protocol's lists, as SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flyteidl2.common import list_pb2  # type: ignore[import-untyped]  # no stubs

from flyte_jupyter.errors import DefinitionError

_MOST = 1000
_USUAL = 100
_F = list_pb2.Filter
_COMPARED: Mapping[int, str] = {
    _F.EQUAL: "{} = ?", _F.NOT_EQUAL: "{} != ?", _F.GREATER_THAN: "{} > ?",
    _F.GREATER_THAN_OR_EQUAL: "{} >= ?", _F.LESS_THAN: "{} < ?", _F.LESS_THAN_OR_EQUAL: "{} <= ?",
    _F.CONTAINS: "instr({}, ?) > 0", _F.CONTAINS_CASE_INSENSITIVE: "instr(lower({}), lower(?)) > 0",
    _F.ENDS_WITH: "substr({0}, -length(?1)) = ?1",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Page:
    """What is asked for: a term of SQL with its values, the order, and which part."""

    where: str
    values: tuple[Any, ...]
    order: str
    limit: int
    start: int

    @property
    def next(self) -> str:
        """The token of the page behind this one."""
        return str(self.start + self.limit)


def page(request: Any, columns: Mapping[str, str], labels: str = "", unique: str = "number") -> Page:
    """Read a ``common.ListRequest``.

    Args:
        request: the message.
        columns: the column of each field that can be filtered and sorted by.
        labels: the column that holds labels as JSON, where there are labels.
        unique: the column that breaks ties.

    Raises:
        DefinitionError: an unknown field, function or token.
    """
    terms: list[str] = []
    values: list[Any] = []
    for one in request.filters:
        term, used = _term(one, columns, labels)
        terms.append(term)
        values.extend(used)
    limit = min(request.limit or _USUAL, _MOST)
    return Page(
        " AND ".join(terms) or "1",
        tuple(values),
        _order(request, columns, unique),
        limit,
        _start(request.token),
    )


def _term(one: Any, columns: Mapping[str, str], labels: str) -> tuple[str, Sequence[Any]]:
    column, extra = _column(one.field, columns, labels)
    wanted = [_value(one.field, value) for value in one.values]
    if one.function in (_F.EXISTS, _F.NOT_EXISTS):
        return f"{column} IS {'NOT ' if one.function == _F.EXISTS else ''}NULL", extra
    if one.function in (_F.VALUE_IN, _F.VALUE_NOT_IN):
        word = "IN" if one.function == _F.VALUE_IN else "NOT IN"
        return f"{column} {word} ({', '.join('?' * len(wanted))})", [*extra, *wanted]
    if one.function not in _COMPARED or not wanted:
        name = _F.Function.Name(one.function)
        raise DefinitionError(f"the filter {name} of {one.field!r} cannot be used here")
    if one.function == _F.ENDS_WITH:
        return f"substr({column}, -length(?)) = ?", [*extra, wanted[0], wanted[0]]
    return _COMPARED[one.function].format(column), [*extra, wanted[0]]


def _column(field: str, columns: Mapping[str, str], labels: str) -> tuple[str, list[Any]]:
    if labels and field.startswith("labels."):
        name = field.removeprefix("labels.").replace('"', "")
        return f"json_extract({labels}, ?)", [f'$."{name}"']
    if field not in columns:
        raise DefinitionError(f"lists cannot be filtered by {field!r}; accepted are {', '.join(columns)}")
    return columns[field], []


def _value(field: str, text: str) -> Any:
    if field.endswith("_at"):
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            raise DefinitionError(
                f"{field} is compared with {text!r}; an ISO 8601 time is accepted"
            ) from None
        return when.replace(tzinfo=when.tzinfo or UTC).timestamp()
    if field in {"phase", "action_type"} and text.isdecimal():
        return int(text)
    return text


def _order(request: Any, columns: Mapping[str, str], unique: str) -> str:
    wanted = list(request.sort_by_fields) or ([request.sort_by] if request.HasField("sort_by") else [])
    terms = []
    for sort in wanted:
        if sort.key not in columns:
            raise DefinitionError(
                f"lists cannot be sorted by {sort.key!r}; accepted are {', '.join(columns)}"
            )
        terms.append((columns[sort.key], sort.direction == list_pb2.Sort.ASCENDING))
    up = terms[-1][1] if terms else True
    return ", ".join(f"{column} {'ASC' if rising else 'DESC'}" for column, rising in [*terms, (unique, up)])


def _start(token: str) -> int:
    if token and not token.isdecimal():
        raise DefinitionError(f"{token!r} is no token of a page of this endpoint")
    return int(token or 0)
