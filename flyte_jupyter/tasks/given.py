"""The mark of a parameter that was not given, where None is a value."""

from enum import Enum
from typing import Any


class _NotGiven(Enum):
    NOT_GIVEN = "not given"

    def __bool__(self) -> bool:
        return False


NOT_GIVEN: Any = _NotGiven.NOT_GIVEN
"""Stands for "not given"; falsy."""


def given(**parameters: Any) -> dict[str, Any]:
    """Keep the parameters that were given."""
    return {name: value for name, value in parameters.items() if value is not NOT_GIVEN}
