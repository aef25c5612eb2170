"""The inputs and outputs of a cell that is a task, as the engine sees them."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from flyte_jupyter.blobs import uri_of
from flyte_jupyter.errors import TypeTransformerFailedError
from flyte_jupyter.ids import digest
from flyte_jupyter.notebook.celltask.execution import Execution
from flyte_jupyter.notebook.celltask.kept import Bundle
from flyte_jupyter.notebook.celltask.pickling import NotKept
from flyte_jupyter.runs.values import KEPT, REFERENCE
from flyte_jupyter.tasks.interface import Interface, Parameter
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.holding import held
from flyte_jupyter.types.literal import Binary, Blob, Literal, Literals, Live
from flyte_jupyter.types.pickles import FORMAT, pickle_of

_PLAIN = (bool, int, float, str, type(None))
_OUTPUT = "cell"
_FORM = "2"


class CellInterface(Interface):
    """Inputs by the notebook's names; the call runs the cell, or what it left behind is read.

    Args:
        name: the task's name.
        func: the cell as a function.
        execution: the execution that this is for.
        digests: the digests of the inputs; empty where nothing is kept.
    """

    says_why = True

    def __init__(
        self, name: str, func: Callable[..., Any], execution: Execution, digests: Mapping[str, str]
    ) -> None:
        inputs = tuple(Parameter(n, type(value)) for n, value in execution.inputs.items())
        given = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in execution.inputs]
        outputs = tuple(Parameter(n, Any) for n in execution.statements.names.binds)
        super().__init__(name, inspect.Signature(given), inputs, outputs, "cell")
        self._execution = execution
        self._digests = digests
        self._func = func

    @property
    def digest(self) -> str:
        """The identity of the names, and of what is shown."""
        execution = self._execution
        modes = [mode for _, mode in execution.statements.steps]
        names = [p.name for p in self.inputs]
        return digest("cell", _FORM, " ".join(names), " ".join(modes), repr(execution.wanted))

    def to_literals(self, _args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Literal]:
        """Hold the inputs by reference; their digests stand for them."""
        return {name: _literal(value, self._digests.get(name, "")) for name, value in kwargs.items()}

    def from_literals(self, literals: Literals) -> dict[str, Any]:
        """Give nothing: the cell finds its inputs in the notebook."""
        return dict.fromkeys(literals)

    def call(self, _func: Callable[..., Any], _values: Mapping[str, Any]) -> Any:
        """Run the cell."""
        execution = self._execution
        return execution.arun() if execution.statements.body.is_async else execution.run()

    def outputs_to_literals(self, result: Any) -> dict[str, Literal]:
        """Write what the cell left behind as one value; what is not kept is described."""
        if result.left is not None and not result.ran:
            return self._read  # as it was read
        bundle = result.bundle()
        if bundle is not None:
            return {_OUTPUT: Literal(_stored(bundle))}
        described = {name: _described(value) for name, value in result.values.items()}
        if result.reason:
            described[_OUTPUT] = Literal(Binary(result.reason.encode("utf-8", "replace"), KEPT))
        return described

    def outputs_from_literals(self, literals: Literals) -> Any:
        """Read what the cell left behind, unless it has just run."""
        execution = self._execution
        if not execution.ran:
            self._read = dict(literals)
            bundle = TypeEngine.to_python_value(literals[_OUTPUT], Any)
            if not isinstance(bundle, Bundle):
                raise TypeTransformerFailedError(f"a cell left a {type(bundle).__name__} behind")
            try:
                execution.read(bundle)
            except NotKept as reason:
                raise TypeTransformerFailedError(str(reason)) from None
            except Exception as error:
                raise TypeTransformerFailedError(f"{type(error).__name__}: {error}") from error
        return execution

    def named(self, result: Any) -> dict[str, Any]:
        """Name what the cell bound."""
        return dict(result.values)


def _stored(bundle: Bundle) -> Blob:
    """Write a bundle as a blob, so that the cache looks whether it can be read before it counts as found."""
    blobs, data = held(), pickle_of(bundle)
    with blobs.writer() as out:
        out.write(blobs.sign(data))
        out.write(data)
    return Blob(uri_of(out.digest), FORMAT)


def _literal(value: Any, content: str) -> Literal:
    found = _plain(value)
    if found is None:
        return Literal(Live(value, Any), content)
    return Literal(found.value, content or found.hash)


def _described(value: Any) -> Literal:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return _plain(value) or Literal(Binary(REFERENCE.format(kind).encode("utf-8", "replace"), KEPT))


def _plain(value: Any) -> Literal | None:
    """Write a number, a text or the like; None for what is none, or that a literal cannot hold."""
    if type(value) not in _PLAIN:
        return None
    try:
        if isinstance(value, str) and not value.isascii():
            value.encode()
        return TypeEngine.to_literal(value, type(value))
    except (TypeTransformerFailedError, UnicodeEncodeError):  # more than 64 bits; half a surrogate pair
        return None
