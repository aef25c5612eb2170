"""Readers and writers of files that no one can hear: they open files in compiled code."""

import ast
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from flyte_jupyter.notebook.celltask.reached import Reached
from flyte_jupyter.tasks.slicing.readers import OF_PACKAGES, READERS, WRITERS

_HEARD_WRITERS = frozenset({"save", "savefig", "savetxt", "to_csv", "to_excel", "to_json", "to_pickle"})
_BUFFERS = frozenset({"BytesIO", "StringIO", "BufferReader", "BufferOutputStream"})
_DATA = re.compile(
    r"^\S*\.(arrow|avro|bin|bz2|csv|db|duckdb|feather|geojson|gpkg|gz|h5|hdf|hdf5|ipc|jpe?g|json|jsonl|nc|ndjson|"
    r"npy|npz|orc|parquet|pkl|png|pq|shp|sqlite3?|tiff?|tsv|txt|wav|xlsx?|xz|zarr|zip|zst)$"
)


def readers(reached: Reached) -> list[str]:
    """Name those in the code that may read a file."""
    own = (names for package, names in OF_PACKAGES.items() if package in reached.packages)
    return sorted(reached.names & READERS.union(*own))


def writers(reached: Reached, tree: ast.Module) -> list[str]:
    """Name those in the code that write files; without arguments they give bytes or a text.

    Args:
        reached: the code.
        tree: the cell.
    """
    bare = {_name(node) for node in _calls(tree) if not node.args and not node.keywords}
    bare -= {_name(node) for node in _calls(tree) if node.args or node.keywords}
    return sorted((reached.names & WRITERS) - (bare - reached.names_of_others))


def has_buffers(reached: Reached) -> bool:
    """Whether the code makes files that are none."""
    return not reached.names.isdisjoint(_BUFFERS)


def names_data(text: str) -> bool:
    """Whether a text is the name of a file with data, or the end of one."""
    return _DATA.search(text) is not None


def only_written(tree: ast.Module, inputs: Mapping[str, Any]) -> set[str]:
    """Give the texts that stand only where something is written."""
    writing = WRITERS | _HEARD_WRITERS
    within = {part for node in _calls(tree) if _name(node) in writing for part in _arguments(node)}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.Name)]
    inside = set(_texts((node for node in nodes if node in within), inputs))
    return inside - set(_texts((node for node in nodes if node not in within), inputs))


def unknown_loop(tree: ast.Module, names: list[str], values: Mapping[str, Any]) -> bool:
    """Whether something is read or written for each of several things that are no texts in a container.

    Args:
        tree: the cell.
        names: the readers and writers.
        values: what the notebook's names mean.
    """
    for node in ast.walk(tree):
        for target, source in _loops(node):
            bound = {inner.id for inner in ast.walk(target) if isinstance(inner, ast.Name)}
            if _uses(node, bound, names) and not _is_known(source, values):
                return True
    return False


def lazy(values: Mapping[str, Any]) -> str:
    """Name the value that reads its files only when it is asked for what is in them; empty if none does."""
    for name, value in values.items():
        cls = type(value)
        package = cls.__module__.partition(".")[0]
        if package == "polars" and cls.__name__ == "LazyFrame":
            with suppress(Exception):  # a plan that cannot be shown says so when it is used
                if "SCAN [" in value.explain(optimized=False):
                    return name
        if package == "pyarrow" and cls.__name__ == "FileSystemDataset":
            return name
    return ""


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _arguments(call: ast.Call) -> Iterator[ast.AST]:
    for part in (*call.args, *(word.value for word in call.keywords)):
        yield from ast.walk(part)


def _texts(nodes: Iterator[ast.Constant | ast.Name], inputs: Mapping[str, Any]) -> Iterator[str]:
    for node in nodes:
        value = node.value if isinstance(node, ast.Constant) else inputs.get(node.id)
        if value is not None and not isinstance(value, int | float | bytes):
            yield str(value) if type(value).__module__.partition(".")[0] in {"builtins", "pathlib"} else ""


def _loops(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.For | ast.AsyncFor):
        yield node.target, node.iter
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
        yield from ((part.target, part.iter) for part in node.generators)


def _uses(node: ast.AST, bound: set[str], names: list[str]) -> bool:
    calls = (call for call in ast.walk(node) if isinstance(call, ast.Call) and _name(call) in names)
    parts = (part for call in calls for part in _arguments(call))
    return any(isinstance(part, ast.Name) and part.id in bound for part in parts)


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _is_known(source: ast.expr, values: Mapping[str, Any]) -> bool:
    for part in ast.walk(source):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            return True
        if isinstance(part, ast.Name) and isinstance(values.get(part.id), list | tuple | set | dict):
            return True
    return False
