"""A task's function as it arrives in a worker: a module is made of its source, or a pickle is read."""

import marshal
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType, NoneType
from typing import Any

from flyte_jupyter.backends.called import called
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.interface import Interface
from flyte_jupyter.tasks.policies import RetryStrategy, Timeout
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.spec import TaskSpec


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """A function that can be run here.

    Args:
        task: what ``invoke`` needs to know.
        module: stands for the module that the function is from.
    """

    task: TaskSpec
    module: ModuleType

    def enter(self) -> None:
        """Let its module be found by name: by pickles and annotations of the code that runs."""
        sys.modules[self.module.__name__] = self.module


def arrived(content: Mapping[str, Any]) -> Arrived:
    """Make the function of what was sent."""
    func, interface, module = _BY[content["how"]](content)
    task = TaskSpec(
        name=content["name"],
        short_name=content["short_name"],
        func=func,
        interface=interface,
        is_async=content["is_async"],
        image="auto",
        resources=Resources(),
        cache=Cache.of("disable"),
        retries=RetryStrategy.of(0),
        timeout=Timeout.of(None),
        report=content["report"],
    )
    return Arrived(task, module)


def _of_source(content: Mapping[str, Any]) -> tuple[Any, Interface, ModuleType]:
    module = _module(content)
    names = vars(module)
    sys.modules[module.__name__] = module  # dataclasses look their module up while they are made
    exec(compile(content["text"], f"<{content['name']}>", "exec"), names)  # noqa: S102 - the user's own code
    for qualified, code in content["codes"].items():
        _give_lines(names, qualified, marshal.loads(code))  # noqa: S302 - from the kernel
    func = names[content["label"]]
    for name, qualified, short_name in content["tasks"]:
        if isinstance(names.get(name), FunctionType):
            names[name] = called(name, qualified, short_name, names[name])
    return func, Interface.of(func, content["name"]), module


def _of_pickle(content: Mapping[str, Any]) -> tuple[Any, Interface, ModuleType]:
    func, interface = pickle.loads(content["pickle"])  # noqa: S301 - from the kernel
    module = _module(content)
    inner = getattr(func, "__func__", func)
    vars(module).update(
        {name: value for name, value in getattr(inner, "__globals__", {}).items() if name != "__builtins__"}
    )
    return func, interface, module


_BY = {"source": _of_source, "pickle": _of_pickle}


def _module(content: Mapping[str, Any]) -> ModuleType:
    module = ModuleType(content["home"])
    if content.get("file"):
        module.__file__ = content["file"]
    if content.get("package"):
        module.__package__ = content["package"]
    return module


def _give_lines(names: Mapping[str, Any], qualified: str, code: Any) -> None:
    """Let a function that was written anew say where it was written first: in tracebacks and warnings."""
    first, *rest = qualified.split(".")
    found: Any = names.get(first)
    for part in rest:
        found = vars(found).get(part) if isinstance(found, type) else None
    found = getattr(found, "__func__", found)
    found = getattr(found, "fget", None) or found
    if isinstance(found, FunctionType) and _same(found.__code__, code):
        found.__code__ = code


def _same(here: Any, there: Any) -> bool:
    return (
        here.co_names == there.co_names
        and here.co_varnames == there.co_varnames
        and here.co_freevars == there.co_freevars
        and len(here.co_consts) == len(there.co_consts)
        and (here.co_code == there.co_code or _steps(here) == _steps(there))
    )


def _steps(code: Any) -> list[tuple[str, object]]:
    """Give what code does, however a method is looked up.

    Compilers do that in another way on a module whose import they see: as they do here, where all is one
    text, and not in a notebook, where it is in another statement.
    """
    dis: Any = load("dis:Bytecode")
    return [
        (_ALIKE.get(one.opname, one.opname), one.argval if isinstance(one.argval, _PLAIN) else None)
        for one in dis(code)
        if one.opname != "PUSH_NULL" and "JUMP" not in one.opname
    ]


_ALIKE = {"LOAD_METHOD": "LOAD_ATTR"}
_PLAIN = (str, float, bool, NoneType)
"""Places in the code, which move, are integers."""
