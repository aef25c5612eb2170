"""Task plugins: the type of a configuration chooses the class of the task."""

from typing import Any, ClassVar

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.container import ContainerConfig
from flyte_jupyter.tasks.template import AsyncFunctionTaskTemplate


class TaskPluginRegistry:
    """Which task class serves which type of plugin configuration."""

    _classes: ClassVar[dict[type, type[AsyncFunctionTaskTemplate[..., Any]]]] = {
        ContainerConfig: AsyncFunctionTaskTemplate
    }

    @classmethod
    def register(cls, config_type: type, plugin: type[AsyncFunctionTaskTemplate[..., Any]]) -> None:
        """Let ``plugin`` serve tasks whose ``plugin_config`` is a ``config_type``; the last one wins."""
        if not (isinstance(plugin, type) and issubclass(plugin, AsyncFunctionTaskTemplate)):
            raise TypeError(f"{plugin!r} is no subclass of AsyncFunctionTaskTemplate")
        cls._classes[config_type] = plugin

    @classmethod
    def find(cls, config: Any) -> type[AsyncFunctionTaskTemplate[..., Any]]:
        """Give the task class for a configuration; None means a plain function.

        Raises:
            DefinitionError: no plugin is registered for its type.
        """
        if config is None:
            return AsyncFunctionTaskTemplate
        for kind in type(config).__mro__:
            if kind in cls._classes:
                return cls._classes[kind]
        known = ", ".join(k.__name__ for k in cls._classes) or "none"
        raise DefinitionError(
            f"plugin_config={config!r}: no task plugin is registered for {type(config).__name__}; there are "
            f"{known}. Register one with flyte_jupyter.extend.TaskPluginRegistry.register(type, class)"
        )
