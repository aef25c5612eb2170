"""Import statements for what is not written out: packages, the standard library, other modules."""

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from flyte_jupyter.tasks.slicing.names import Chain


def of_module(module: ModuleType, name: str) -> str | None:
    """Write the import of a module under a name."""
    full = module.__name__
    if sys.modules.get(full) is not module:
        return None
    if name == full:
        return f"import {full}"
    parent, _, last = full.rpartition(".")
    if parent and last == name:
        return f"from {parent} import {last}"
    return f"import {full} as {name}"


def of_submodules(module: ModuleType, chain: Chain) -> list[str]:
    """Write the imports of submodules that are reached through a module: ``xml`` with ``("dom", ...)``."""
    found = []
    for at in range(1, len(chain) + 1):
        full = ".".join((module.__name__, *chain[:at]))
        if full not in sys.modules:
            break
        found.append(f"import {full}")
    return found


def of_object(value: Any, name: str, home: str | None) -> str | None:
    """Write the import of a function, class or other object from the module where it is found."""
    label = getattr(value, "__name__", None) or name
    for module in _candidates(value):
        if module == home or module in ("builtins", "__main__"):
            continue
        for attribute in (label, name):
            if vars(sys.modules[module]).get(attribute) is value:
                return f"from {module} import {attribute}" + (f" as {name}" if attribute != name else "")
    return None


def _candidates(value: Any) -> Iterator[str]:
    """Name modules that may have a value: those around its own, the outermost first, then public ones."""
    own = getattr(value, "__module__", None) or type(value).__module__
    names = own.split(".") if isinstance(own, str) else []
    loaded = {name for name, module in sys.modules.copy().items() if isinstance(module, ModuleType)}
    around = (".".join(names[: at + 1]) for at in range(len(names)))
    yield from (name for name in around if name in loaded)
    yield from sorted((n for n in loaded if not n.startswith("_")), key=lambda n: (n.count("."), n))
