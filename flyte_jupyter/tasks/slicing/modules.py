"""The user's own modules: all of one where it is used as a whole, and those that are imported late."""

import ast
import importlib.machinery
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.slicing import guards, libraries, texts
from flyte_jupyter.tasks.slicing.canonical import expression_form
from flyte_jupyter.tasks.slicing.names import Import
from flyte_jupyter.tasks.slicing.origins import Origin, of_module, of_name, of_path
from flyte_jupyter.tasks.slicing.part import Part

if TYPE_CHECKING:
    from flyte_jupyter.tasks.slicing.walk import Walk


def visit(walk: "Walk", module: ModuleType) -> str:
    """Name a module; one of the user's that is used as a whole counts with everything in it."""
    name = module.__name__
    if of_module(module) is not Origin.LOCAL:
        return libraries.token(walk, name, "")
    label = walk.reserve(module, None, name)
    if name == walk.home:
        walk.hide(f"the module `{label}` is used as a whole")
        walk.fill(Part(name=label, kind="module", digest=digest("module", name)))
        return label
    walk.guards.sized(vars(module))
    members = dict(_members(walk, module))
    file = texts.file_of_module(name) or ""
    walk.fill(
        Part(
            name=label,
            kind="module",
            digest=digest(
                "module", _form(walk, file, name), *(f"{k}={v}" for k, v in sorted(members.items()))
            ),
            text=file,
            where=texts.where(file, 1) if file else "",
            filename=file,
            line=1 if file else 0,
        )
    )
    return label


def imported(walk: "Walk", statement: Import, scope: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name what an import statement inside a function brings."""
    name = _absolute(statement, scope)
    module = sys.modules.get(name)
    walk.guards.same((guards.entry, sys.modules, name), module if module is not None else guards.MISSING)
    said = f"import {'.' * statement.level}{statement.module}"
    if isinstance(module, ModuleType) and of_module(module) is Origin.LOCAL:
        for attribute in statement.names or ("",):
            chain = (attribute,) if attribute and attribute != "*" else ()
            yield f"{said} {attribute}", walk.member(module, chain)
    elif isinstance(module, ModuleType):  # as before it was imported: importing must not change the version
        yield said, libraries.token(walk, name, "")
    elif of_name(name) is Origin.PYTHON:
        yield said, f"{name}:"
    else:
        yield said, _unloaded(walk, name)


def _members(walk: "Walk", module: ModuleType) -> Iterator[tuple[str, str]]:
    for name in list(vars(module)):
        if not (name.startswith("__") and name.endswith("__")):
            place = (guards.entry, vars(module), name)
            value = guards.entry(*place[1:])
            yield name, walk.bind(value, f"{module.__name__}.{name}", place, soft=True)


def _form(walk: "Walk", file: str, name: str) -> str:
    """Hash a module's text; nothing of it if it may have changed since it was loaded."""
    lines = texts.lines_of(file) if file else []
    if lines and not texts.settled(file):
        walk.warn(f"{name} may have changed on disk since it was imported: what is loaded counts")
        return ""
    tree = texts.tree_of(file, lines) if lines else None
    return digest("form", expression_form(tree)) if tree is not None else ""


def _absolute(statement: Import, scope: dict[str, Any]) -> str:
    if not statement.level:
        return statement.module
    package = str(scope.get("__package__") or "").split(".")
    base = package[: len(package) - statement.level + 1]
    return ".".join([*base, statement.module] if statement.module else base)


def _unloaded(walk: "Walk", name: str) -> str:
    """Name a module that is not imported yet: by its package's version, or by its files."""
    top = name.partition(".")[0]
    spec = importlib.machinery.PathFinder.find_spec(top)
    origin = spec.origin if spec is not None else None
    if origin is None:
        return walk.add(name, "unknown", digest("missing"), "not found")
    if of_path(origin) is not Origin.LOCAL:
        if of_path(origin) is Origin.PACKAGE:
            walk.package(top)
        return f"{name}:"
    files = _closure(Path(origin))
    for path in files:
        walk.guards.equal((guards.stamp, str(path), None), guards.stamp(str(path), None))
    content = digest("files", *(part for path in sorted(files) for part in (path.name, path.read_bytes())))
    return walk.add(name, "module", content, origin)


def _closure(start: Path) -> list[Path]:
    """Find the files of a module that is not loaded, and of the user's modules that it imports."""
    found: dict[Path, None] = {}
    todo = [start]
    while todo:
        path = todo.pop()
        if path in found or not path.is_file():
            continue
        found[path] = None
        if path.name == "__init__.py":
            todo += sorted(path.parent.rglob("*.py"))
        if path.suffix == ".py":
            todo += _imports(path)
    return list(found)


def _imports(path: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module] if node.module and not node.level else []
            yield from path.parent.glob("*.py") if node.level else ()
        for name in names:
            spec = importlib.machinery.PathFinder.find_spec(name.partition(".")[0])
            if spec is not None and spec.origin and of_path(spec.origin) is Origin.LOCAL:
                yield Path(spec.origin)
