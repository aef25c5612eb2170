"""Files that code reads through compiled libraries, where nobody hears it: known if their paths are plain."""

import ast
import glob
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePath
from types import MappingProxyType, ModuleType
from typing import Any

from flyte_jupyter.ids import digest
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.slicing import guards

READERS = frozenset(
    {"HDFStore", "OSFile", "ParquetDataset", "ParquetFile", "memory_map", "open_dataset", "open_mfdataset"}
    | {"open_zarr", "read_avro", "read_database", "read_database_uri", "read_delta", "read_feather"}
    | {"read_hdf", "read_ipc", "read_ipc_schema", "read_metadata", "read_ndjson", "read_orc", "read_parquet"}
    | {"read_parquet_schema", "read_schema", "read_table", "scan_csv", "scan_delta", "scan_ipc"}
    | {"scan_ndjson", "scan_parquet", "scan_pyarrow_dataset"}
)
WRITERS = frozenset(
    {"ParquetWriter", "sink_csv", "sink_ipc", "sink_ndjson", "sink_parquet", "to_feather", "to_hdf", "to_orc"}
    | {"to_netcdf", "to_parquet", "to_zarr", "write_avro", "write_csv", "write_dataset", "write_delta"}
    | {"write_feather", "write_ipc", "write_ndjson", "write_parquet", "write_table", "write_to_dataset"}
)
OF_PACKAGES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "cv2": frozenset({"VideoCapture", "imread", "imwrite"}),
        "duckdb": frozenset({"connect", "execute", "query", "read_csv", "read_json", "read_parquet", "sql"}),
        "geopandas": frozenset({"read_file", "to_file"}),
        "h5py": frozenset({"File"}),
        "netCDF4": frozenset({"Dataset"}),
        "polars": frozenset({"read_csv", "read_excel", "read_json"}),
        "pyarrow": frozenset({"dataset", "open_csv", "open_file", "read_csv", "read_json"}),
        "pyogrio": frozenset({"read_dataframe", "write_dataframe"}),
        "rasterio": frozenset({"open"}),
        "soundfile": frozenset({"read", "write"}),
    }
)
"""Names that are such readers or writers in these packages only."""

NAMES = READERS.union(*OF_PACKAGES.values())
_WRITING = WRITERS | {"imwrite", "to_file", "write", "write_dataframe"}
_STATEMENTS = frozenset({"execute", "query", "sql"})
_KEYWORDS = frozenset({"filename", "path", "source", "where"})
_QUOTED = re.compile(r"'([^'\s]+\.\w+)'")
_JOINING = frozenset({"Path", "PurePath", "fspath", "join", "str"})

Meaning = Callable[[str], object]
"""Gives what a name means; None if it is not known."""


def calls(tree: ast.AST, meaning: Meaning) -> Iterator[ast.Call]:
    """Give the calls of such readers."""
    imported = dict(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := _name(node)) not in _WRITING:
            package = _package(node.func, imported, meaning)
            if name in OF_PACKAGES.get(package, ()) or (package and name in READERS):
                yield node


def paths(tree: ast.AST, meaning: Meaning) -> Iterator[str]:
    """Give the paths that they read, as far as they are plain; without those that the code writes."""
    writing = (n for n in ast.walk(tree) if isinstance(n, ast.Call) and _name(n) in _WRITING)
    written = {path for call in writing for path in _given(call, meaning)}
    read = dict.fromkeys(path for call in calls(tree, meaning) for path in _given(call, meaning))
    yield from (path for path in read if path not in written and "://" not in path)


def stamps(path: str, _: None) -> object:
    """Tell the versions of the files that a path, a folder's path or a pattern stands for."""
    return tuple((one, guards.stamp(one, None)) for one in _files(path))


def content(found: Any) -> str:
    """Hash the content of files with these stamps."""
    return digest("files", *(part for path, stamp in found for part in (path, _content(path, stamp))))


def _files(path: str) -> list[str]:
    given = os.fspath(path)
    if glob.has_magic(given):
        return sorted(glob.iglob(given, recursive=True))  # noqa: PTH207 - as it is given
    if Path(given).is_dir():
        return sorted(str(one) for one in Path(given).rglob("*") if one.is_file())
    return [given]


_contents: dict[tuple[str, object], str] = {}
_MANY = 4096


def _content(path: str, stamp: object) -> str:
    key = (str(Path(path).absolute()), stamp)
    if key not in _contents:
        if len(_contents) > _MANY:
            _contents.clear()
        _contents[key] = _hash(path) if stamp is not None else ""
    return _contents[key]


def _hash(path: str) -> str:
    found = load("xxhash:xxh3_128")()
    try:
        with Path(path).open("rb") as file:
            while data := file.read(1 << 20):
                found.update(data)
    except OSError:
        return ""
    return str(found.hexdigest())


def _name(call: ast.Call) -> str:
    return str(getattr(call.func, "attr", getattr(call.func, "id", "")))


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Give the names that import statements in the code bind, each with its package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                module = str(node.module) if isinstance(node, ast.ImportFrom) else alias.name
                yield (alias.asname or alias.name).partition(".")[0], module.partition(".")[0]


def _package(func: ast.expr, imported: Mapping[str, str], meaning: Meaning) -> str:
    """Name the package of what is called; empty where that is not plain."""
    while isinstance(func, ast.Attribute):
        func = func.value
    if not isinstance(func, ast.Name):
        return ""
    if func.id in imported:
        return imported[func.id]
    value = meaning(func.id)
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    is_code = isinstance(value, ModuleType | type) or callable(value)
    return str(module).partition(".")[0] if is_code and isinstance(module, str) else ""


def _given(call: ast.Call, meaning: Meaning) -> Iterator[str]:
    nodes = [*call.args[:1], *(word.value for word in call.keywords if word.arg in _KEYWORDS)]
    if _name(call) in _WRITING:
        nodes = [*call.args, *(word.value for word in call.keywords)]
    for node in nodes:
        text = _text(node, meaning)
        if text and _name(call) in _STATEMENTS:
            yield from _QUOTED.findall(text)
        elif text:
            yield text


def _text(node: ast.expr, meaning: Meaning) -> str:
    """Give the text or path that an expression stands for; empty where that is not plain."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.Name):
        value = meaning(node.id)
        return str(value) if isinstance(value, str | PurePath) else ""
    parts: list[ast.expr] = []
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        parts = [node.left, node.right]
    elif isinstance(node, ast.Call) and _name(node) in _JOINING:
        parts = node.args
    found = [_text(part, meaning) for part in parts]
    return str(Path(*found)) if found and all(found) else ""
