"""Pods as plain values."""

import pickle
from datetime import timedelta
from types import MappingProxyType

import pytest

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.pod import PodTemplate


class V1Container:
    """Has the form of the Kubernetes package's models."""

    attribute_map = MappingProxyType(
        {"name": "name", "image_pull_policy": "imagePullPolicy", "command": "command"}
    )

    def __init__(self, name, image_pull_policy=None):
        self.name, self.image_pull_policy, self.command = name, image_pull_policy, None


class V1PodSpec:
    attribute_map = MappingProxyType({"containers": "containers", "node_selector": "nodeSelector"})

    def __init__(self, containers, node_selector=None):
        self.containers, self.node_selector = containers, node_selector


SPEC = {"containers": [{"name": "primary", "imagePullPolicy": "Always"}], "nodeSelector": {"zone": "a"}}


def test_models_become_plain():
    template = PodTemplate(V1PodSpec([V1Container("primary", "Always")], {"zone": "a"}))

    assert template.pod_spec == SPEC
    assert template == PodTemplate.from_spec(SPEC)


def test_a_pod_has_metadata_and_a_spec():
    template = PodTemplate(SPEC, labels={"team": "a"}, annotations={"note": "b"})

    assert template.to_dict() == {
        "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
        "spec": SPEC,
    }


def test_what_was_given_may_change_afterwards():
    spec = {"containers": []}
    template = PodTemplate(spec)
    spec["containers"].append("x")
    template.to_dict()["spec"]["containers"].append("y")

    assert template.pod_spec == {"containers": []}


def test_the_grace_period_is_in_whole_seconds():
    template = PodTemplate(SPEC)

    assert (
        template.with_termination_grace_period(timedelta(minutes=1)).pod_spec["terminationGracePeriodSeconds"]
        == 60
    )
    assert "terminationGracePeriodSeconds" not in template.pod_spec
    with pytest.raises(DefinitionError, match="whole seconds"):
        template.with_termination_grace_period(timedelta(seconds=0.5))
    with pytest.raises(TypeError):
        template.with_termination_grace_period(True)


@pytest.mark.parametrize(
    "arguments",
    [{"pod_spec": "x"}, {"labels": {"a": 1}}, {"annotations": ["a"]}, {"primary_container_name": 1}],
)
def test_values_of_a_wrong_type_are_refused(arguments):
    with pytest.raises(TypeError):
        PodTemplate(**arguments)


def test_a_template_is_a_value():
    template = PodTemplate(SPEC, labels={"team": "a"})

    assert pickle.loads(pickle.dumps(template)) == template
    assert hash(template) == hash(PodTemplate(SPEC, labels={"team": "a"}))
    assert repr(PodTemplate(labels={"team": "a"})) == "PodTemplate(labels={'team': 'a'})"
