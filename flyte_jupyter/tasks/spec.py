"""What a place to run is given: one action as literals and plain values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flyte_jupyter.drafts import drafted
from flyte_jupyter.ids import ActionID
from flyte_jupyter.tasks.context import ContextData, RunScope
from flyte_jupyter.types.literal import Literals

if TYPE_CHECKING:
    from flyte_jupyter.tasks.cache import Cache
    from flyte_jupyter.tasks.image import Image
    from flyte_jupyter.tasks.interface import Interface
    from flyte_jupyter.tasks.pod import PodTemplate
    from flyte_jupyter.tasks.policies import RetryStrategy, ReusePolicy, Timeout
    from flyte_jupyter.tasks.resources import Resources
    from flyte_jupyter.tasks.secret import Secret


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskSpec:
    """The part of a spec that is the same for every call of a task, after inheritance and overrides.

    Args:
        name: qualified name, ``environment.function``.
        short_name: the name for people.
        image: the image; "auto" stays a word until somebody needs the image itself.
        func: the function itself; ``tasks/source.py`` slices it for other places.
        interface: its inputs and outputs.
        is_async: whether the function is a coroutine function.
        env_vars: environment variables of the environment and the task.
        secrets: what to inject.
        report: whether the report is flushed at the end.
        max_inline_io_bytes: the most bytes of inputs, and of outputs, that travel inline.
        docs: its description.
        queue: the queue of a cluster; this and what follows are for places that have clusters.
        service_account: the account on a cluster.
        pod_template: Kubernetes details.
        interruptible: whether it may run on machines that can be taken away.
        place: where it runs, wherever its caller runs; None where the run's mode says.
        deployed: what stands for it at that place, if it has no code here.
    """

    name: str
    short_name: str
    func: Callable[..., Any]
    interface: "Interface"
    is_async: bool
    image: "Image | str"
    resources: "Resources"
    cache: "Cache"
    retries: "RetryStrategy"
    timeout: "Timeout"
    reusable: "ReusePolicy | None" = None
    env_vars: Mapping[str, str] = field(default_factory=dict)
    secrets: "tuple[Secret, ...]" = ()
    report: bool = False
    max_inline_io_bytes: int = 10 * 1024 * 1024
    plugin_config: Any = None
    docs: str = ""
    queue: str | None = None
    service_account: str | None = None
    pod_template: "PodTemplate | str | None" = None
    interruptible: bool = False
    place: Any = None
    deployed: Any = None

    @cached_property
    def plain(self) -> bool:
        """Whether a body needs no variables of its own."""
        return not (self.env_vars or self.secrets)

    @cached_property
    def asked(self) -> Mapping[str, str]:
        """What it asks of a machine, for the record: {"cpu": "2", "memory": "4Gi", "gpu": "T4:1"}."""
        found, device = self.resources.requests, self.resources.get_device()
        if device is None:
            return found
        words = (device.device or "", device.partition or "", str(device.quantity))
        return {**found, "gpu": ":".join(filter(None, words))}

    @cached_property
    def interface_digest(self) -> str:
        """The identity of the inputs' and outputs' names and types."""
        return self.interface.digest


@drafted
@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action, ready to run.

    Args:
        id: its identity; ``id.name`` is unique in the run.
        task: what to run.
        inputs: by parameter name, in declared order.
        run: what all actions of the run share.
        context: the context that the task's body runs in; the attempt completes it.
        parent: the action that called it; None for the root.
        attempt: the number of the attempt, from 1.
        version: the cache version, empty where it is not cached.
        packed: the inputs as they are recorded.
    """

    id: ActionID
    task: TaskSpec
    inputs: Literals
    run: RunScope
    context: ContextData
    parent: str | None = None
    attempt: int = 1
    version: str = ""
    packed: bytes | None = None
