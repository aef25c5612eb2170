"""The notebook's names, for forms: what they are evaluated with and where they put what they make."""

import ast
from collections.abc import MutableMapping
from typing import Any

from IPython.core.getipython import get_ipython

import flyte_jupyter
from flyte_jupyter.errors import DefinitionError


class Names:
    """Reads and binds names as a cell would.

    Args:
        scope: the names; those of the notebook, by default.
    """

    def __init__(self, scope: MutableMapping[str, Any] | None = None) -> None:
        shell: Any = get_ipython()
        self._scope = scope if scope is not None else shell.user_ns if shell is not None else {}

    def evaluated(self, code: str) -> Any:
        """Evaluate an expression; ``flyte`` is this package, whatever the notebook calls it.

        Raises:
            DefinitionError: it is no expression.
            Exception: what evaluating it raises.
        """
        try:
            tree = ast.parse(code.strip(), mode="eval")
        except SyntaxError as error:
            raise DefinitionError(f"{code!r} is no expression: {error.msg}") from None
        return eval(compile(tree, "<form>", "eval"), {**self._scope, "flyte": flyte_jupyter})  # noqa: S307 - a cell's code

    def put(self, name: str, value: Any) -> None:
        """Bind a name."""
        self._scope[name] = value

    def name_of(self, value: Any) -> str | None:
        """Find the name that holds a value."""
        return next((n for n, v in dict(self._scope).items() if v is value and not n.startswith("_")), None)
