"""The walk from a function to everything that it depends on."""

import builtins
import itertools
import os
import sys
import weakref
from collections.abc import Callable
from functools import partial
from inspect import getattr_static
from types import FunctionType, MethodType, ModuleType
from typing import Any

from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.slicing import classes, functions, guards, libraries, modules, readers, tasks
from flyte_jupyter.tasks.slicing.guards import MISSING, Guards, Place
from flyte_jupyter.tasks.slicing.names import Chain
from flyte_jupyter.tasks.slicing.origins import Origin, of_module
from flyte_jupyter.tasks.slicing.packages import version_of_package
from flyte_jupyter.tasks.slicing.part import Kind, Part
from flyte_jupyter.tasks.slicing.python import python_part
from flyte_jupyter.tasks.slicing.shown import shown
from flyte_jupyter.tasks.slicing.values import PRIMITIVES, OpaqueError, fingerprint

_PROCESS = os.urandom(8).hex()
_numbers = itertools.count()
_serials: "weakref.WeakKeyDictionary[Any, int]" = weakref.WeakKeyDictionary()


class Walk:
    """Collects parts; each function, class, module and named value is visited once.

    Args:
        scope: the globals of the function where the walk starts. Its names need no module before them.
    """

    def __init__(self, scope: dict[str, Any]) -> None:
        self.scope = scope
        self.home = scope.get("__name__")
        self.parts: dict[str, Part] = {}
        self.warnings: dict[str, None] = {}
        self.variables: set[str] = set()
        self.unheard = False
        self.unseen: dict[str, None] = {}
        self.guards = Guards()
        self._tokens: dict[int, tuple[object, str]] = {}
        self._places: dict[tuple[int, str], str] = {}
        self._packages: set[str] = set()

    def holds(self) -> bool:
        """Tell whether all that was found is still so."""
        return self.guards.hold(self.known)

    # What is met

    def refer(self, value: object) -> str | None:
        """Name a function, class, module, task or library object, visiting it first; None for data."""
        known = self._tokens.get(id(value))
        if known is not None:
            return known[1]
        if type(value) in PRIMITIVES:
            return None
        token = self._visit(value)
        if token is not None:
            self._tokens[id(value)] = (value, token)
        return token

    def known(self, value: object) -> str | None:
        """Name code that the walk has met; None for data.

        Raises:
            LookupError: it is code that the walk has not met.
        """
        found = self._tokens.get(id(value))
        if found is not None:
            return found[1]
        if isinstance(value, FunctionType | type | ModuleType) or tasks.function_of(value) is not None:
            raise LookupError
        return libraries.name_of(value)

    def bind(self, value: object, name: str, place: Place, *, soft: bool = False) -> str:
        """Name what was found at a place; data become a part of the given name.

        Args:
            value: what was found.
            name: the name of the part.
            place: where it was found.
            soft: whether a value whose content cannot be seen is left out.
        """
        token = self.refer(value)
        if token is not None:
            self.guards.same(place, value)
            return token
        try:
            content = fingerprint(value, self.refer)
        except OpaqueError as error:
            self.guards.same(place, value)
            return "" if soft else self._opaque(value, name, error)
        if type(value) in PRIMITIVES:
            self.guards.same(place, value)
        else:
            self.guards.hashed(place, content)
        return self.add(name, "constant", content, shown(name, value))

    def content(self, value: object, place: Place) -> str:
        """Hash what was found at a place without making a part of it; "" if its content cannot be seen."""
        try:
            found = fingerprint(value, self.refer)
        except OpaqueError:
            self.guards.same(place, value)
            return ""
        self.guards.hashed(place, found)
        return found

    # Names in namespaces

    def in_scope(self, scope: dict[str, Any], name: str, chain: Chain = ()) -> str:
        """Name what a global name, with the attributes taken from it, stands for."""
        value = scope.get(name, MISSING)
        place: Place = (guards.entry, scope, name)
        if isinstance(value, ModuleType):
            self.guards.same(place, value)
            return self.member(value, chain)
        if value is MISSING:
            self.guards.same(place, value)
            return f"builtins.{name}" if hasattr(builtins, name) else self._missing(scope, name)
        key = (id(scope), name)
        if key not in self._places:
            label = self.qualified(scope.get("__name__"), name)
            self._places[key] = label  # a value may hold a function that reads the value
            self._places[key] = self.bind(value, label, place)
        return self._places[key]

    def member(self, module: ModuleType, chain: Chain) -> str:
        """Name what attributes of a module stand for: of the user's modules only what is used."""
        if of_module(module) is not Origin.LOCAL or not chain:
            return f"{self.refer(module)}.{'.'.join(chain)}"
        facts = vars(module)
        value = facts.get(chain[0], MISSING)
        if value is MISSING:
            return f"{self.refer(module)}.{'.'.join(chain)}"
        if isinstance(value, ModuleType):
            self.guards.same((guards.entry, facts, chain[0]), value)
            return self.member(value, chain[1:])
        return self.in_scope(facts, chain[0])

    # Parts

    def reserve(self, value: object, module: object, name: str) -> str:
        """Choose the name of a part before it is visited, so that what leads back to it ends here."""
        label = self.add(self.qualified(module, name), "unknown", "")
        self._tokens[id(value)] = (value, label)
        return label

    def reserve_token(self, value: object, token: str) -> None:
        """Name code that makes no part of its own before it is looked into."""
        self._tokens[id(value)] = (value, token)

    def add(self, name: str, kind: Kind, content: str, text: str = "") -> str:
        """Keep a part; a second one of the same name gets a number."""
        label, number = name, 1
        while label in self.parts:
            number += 1
            label = f"{name}#{number}"
        self.parts[label] = Part(name=label, kind=kind, digest=content, text=text)
        return label

    def fill(self, part: Part) -> None:
        """Put a part where its name was reserved."""
        self.parts[part.name] = part

    def package(self, top: str) -> None:
        """Count the version of an installed package."""
        if top not in self._packages:
            version = version_of_package(top)
            self._packages.add(top)
            self.add(top, "package", digest("package", top, version), version or "of unknown version")

    def variable(self, name: str) -> str:
        """Count a variable of the environment; its value is not written down, it may be a secret."""
        label = f"os.environ[{name!r}]"
        if name not in self.variables:
            self.variables.add(name)
            value: Any = guards.variable(name, None)
            self.guards.equal((guards.variable, name, None), value)
            content = digest("variable") if value is None else digest("variable", value)
            self.add(label, "constant", content, "not set" if value is None else "a value that is not shown")
        return label

    def file(self, path: str) -> str:
        """Count the content of a file, of those in a folder, or of those that a pattern stands for."""
        label = f"file {path}"
        if label not in self.parts:
            found: Any = readers.stamps(path, None)
            self.guards.equal((readers.stamps, path, None), found)
            sizes = [stamp[-1] for _, stamp in found if stamp is not None]
            text = f"{sum(sizes):,} bytes" if sizes else "not there"
            self.add(label, "constant", readers.content(found), text)
        return label

    def qualified(self, module: object, name: str) -> str:
        """Put the module before a name, unless it is the one where the walk started."""
        return name if module == self.home or not isinstance(module, str) else f"{module}.{name}"

    def scope_of(self, module: object) -> dict[str, Any]:
        """Give the names of a module; those of the start for code that says it belongs there."""
        if module == self.home:
            return self.scope
        loaded = sys.modules.get(module) if isinstance(module, str) else None
        return vars(loaded) if isinstance(loaded, ModuleType) else self.scope

    def warn(self, text: str) -> None:
        """Keep a remark, once."""
        self.warnings[text] = None

    def hide(self, text: str) -> None:
        """Keep a remark about names that cannot be seen, once."""
        self.unseen[text] = None
        self.warn(f"{text}: names that it reaches in this way are not seen")

    # Inside

    def _visit(self, value: object) -> str | None:
        if isinstance(value, FunctionType):
            return functions.visit(self, value)
        if isinstance(value, type):
            return classes.visit(self, value)
        if isinstance(value, ModuleType):
            return modules.visit(self, value)
        return tasks.visit(self, value) or libraries.visit(self, value)

    def _missing(self, scope: dict[str, Any], name: str) -> str:
        label = self.qualified(scope.get("__name__"), name)
        return self.add(label, "unknown", digest("missing"), "not defined")

    def _opaque(self, value: object, name: str, error: OpaqueError) -> str:
        self.warn(
            f"`{name}` has no content that can be compared: {error}. Results that need it are never reused"
        )
        return self.add(
            name, "unknown", digest("process", _PROCESS, str(_serial(value))), f"a {type(value).__name__}"
        )


def _serial(value: object) -> int:
    """Number objects, so that one that takes the address of another is not taken for it."""
    try:
        return _serials.setdefault(value, next(_numbers))
    except TypeError:  # neither hashable nor weakly referable
        return next(_numbers)


def walk_from(root: Callable[..., Any]) -> Walk:
    """Walk over all that a function depends on; a task is taken for its function."""
    walk = Walk(_scope(root))
    walk.bind(root, getattr(root, "__name__", type(root).__name__), (_itself, root, None))
    walk.fill(python_part())
    return walk


def _itself(value: object, _: None) -> object:
    return value


def _scope(root: object) -> dict[str, Any]:
    """Give the globals of the innermost function, for naming."""
    while isinstance(root, partial | MethodType):
        root = root.func if isinstance(root, partial) else root.__func__
    call = root if isinstance(root, FunctionType) else getattr_static(type(root), "__call__", None)
    return call.__globals__ if isinstance(call, FunctionType) else {}
