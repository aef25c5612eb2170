"""The cell is the task: typed, cached, retried, timed tasks in Jupyter.

``import flyte_jupyter as flyte`` and define tasks with ``TaskEnvironment``; ``%load_ext flyte_jupyter`` adds
the notebook's surface. Every name here is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyte_jupyter import errors, extend, io, panels, remote, report, types
    from flyte_jupyter.engine.building import build
    from flyte_jupyter.engine.deploying import deploy
    from flyte_jupyter.engine.mapping import flyte_map as map  # noqa: A004 - the field's name for it
    from flyte_jupyter.engine.rerun import rerun
    from flyte_jupyter.engine.runner import Runner, run, with_runcontext
    from flyte_jupyter.engine.setup import init
    from flyte_jupyter.engine.tracing import trace
    from flyte_jupyter.ids import ActionID
    from flyte_jupyter.images.build import ImageBuild, ImageBuildEngine
    from flyte_jupyter.images.check import ImageChecker
    from flyte_jupyter.runs.run import Action, Run
    from flyte_jupyter.tasks.bundle import CodeBundle
    from flyte_jupyter.tasks.cache import Cache, CachePolicy, FunctionBodyPolicy, VersionParameters
    from flyte_jupyter.tasks.checkpoint import Checkpoint, CheckpointPaths, latest_checkpoint
    from flyte_jupyter.tasks.container import ContainerConfig
    from flyte_jupyter.tasks.context import (
        Context,
        ContextData,
        GroupData,
        TaskContext,
        ctx,
        custom_context,
        get_custom_context,
        group,
    )
    from flyte_jupyter.tasks.devices import (
        AMD_GPU,
        APPLE_SILICON,
        GPU,
        HABANA_GAUDI,
        TPU,
        Device,
        Neuron,
    )
    from flyte_jupyter.tasks.documentation import Documentation
    from flyte_jupyter.tasks.environment import Environment, TaskEnvironment
    from flyte_jupyter.tasks.image import Image
    from flyte_jupyter.tasks.pod import PodTemplate
    from flyte_jupyter.tasks.policies import Backoff, RetryStrategy, ReusePolicy, Timeout
    from flyte_jupyter.tasks.resources import Resources
    from flyte_jupyter.tasks.secret import Secret, SecretRequest
    from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate, TaskTemplate

_MODULES = ("errors", "extend", "io", "panels", "remote", "report", "types")

_HOMES = {
    "engine.building": ("build",),
    "engine.deploying": ("deploy",),
    "engine.mapping": ("map=flyte_map",),
    "engine.rerun": ("rerun",),
    "engine.runner": ("Runner", "run", "with_runcontext"),
    "engine.setup": ("init",),
    "engine.tracing": ("trace",),
    "ids": ("ActionID",),
    "images.build": ("ImageBuild", "ImageBuildEngine"),
    "images.check": ("ImageChecker",),
    "runs.run": ("Action", "Run"),
    "tasks.bundle": ("CodeBundle",),
    "tasks.cache": ("Cache", "CachePolicy", "FunctionBodyPolicy", "VersionParameters"),
    "tasks.checkpoint": ("Checkpoint", "CheckpointPaths", "latest_checkpoint"),
    "tasks.container": ("ContainerConfig",),
    "tasks.context": (
        "Context", "ContextData", "GroupData", "TaskContext", "ctx", "custom_context", "get_custom_context",
        "group",
    ),
    "tasks.devices": ("AMD_GPU", "APPLE_SILICON", "GPU", "HABANA_GAUDI", "TPU", "Device", "Neuron"),
    "tasks.documentation": ("Documentation",),
    "tasks.environment": ("Environment", "TaskEnvironment"),
    "tasks.image": ("Image",),
    "tasks.pod": ("PodTemplate",),
    "tasks.policies": ("Backoff", "RetryStrategy", "ReusePolicy", "Timeout"),
    "tasks.resources": ("Resources",),
    "tasks.secret": ("Secret", "SecretRequest"),
    "tasks.template": ("AsyncFunctionTaskTemplate", "TaskTemplate"),
}  # fmt: skip

_PLACES = {
    name.partition("=")[0]: (home, name.partition("=")[2] or name)
    for home, names in _HOMES.items()
    for name in names
}

__version__ = "0.1.0"
__all__ = [
    "AMD_GPU",
    "APPLE_SILICON",
    "GPU",
    "HABANA_GAUDI",
    "TPU",
    "Action",
    "ActionID",
    "AsyncFunctionTaskTemplate",
    "Backoff",
    "Cache",
    "CachePolicy",
    "Checkpoint",
    "CheckpointPaths",
    "CodeBundle",
    "ContainerConfig",
    "Context",
    "ContextData",
    "Device",
    "Documentation",
    "Environment",
    "FunctionBodyPolicy",
    "GroupData",
    "Image",
    "ImageBuild",
    "ImageBuildEngine",
    "ImageChecker",
    "Neuron",
    "PodTemplate",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Run",
    "Runner",
    "Secret",
    "SecretRequest",
    "TaskContext",
    "TaskEnvironment",
    "TaskTemplate",
    "Timeout",
    "VersionParameters",
    "__version__",
    "build",
    "ctx",
    "custom_context",
    "deploy",
    "errors",
    "extend",
    "get_custom_context",
    "group",
    "init",
    "io",
    "latest_checkpoint",
    "map",
    "panels",
    "remote",
    "report",
    "rerun",
    "run",
    "trace",
    "types",
    "with_runcontext",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, attribute = _PLACES[name]
    value = getattr(importlib.import_module(f"{__name__}.{home}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)


def load_ipython_extension(ipython: Any) -> None:
    """Add the magics and displays: ``%load_ext flyte_jupyter``."""
    importlib.import_module(f"{__name__}.notebook.extension").load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take them away again."""
    importlib.import_module(f"{__name__}.notebook.extension").unload(ipython)
