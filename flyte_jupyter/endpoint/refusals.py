"""Refusals as the protocol's codes, and the check of every message that comes in."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import protovalidate
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from protovalidate import ValidationError

from flyte_jupyter.errors import (
    ActionNotFoundError,
    DefinitionError,
    Error,
    RemoteTaskNotFoundError,
    RunNotFoundError,
)

_log = logging.getLogger(__name__)
_CODES: tuple[tuple[type[Exception], Code], ...] = (
    (RunNotFoundError, Code.NOT_FOUND),
    (ActionNotFoundError, Code.NOT_FOUND),
    (RemoteTaskNotFoundError, Code.NOT_FOUND),
    (DefinitionError, Code.INVALID_ARGUMENT),
    (Error, Code.FAILED_PRECONDITION),
    (sqlite3.IntegrityError, Code.ALREADY_EXISTS),
)


class Checked:
    """Checks requests against the rules of the protocol, and turns our errors to its codes.

    Args:
        strict: whether answers are checked, too.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict

    async def intercept_unary(
        self, call_next: Callable[[Any, Any], Awaitable[Any]], request: Any, ctx: Any
    ) -> Any:
        """Check a request, and answer it."""
        check(request)
        try:
            return self._answer(await call_next(request, ctx))
        except Exception as error:
            raise _translated(error) from error

    async def intercept_server_stream(
        self, call_next: Callable[[Any, Any], AsyncIterator[Any]], request: Any, ctx: Any
    ) -> AsyncIterator[Any]:
        """Check a request, and answer it with a stream."""
        check(request)
        try:
            async for message in call_next(request, ctx):
                yield self._answer(message)
        except Exception as error:
            raise _translated(error) from error

    def _answer(self, message: Any) -> Any:
        if self._strict:
            try:
                check(message)
            except ConnectError as broken:
                text = f"the answer {type(message).__name__} breaks a rule: {broken.message}"
                raise ConnectError(Code.INTERNAL, text) from None
        return message


def check(message: Any) -> None:
    """Check a message.

    Raises:
        ConnectError: it breaks a rule of the protocol; the text names the field and the rule.
    """
    try:
        protovalidate.validate(message)
    except ValidationError as error:
        parts = [
            f"{'.'.join(e.field_name for e in getattr(v.proto.field, 'elements', ()))}: {v.proto.message}"
            for v in error.violations
        ]
        raise ConnectError(Code.INVALID_ARGUMENT, "; ".join(parts)) from None


def _translated(error: Exception) -> Exception:
    if isinstance(error, ConnectError):
        return error
    for kind, code in _CODES:
        if isinstance(error, kind):
            return ConnectError(code, str(error))
    _log.error("a request failed", exc_info=error)
    return ConnectError(Code.INTERNAL, f"{type(error).__name__}: {error}")
