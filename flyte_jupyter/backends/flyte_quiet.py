"""Calls of the official SDK without its own lines of progress, which would stand among the task's."""

import asyncio
import contextvars
import re
from collections.abc import Awaitable
from contextlib import ExitStack
from typing import TypeVar

from flyte_jupyter.backends.capture import capture
from flyte_jupyter.backends.flyte_sdk import speak_plainly
from flyte_jupyter.ids import ActionID, random_name
from flyte_jupyter.tasks.context import ContextData, RunScope, TaskContext, current

T = TypeVar("T")

_NOBODY = TaskContext(action=ActionID("none"), run=RunScope(name="none"), over=True)
"""What is written in its name goes nowhere."""

_OWN = re.compile(r"(\[[^\]]*\]){0,2} ?\[flyte\] (DEBUG|INFO|WARNING|ERROR|CRITICAL) ")


async def silent(call: Awaitable[T]) -> T:
    """Await a call; what it writes to the standard streams is dropped."""

    async def called() -> T:
        current.set(ContextData(_NOBODY))
        speak_plainly()
        return await call

    with ExitStack() as stack:
        stack.callback(capture.follow(random_name("quiet"), _forget))
        return await asyncio.create_task(called(), context=contextvars.copy_context())


def _forget(*_line: object) -> None:
    """Nobody wants it."""


def is_own(line: str) -> bool:
    """Whether a line of a log is the official runtime's own."""
    return _OWN.match(line) is not None
