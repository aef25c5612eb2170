"""The images of actions: built or pulled when they are first needed."""

import threading

from flyte_jupyter.runs.events import Emit
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.tasks.values import built_image


def provided(spec: ActionSpec, emit: Emit, stop: threading.Event) -> str:
    """See that the image of an action is on this machine's engine, and give its name."""
    del emit, stop
    return built_image(spec.task.image).uri
