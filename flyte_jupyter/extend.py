"""What extensions of this package build on: task plugins, types, places to run."""

from flyte_jupyter.backends.base import Backend
from flyte_jupyter.tasks.plugins import TaskPluginRegistry
from flyte_jupyter.tasks.spec import ActionSpec, TaskSpec
from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate, TaskTemplate
from flyte_jupyter.types.engine import TypeEngine
from flyte_jupyter.types.transformer import TypeTransformer

__all__ = [
    "ActionSpec",
    "AsyncFunctionTaskTemplate",
    "Backend",
    "TaskPluginRegistry",
    "TaskSpec",
    "TaskTemplate",
    "TypeEngine",
    "TypeTransformer",
]
