"""What a run would do: the answer to ``dry_run``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.tasks.values import built_image


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that was checked and not run.

    Args:
        task: the task's qualified name.
        mode: local, hybrid or remote.
        place: where the root would run.
        inputs: the checked inputs by name.
        image: the image's URI.
        resources: what one attempt asks for.
        cache: how results would be cached.
    """

    task: str
    mode: str
    place: str
    inputs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    image: str = ""
    resources: Any = None
    cache: Any = None

    @classmethod
    def of(cls, spec: ActionSpec, mode: str, place: str) -> "Plan":
        """Describe a spec."""
        return cls(
            task=spec.task.name,
            mode=mode,
            place=place,
            inputs=MappingProxyType(spec.task.interface.from_literals(spec.inputs)),
            image=built_image(spec.task.image).uri,
            resources=spec.task.resources,
            cache=spec.task.cache,
        )
