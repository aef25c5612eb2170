"""The notebook's names, for forms: what they are evaluated with and where they put what they make."""

import ast
import sys
from collections.abc import Iterable, MutableMapping
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

    def evaluated(self, code: str, imported: Iterable[str] = ()) -> Any:
        """Evaluate an expression; ``flyte`` is this package, whatever the notebook calls it.

        Args:
            code: the expression.
            imported: modules that it names and that the notebook may lack.

        Raises:
            DefinitionError: it is no expression.
            Exception: what evaluating it raises.
        """
        try:
            tree = ast.parse(code.strip(), mode="eval")
        except SyntaxError as error:
            raise DefinitionError(f"{code!r} is no expression: {error.msg}") from None
        lent = {name: sys.modules[name] for name in imported}
        return eval(compile(tree, "<form>", "eval"), {**lent, **self._scope, "flyte": flyte_jupyter})  # noqa: S307 - a cell's code

    def put(self, name: str, value: Any) -> None:
        """Bind a name."""
        self._scope[name] = value

    def called(self, cls: type) -> str:
        """Give what the notebook calls a class: a name of its own, or by its module's."""
        own = self.name_of(cls)
        if own is not None:
            return own
        module = sys.modules.get(cls.__module__)
        name = (self.name_of(module) if module is not None else None) or cls.__module__
        return f"{name}.{cls.__qualname__}"

    def lacking(self, classes: Iterable[type]) -> list[str]:
        """Give the modules that the notebook has to import to call some classes as ``called`` does."""
        firsts = (self.called(cls).partition(".")[0] for cls in classes)
        return sorted({first for first in firsts if first not in self._scope and first in sys.modules})

    def name_of(self, value: Any) -> str | None:
        """Find the name that holds a value."""
        return next((n for n, v in dict(self._scope).items() if v is value and not n.startswith("_")), None)
