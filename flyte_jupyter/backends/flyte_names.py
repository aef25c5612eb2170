"""Which names of ours mean which official ones, and which of them exist on this machine only."""

import dis
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from flyte_jupyter.backends.flyte_sdk import flyte
from flyte_jupyter.errors import CodeBundleError
from flyte_jupyter.loading import load

_PACKAGE = "flyte_jupyter"
_SPACES = {"": "flyte", "errors": "flyte.errors", "io": "flyte.io", "report": "flyte.report"}
"""Our public modules and their official counterparts."""

_HERE_ONLY = frozenset(
    [
        "run",
        "with_runcontext",
        "init",
        "build",
        "deploy",
        "rerun",
        "panels",
        "remote",
        "Run",
        "Runner",
        "Action",
        "extend",
    ]
)
_NOTEBOOK = ("IPython", "ipywidgets", "ipykernel", "anywidget")


def official(obj: Any) -> tuple[str, str] | None:
    """Give the module and name of the official counterpart of a public object; None if it is none.

    Raises:
        CodeBundleError: it is public, and there is no counterpart.
    """
    if isinstance(obj, ModuleType):
        return _module(obj)
    for space, theirs in _SPACES.items():
        ours = vars(load(f"{_PACKAGE}.{space}" if space else _PACKAGE))
        name = next((key for key, value in ours.items() if value is obj and key[0] != "_"), None)
        if name is not None:
            _found(theirs, name, f"{space}.{name}" if space else name)
            return theirs, name
    return None


def is_ours(obj: Any) -> bool:
    """Whether an object is made by this package."""
    home = getattr(obj, "__module__", None)
    if isinstance(obj, ModuleType):
        home = obj.__name__
    elif not isinstance(home, str) or not isinstance(obj, type | FunctionType):
        home = type(obj).__module__
    return home == _PACKAGE or str(home).startswith(f"{_PACKAGE}.")


def check(func: FunctionType, task: str) -> bool:
    """Look through a function for names that exist on this machine only; tells whether it may write reports.

    Raises:
        CodeBundleError: it uses one; the message says which.
    """
    reports = False
    for code in _codes(func.__code__):
        for path in _paths(code, func.__globals__):
            _check_path(path, task)
            reports |= "report" in path
        for name in code.co_names:
            _check_notebook(name, func, task)
    return reports


def _module(module: ModuleType) -> tuple[str, str] | None:
    name = module.__name__
    if name != _PACKAGE and not name.startswith(f"{_PACKAGE}."):
        return None
    theirs = _SPACES.get(name.partition(".")[2])
    if theirs is None:
        raise CodeBundleError(f"it uses the module {name}, which exists on this machine only")
    return theirs, ""


def _found(module: str, name: str, shown: str) -> Any:
    if shown.partition(".")[0] in _HERE_ONLY:
        raise CodeBundleError(
            f"it uses flyte.{shown}, which runs on this machine only; use it outside of tasks"
        )
    try:
        return getattr(load(module), name)
    except AttributeError:
        raise CodeBundleError(
            f"it uses flyte.{shown}, which the official SDK {flyte.__version__} at the endpoint does not have"
        ) from None


def _check_path(path: list[str], task: str) -> None:
    space = path[0] if path[0] in _SPACES else ""
    names = path[1:] if space else path
    if not names:
        return
    try:
        _found(_SPACES[space], names[0], ".".join([space, names[0]] if space else names[:1]))
    except CodeBundleError as error:
        raise CodeBundleError(f"{task} cannot go to an endpoint: {error}") from None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _paths(code: CodeType, names: dict[str, Any]) -> Iterator[list[str]]:
    """Give the attributes that code takes of our modules: ``flyte.io.File`` is ``["io", "File"]``."""
    path: list[str] | None = None
    for step in dis.get_instructions(code):
        if step.opname == "IMPORT_NAME" and str(step.argval).partition(".")[0] == _PACKAGE:
            raise CodeBundleError(
                f"{code.co_name} imports {step.argval} in its body, which an endpoint does not have; "
                "import it at the top of the notebook or module"
            )
        if path is not None and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path.append(str(step.argval))
            continue
        if path:
            yield path
        path = None
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            value = names.get(str(step.argval))
            if isinstance(value, ModuleType) and value.__name__.partition(".")[0] == _PACKAGE:
                path = value.__name__.split(".")[1:]


def _check_notebook(name: str, func: FunctionType, task: str) -> None:
    value = func.__globals__.get(name)
    home = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    if isinstance(home, str) and home.partition(".")[0] in _NOTEBOOK:
        raise CodeBundleError(
            f"{task} cannot go to an endpoint: it uses {name} of {home.partition('.')[0]}, which exists in a "
            "notebook only"
        )
