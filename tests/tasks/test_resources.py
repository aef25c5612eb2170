"""Resources say exactly what is asked for."""

import pickle

import pytest

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.devices import GPU, Device
from flyte_jupyter.tasks.resources import Resources


def test_amounts_are_read():
    resources = Resources(cpu=(1, "2500m"), memory=("1Gi", "2Gi"), gpu="T4:2", disk="10GiB", shm="512Mi")

    assert resources.cpu_range == (1000, 2500)
    assert resources.memory_range == (2**30, 2**31)
    assert resources.disk_size == 10 * 2**30
    assert resources.shm_size == 2**29
    assert resources.get_device() == GPU("T4", 2)
    assert resources.requests == {"cpu": "1", "memory": "1Gi", "gpu": "2", "disk": "10Gi"}
    assert resources.limits == {"cpu": "2500m", "memory": "2Gi"}


def test_a_single_amount_is_asked_for_and_allowed():
    resources = Resources(cpu="500m", memory="1Gi")

    assert resources.cpu_range == (500, 500)
    assert resources.memory_range == (2**30, 2**30)
    assert resources.limits == {}


def test_nothing_is_asked_for_by_default():
    resources = Resources()

    assert resources.requests == resources.limits == {}
    assert resources.get_device() is resources.get_shared_memory() is resources.cpu_range is None


def test_gpu_may_be_a_number_of_any_kind():
    assert Resources(gpu=2).get_device() == Device(quantity=2)
    assert Resources(gpu=0).get_device() is None
    assert Resources(gpu=GPU("T4")).get_device() == GPU("T4")


def test_shared_memory_is_all_there_is_or_a_size():
    assert Resources(shm="auto").get_shared_memory() == ""
    assert Resources(shm="1GiB").get_shared_memory() == "1Gi"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cpu": (2, 1)}, "asks for more than it allows"),
        ({"cpu": (1, 2, 3)}, "has 3 parts"),
        ({"cpu": -1}, "cpu=-1 is no amount"),
        ({"memory": ("2Gi", "1Gi")}, "asks for more"),
        ({"memory": "512"}, 'less than 1Mi; is a unit missing, as in "512Mi"'),
        ({"memory": "10 apples"}, "memory='10 apples' is no size"),
        ({"disk": "10gib"}, "Did you mean the unit 'GiB'"),
        ({"shm": "automatic"}, "shm='automatic' is no size"),
        ({"gpu": "T5:1"}, "gpu='T5:1' is none of"),
        ({"gpu": -1}, "gpu=-1 must be at least 0"),
    ],
)
def test_a_wrong_amount_is_refused_at_once(arguments, words):
    with pytest.raises(DefinitionError, match=words):
        Resources(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"cpu": True},
        {"memory": 1024},
        {"memory": ("1Gi", None)},
        {"gpu": 1.5},
        {"gpu": True},
        {"disk": ("1Gi", "2Gi")},
    ],
)
def test_a_value_of_a_wrong_type_is_refused_at_once(arguments):
    with pytest.raises(TypeError):
        Resources(**arguments)


def test_resources_are_a_value():
    resources = Resources(cpu=[1, 2], memory="1Gi")

    assert pickle.loads(pickle.dumps(resources)) == resources == Resources(cpu=(1, 2), memory="1Gi")
    assert hash(resources) == hash(Resources(cpu=(1, 2), memory="1Gi"))
    assert repr(resources) == "Resources(cpu=(1, 2), memory='1Gi')"
