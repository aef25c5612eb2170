"""What a task can say about the container that it runs in."""

import re
from dataclasses import dataclass

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import shown, wrong_type

_NETWORK = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}"


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """Settings of containers, given as ``plugin_config``; other places to run do not look at them.

    Args:
        network: "bridge" (the engine's own network), "none", "host", or the name of a network that exists.

    Raises:
        TypeError: a value of a wrong type.
        DefinitionError: a name that no network can have.
    """

    network: str = "bridge"

    __repr__ = shown

    def __post_init__(self) -> None:
        if not isinstance(self.network, str):
            raise wrong_type("network", self.network, '"bridge", "none", "host" or the name of a network')
        if not re.fullmatch(_NETWORK, self.network):
            raise DefinitionError(
                f'network={self.network!r} is none; give "bridge", "none", "host" or the name of a network'
            )
