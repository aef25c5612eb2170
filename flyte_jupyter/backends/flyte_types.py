"""Annotations and values of ours as the official SDK's: files, folders and frames."""

import dataclasses
import types
import typing
from collections.abc import Iterator
from typing import Any

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.loading import load
from flyte_jupyter.types.files import File
from flyte_jupyter.types.folders import Dir
from flyte_jupyter.types.handles import DataFrame

io: Any = load("flyte.io")
_COUNTERPARTS: dict[Any, str] = {File: "File", Dir: "Dir", DataFrame: "DataFrame"}


def counterpart(cls: Any) -> Any:
    """Give the official class of ``File``, ``Dir`` or ``DataFrame``; None for anything else."""
    name = _COUNTERPARTS.get(cls) if isinstance(cls, type) else None
    return None if name is None else getattr(io, name)


def annotation(ours: Any, where: str) -> Any:
    """Translate a type.

    Raises:
        DefinitionError: a class of the user's has a field that cannot be translated.
    """
    origin, args = typing.get_origin(ours), typing.get_args(ours)
    found = counterpart(ours if origin is None else origin)
    if found is not None:
        return found
    if origin is None:
        _check_fields(ours, where)
        return ours
    if origin is typing.Annotated:
        return typing.Annotated[(annotation(args[0], where), *args[1:])]
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(annotation(arg, where) for arg in args)]  # noqa: UP007 - of a tuple
    mapped = args if origin is typing.Literal else tuple(_argument(arg, where) for arg in args)
    return ours if mapped == args else origin[mapped]


def _argument(arg: Any, where: str) -> Any:
    return arg if arg is Ellipsis or isinstance(arg, list) else annotation(arg, where)


def _check_fields(cls: Any, where: str) -> None:
    """Refuse a class with files among its fields: there are no such fields at an endpoint."""
    for name, kind in _fields(cls):
        if any(counterpart(part) is not None for part in _parts(kind)):
            raise DefinitionError(
                f"{where}: {cls.__name__}.{name} is a {getattr(kind, '__name__', kind)}, and an endpoint "
                "takes files and frames as inputs and outputs of their own only; pass it beside the "
                f"{cls.__name__}"
            )


def _fields(cls: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(cls, type):
        return
    known = dataclasses.is_dataclass(cls) or hasattr(cls, "model_fields") or hasattr(cls, "_fields")
    if not known:
        return
    try:
        yield from typing.get_type_hints(cls).items()
    except (NameError, TypeError):
        return


def _parts(kind: Any) -> Iterator[Any]:
    yield kind
    origin = typing.get_origin(kind)
    if origin is not None:
        yield origin
        for arg in typing.get_args(kind):
            yield from _parts(arg)


async def value(ours: Any) -> Any:
    """Translate a value: files and frames that are on this machine go up first."""
    kind = type(ours)
    if kind is File:
        return await _file(ours)
    if kind is Dir:
        return await _folder(ours)
    if kind is DataFrame:
        return await _frame(ours)
    if kind is list:
        return [await value(item) for item in ours] if _holds(ours) else ours
    if kind is dict:
        return {key: await value(item) for key, item in ours.items()} if _holds(ours.values()) else ours
    return ours


def _holds(items: Any) -> bool:
    return any(type(item) in (*_COUNTERPARTS, list, dict) for item in items)


async def _file(ours: Any) -> Any:
    if _is_elsewhere(ours.path):
        return io.File.from_existing_remote(ours.path)
    path = await ours.download()
    return await io.File.from_local(path)


async def _folder(ours: Any) -> Any:
    if _is_elsewhere(ours.path):
        return io.Dir.from_existing_remote(ours.path)
    path = await ours.download()
    return await io.Dir.from_local(path)


async def _frame(ours: Any) -> Any:
    if ours.value is None and _is_elsewhere(ours.uri):
        return io.DataFrame.from_existing_remote(ours.uri, ours.format or None)
    return io.DataFrame.from_df(await ours.all())


def _is_elsewhere(uri: str) -> bool:
    """Whether an address is neither a local path nor a blob of the store."""
    return "://" in uri and not uri.startswith(("file://", "blob://"))
