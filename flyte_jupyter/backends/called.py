"""Tasks as a worker sees them: called like everywhere, run by the kernel."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ParamSpec, TypeVar, cast

from flyte_jupyter.tasks.interface import Interface
from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate, TaskTemplate

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Called(AsyncFunctionTaskTemplate[P, R]):
    """A task that the kernel knows.

    Args:
        target: how the kernel finds it: its global name there, or its number among those that were sent.
        changes: what ``override`` changed on this side.
        sent_interface: the inputs and outputs; read from the function if not given.
    """

    target: str | int
    changes: Mapping[str, Any] = field(default_factory=dict)
    sent_interface: Interface | None = None

    @property
    def interface(self) -> Interface:
        """The inputs and outputs."""
        if self.sent_interface is None:
            object.__setattr__(self, "sent_interface", Interface.of(self.func, self.name))
        assert self.sent_interface is not None  # noqa: S101 - for the type checker
        return self.sent_interface

    def override(self, **changes: Any) -> "Called[P, R]":
        """Make a copy with some parameters changed; the kernel makes the same change to its own."""
        made = cast("Called[P, R]", super().override(**changes))
        return replace(made, changes={**self.changes, **changes})


def called(
    target: str | int, name: str, short_name: str, func: Any, interface: Any = None
) -> "Called[..., Any]":
    """Make the stand-in for a task of the kernel."""
    return Called(target=target, name=name, short_name=short_name, func=func, sent_interface=interface)


def parts_of(task: TaskTemplate[..., Any]) -> tuple[type, dict[str, Any]]:
    """Take a task apart for pickling; without its environment, which lists other tasks."""
    given = {f.name: getattr(task, f.name) for f in fields(task) if f.init and f.name != "parent_env"}
    return type(task), given


def made_of(kind: type, given: Mapping[str, Any]) -> TaskTemplate[..., Any]:
    """Put a task together again."""
    made: TaskTemplate[..., Any] = kind(**given)
    return made
