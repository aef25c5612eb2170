"""The module that travels with tasks, as this process has it."""

import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from flyte_jupyter.ids import digest


@cache
def pod() -> Any:
    """Make the module of ``flyte_pod.py`` under the name that it has where tasks run.

    Its classes are pickled by that name, so here as there it has to be a module of its own.
    """
    source = Path(__file__).with_name("flyte_pod.py").read_text(encoding="utf-8")
    name = f"_flyte_jupyter_{digest('pod', source)[:12]}"
    module = ModuleType(name)
    vars(module)["SOURCE"] = source
    sys.modules[name] = module
    exec(compile(source, name, "exec"), vars(module))  # noqa: S102 - our own file
    return module
