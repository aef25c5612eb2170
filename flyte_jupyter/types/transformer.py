"""The base class for conversions of your own types."""

import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from flyte_jupyter.errors import DefinitionError, TypeTransformerFailedError
from flyte_jupyter.loading import load
from flyte_jupyter.types.codec import Codec, misfit
from flyte_jupyter.types.literal import Literal, LiteralType, Value

T = TypeVar("T")


class TypeTransformer(Generic[T]):
    """Converts the values of one Python type to literals and back.

    Override ``get_literal_type``, ``to_literal`` and ``to_python_value``; the last two may be ``async``.
    Register an instance with ``TypeEngine.register``.

    Args:
        name: a name that no other transformer has; it tags values in unions.
        t: the Python type.
        enable_type_assertions: check with ``assert_type`` before values are written.
    """

    def __init__(self, name: str, t: type[T], enable_type_assertions: bool = True) -> None:
        if not isinstance(name, str) or not name:
            raise DefinitionError(f"name must be text and not empty, got {name!r}")
        self.name = name
        self.python_type = t
        self.type_assertions_enabled = enable_type_assertions

    def get_literal_type(self, t: type[T]) -> LiteralType:
        """Tell the literal type of ``t``."""
        raise NotImplementedError

    def to_literal(self, python_val: T, python_type: type[T], expected: LiteralType) -> Any:
        """Make a ``Literal`` of a Python value; may be ``async``."""
        raise NotImplementedError

    def to_python_value(self, lv: Literal, expected_python_type: type[T]) -> Any:
        """Make a Python value of a literal; may be ``async``."""
        raise NotImplementedError

    def guess_python_type(self, literal_type: LiteralType) -> type[T]:
        """Tell the Python type of a literal type of this transformer; ``ValueError`` if it is none."""
        raise ValueError(f"{self.name} does not read {literal_type}")

    def assert_type(self, t: type[T], v: Any) -> None:
        """Raise ``TypeTransformerFailedError`` unless ``v`` is a value of ``t``."""
        if isinstance(t, type) and not isinstance(v, t):
            raise misfit(t, v)

    def to_html(self, _python_val: T, _expected_python_type: type[T]) -> str | None:
        """Show a value as HTML; None to leave it to the engine."""
        return None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def drive(result: Any) -> Any:
    """Take a call's result, and wait for it if it is awaitable, also inside of a running loop."""
    return _aside(result) if inspect.isawaitable(result) else result


def compiled(transformer: TypeTransformer[Any], python_type: Any) -> Codec:
    """Make a codec of a user's transformer."""
    expected = transformer.get_literal_type(python_type)
    kept = transformer.python_type

    def write(value: Any) -> Value:
        if transformer.type_assertions_enabled:
            transformer.assert_type(python_type, value)
        literal = _asked(transformer, transformer.to_literal, value, python_type, expected)
        if not isinstance(literal, Literal):
            raise TypeTransformerFailedError(
                f"{transformer!r}.to_literal must return a Literal, got {literal!r}"
            )
        return literal if literal.hash or literal.metadata else literal.value

    def read(value: Value) -> Any:
        literal = value if isinstance(value, Literal) else Literal(value)
        return _asked(transformer, transformer.to_python_value, literal, python_type)

    return Codec(
        name=transformer.name,
        python_type=python_type,
        type=expected,
        write=write,
        read=read,
        exact=lambda value: type(value) is kept,
    )


def _asked(transformer: TypeTransformer[Any], method: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return drive(method(*arguments))
    except TypeTransformerFailedError:
        raise
    except Exception as error:
        raise TypeTransformerFailedError(f"{transformer.name}: {type(error).__name__}: {error}") from error


async def _wait(result: Awaitable[Any]) -> Any:
    return await result


def _aside(result: Awaitable[Any]) -> Any:
    # The caller's thread may be running a loop that cannot be entered twice, and its loop is not ours to
    # replace: the coroutine gets a thread and a loop of its own.
    context = contextvars.copy_context()
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((True, context.run(load("asyncio:run"), _wait(result))))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            outcome.append((False, error))

    thread = threading.Thread(target=work, name="flyte-jupyter-transformer", daemon=True)
    thread.start()
    thread.join()
    done, value = outcome[0]
    if done:
        return value
    raise value
