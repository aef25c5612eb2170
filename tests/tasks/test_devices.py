"""Accelerators are known, and asked for in ways that exist."""

import pickle

import pytest

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.devices import (
    AMD_GPU,
    APPLE_SILICON,
    DEVICES,
    GPU,
    HABANA_GAUDI,
    PARTITIONS,
    TPU,
    Device,
    Neuron,
)


def test_the_class_follows_from_the_device():
    assert Device(device="A100", quantity=1, partition="1g.5gb").device_class == "GPU"
    assert Device(device="V5P").device_class == "TPU"
    assert Device(quantity=2).device_class == "GPU"
    assert Device(2, "NEURON").device_class == "NEURON"


def test_every_device_and_partition_of_the_tables_is_accepted():
    for kind, names in DEVICES.items():
        for name in names:
            assert Device(device=name) == Device(device=name, device_class=kind)
    for name, parts in PARTITIONS.items():
        for part in parts:
            assert Device(device=name, partition=part).partition == part


@pytest.mark.parametrize(
    ("given", "name"),
    [("A100 80G", "A100_80G"), ("a100-80g", "A100_80G"), ("L40S", "L40s"), ("rtx pro 6000", "RTX_PRO_6000")],
)
def test_case_and_separators_of_a_name_do_not_matter(given, name):
    assert Device(device=given).device == name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"device": "A1000"}, "Did you mean 'A100'"),
        ({"device": "A100", "partition": "1g.6gb"}, "Did you mean '1g.5gb'"),
        ({"device": "T4", "partition": "1g.5gb"}, "T4 has no partitions"),
        ({"partition": "1g.5gb"}, "needs a device"),
        ({"device_class": "CPU"}, "device_class='CPU' is none of 'GPU', 'TPU'"),
        ({"device_class": "TPU", "device": "T4"}, "'T4' is none of 'V5E', 'V5P', 'V6E'"),
        ({"quantity": 0}, "quantity=0 must be at least 1"),
    ],
)
def test_what_does_not_exist_is_refused(arguments, words):
    with pytest.raises(DefinitionError, match=words):
        Device(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"quantity": True}, {"quantity": "1"}, {"device": 4}, {"partition": 1}]
)
def test_values_of_a_wrong_type_are_refused(arguments):
    with pytest.raises(TypeError):
        Device(**arguments)


def test_text_names_a_device_and_a_number():
    assert Device.of("T4:1") == Device.of("T4") == Device(device="T4")
    assert Device.of("Trn1:16") == Neuron("Trn1", 16)
    assert Device.of("A100 80G:8") == GPU("A100_80G", 8)


@pytest.mark.parametrize(
    "text", ["T4:0", "T4:", "T4:x", "T4:-1", "T4:1:2", "T5:1", "", ":", "T4:9999999999", "T4:\u0661"]
)
def test_text_that_names_none_is_refused(text):
    with pytest.raises(DefinitionError, match="gpu="):
        Device.of(text)


def test_factories_give_their_class():
    classes = [
        GPU("T4"),
        TPU("V5P", "2x2x1"),
        Neuron("Inf1"),
        AMD_GPU("MI300X"),
        HABANA_GAUDI(),
        APPLE_SILICON(),
    ]

    assert [device.device_class for device in classes] == list(DEVICES)


def test_a_factory_refuses_the_devices_of_others():
    with pytest.raises(DefinitionError, match="'MI100' is none of"):
        GPU("MI100")


def test_a_device_is_a_value():
    device = GPU("A100", 2)

    assert pickle.loads(pickle.dumps(device)) == device
    assert len({device, GPU("a100", 2)}) == 1
    assert repr(device) == "Device(quantity=2, device_class='GPU', device='A100')"
