"""The parts of one endpoint, put together."""

from dataclasses import dataclass

from flyte_jupyter.endpoint.bells import Bells
from flyte_jupyter.endpoint.engine import Engine
from flyte_jupyter.endpoint.folders import Folders
from flyte_jupyter.endpoint.links import Links
from flyte_jupyter.endpoint.messages import Messages
from flyte_jupyter.endpoint.output import Output
from flyte_jupyter.endpoint.recorder import Recorder
from flyte_jupyter.endpoint.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """What the services work with."""

    folders: Folders
    bells: Bells
    state: State
    engine: Engine
    output: Output
    messages: Messages
    links: Links
    recorder: Recorder
