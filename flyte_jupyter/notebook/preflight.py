"""What leaves the kernel with a task: captured values, modules, packages, secrets; and what cannot leave."""

import platform
import warnings
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.engine.imaging import meant
from flyte_jupyter.errors import CodeBundleError
from flyte_jupyter.loading import load
from flyte_jupyter.notebook.card import image_word
from flyte_jupyter.notebook.render.text import shorten
from flyte_jupyter.notebook.render.text import size as sized
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.secret import secrets_of
from flyte_jupyter.tasks.slicing.part import Part
from flyte_jupyter.tasks.source import Slice, slice_of
from flyte_jupyter.tasks.template import TaskTemplate

Task = TaskTemplate[..., Any]

_ELSEWHERE = {"process": "a worker process", "container": "a container"}
_NAME = 60


def facts(task: Task) -> dict[str, object]:
    """Tell what is sent with a task to a worker, a container or a cluster."""
    found = slice_of(task.spec.func)
    lacking = missing(task, found)
    return {
        "Sent as": _form(found),
        "Cannot be sent": dict(unsendable(task, found)),
        "Values": {p.name: _value(task, p) for p in found.parts if p.kind in {"constant", "unknown"}},
        "Code": [p.name for p in found.parts if p.kind in {"function", "class"}],
        "Modules": {p.name: f"{p.where or p.filename} {p.digest[:10]}" for p in _of(found, "module")},
        "Packages": {p.name: p.text for p in _of(found, "package")},
        "Image": image_word(task.image),
        "Not in the image": ", ".join(lacking),
        "Python": _python(task),
        "Secrets": [secret.key for secret in secrets_of(task.secrets)],
        "Beware": "; ".join(found.warnings),
    }


def check(task: Task, *, mode: str | None, isolation: str | None) -> None:
    """Refuse a task that is to leave the kernel and has a value that cannot.

    Raises:
        UsageError: there is such a value; the message names it.
    """
    where = _ELSEWHERE.get(isolation or "") or ("there" if mode in {"remote", "hybrid"} else "")
    if not where:
        return
    piece = slice_of(task.spec.func)
    for name, why in unsendable(task, piece):
        raise UsageError(
            f"{task.short_name} cannot be sent to {where}: `{name}` is {why}. Make it in the task"
        )
    if isolation == "container" and (lacking := missing(task, piece)):
        warnings.warn(
            f"the image of {task.short_name} does not install {', '.join(lacking)}; add a layer: "
            f"image.with_pip_packages({', '.join(map(repr, lacking))})",
            stacklevel=2,
        )


def unsendable(task: Task, found: Slice) -> Iterator[tuple[str, str]]:
    """Name the captured values that no pickle can hold: locks, connections, open files."""
    pickle = load("cloudpickle")
    names = getattr(task.spec.func, "__globals__", {})
    for part in found.parts:
        if part.kind not in {"constant", "unknown"} or part.name not in names:
            continue
        value = names[part.name]
        try:
            if _is_odd(value):
                pickle.dumps(value)
        except Exception:  # noqa: BLE001 - pickling runs the value's own code
            yield part.name, f"a {type(value).__name__}"


def missing(task: Task, found: Slice) -> list[str]:
    """Name the packages that the task uses and its image does not install, as far as its layers tell."""
    image = meant(task.spec.image)
    if not image.base_image or not image.base_image.startswith(_BARE):
        return []  # nobody knows from here what is in it
    if any(type(layer).__name__ not in _TELLING for layer in image.layers):
        return []  # a file or a project says what else is installed
    wanted = {_plain(name) for layer in image.layers for name in getattr(layer, "packages", ())}
    known = packages_distributions()
    used = [known.get(part.name, [part.name])[0] for part in _of(found, "package")]
    return [name for name in used if _plain(name) not in wanted]


_BARE = "python:"
"""Begins the names of images that hold Python and no packages."""

_TELLING = frozenset({"PipPackages", "AptPackages", "Runtime", "EnvVars", "Workdir"})


def _of(found: Slice, kind: str) -> list[Part]:
    return [part for part in found.parts if part.kind == kind]


def _form(found: Slice) -> str:
    try:
        outside: Mapping[str, str] = found.unshippable()
    except CodeBundleError as error:
        return f"a pickle: {shorten(error, 120)}"
    return f"a pickle, as code cannot hold {', '.join(outside)}" if outside else "code"


def _value(task: Task, part: Part) -> str:
    value = getattr(task.spec.func, "__globals__", {}).get(part.name)
    many = _bytes(value)
    return shorten(part.text, _NAME) + (f", {sized(many)}" if many else "")


def _bytes(value: Any) -> int | None:
    if hasattr(value, "memory_usage"):
        usage: Any = value.memory_usage(deep=False)
        return int(usage if isinstance(usage, int) else usage.sum())
    found = getattr(value, "nbytes", None)
    if isinstance(found, int):
        return found
    return len(value) if isinstance(value, str | bytes | bytearray) else None


def _is_odd(value: Any) -> bool:
    """Whether a pickle may not hold a value; a large one is not pickled only to see that it does."""
    return not isinstance(value, bool | int | float | str | bytes | bytearray) and _bytes(value) is None


def _python(task: Task) -> str:
    here = platform.python_version()
    wanted = task.image.python_version if isinstance(task.image, Image) else None
    if wanted is None or here.startswith("{}.{}.".format(*wanted)):
        return here
    return f"{here} here, {wanted[0]}.{wanted[1]} in the image: pickles may not be read there"


def _plain(name: str) -> str:
    """Give a distribution's name without version, extras and differences of spelling."""
    for end in "[<>=!~; @":
        name = name.partition(end)[0]
    return name.strip().lower().replace("_", "-")
