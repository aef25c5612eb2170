"""A Kubernetes pod to run a task in, as a plain value that needs no Kubernetes package."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.checks import duration, shown, text, wrong_type

PRIMARY = "primary"
"""The name of the container that runs the task, unless said otherwise."""


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """What the pod of a task looks like beyond its image and resources.

    Args:
        pod_spec: the pod's spec, as a mapping in Kubernetes' own (camel-case) form or as a ``V1PodSpec``.
        primary_container_name: which of its containers runs the task.
        labels: labels of the pod.
        annotations: annotations of the pod.

    Raises:
        TypeError: a value of a wrong type.
    """

    pod_spec: Any = field(default=None, hash=False)
    primary_container_name: str = PRIMARY
    labels: Mapping[str, str] | None = field(default=None, hash=False)
    annotations: Mapping[str, str] | None = field(default=None, hash=False)

    __repr__ = shown

    def __post_init__(self) -> None:
        text("primary_container_name", self.primary_container_name, PRIMARY)
        if self.pod_spec is not None:
            spec = plain(self.pod_spec)
            if not isinstance(spec, dict):
                raise wrong_type("pod_spec", self.pod_spec, "a mapping or a V1PodSpec")
            object.__setattr__(self, "pod_spec", spec)
        for name in ("labels", "annotations"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _texts(name, getattr(self, name)))

    @classmethod
    def from_spec(cls, pod_spec: Any, primary_container_name: str = PRIMARY) -> "PodTemplate":
        """Make it from a pod's spec alone."""
        return cls(pod_spec=pod_spec, primary_container_name=primary_container_name)

    def with_termination_grace_period(self, period: timedelta | int) -> "PodTemplate":
        """Give the pod whole seconds between the request to stop and its end.

        Raises:
            TypeError: it is neither a timedelta nor seconds.
            DefinitionError: it is negative or no whole number of seconds.
        """
        length = duration("period", period)
        if length.microseconds:
            raise DefinitionError(f"period={period!r} must be whole seconds")
        spec = {**(self.pod_spec or {}), "terminationGracePeriodSeconds": int(length.total_seconds())}
        return replace(self, pod_spec=spec)

    def to_dict(self) -> dict[str, Any]:
        """Write it as the metadata and spec of a Kubernetes pod."""
        metadata = {"labels": dict(self.labels or {}), "annotations": dict(self.annotations or {})}
        return {"metadata": metadata, "spec": plain(self.pod_spec or {})}


def plain(value: Any) -> Any:
    """Turn models of the Kubernetes package into its JSON form, by the map of names that each carries."""
    names = getattr(type(value), "attribute_map", None)
    if isinstance(names, Mapping):
        pairs = ((key, getattr(value, attribute)) for attribute, key in names.items())
        return {key: plain(one) for key, one in pairs if one is not None}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def _texts(what: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(t, str) for pair in value.items() for t in pair):
        raise wrong_type(what, value, "a dict of text to text")
    return dict(value)
