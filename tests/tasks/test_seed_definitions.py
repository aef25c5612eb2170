"""The seed's own examples of definitions."""

from datetime import timedelta
from pathlib import Path

from flyte_jupyter.images.dockerfile import build_secrets, dockerfile
from flyte_jupyter.tasks.cache import Cache
from flyte_jupyter.tasks.devices import Device
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.policies import RetryStrategy, ReusePolicy, Timeout
from flyte_jupyter.tasks.resources import Resources
from flyte_jupyter.tasks.secret import Secret


def test_the_image_of_the_first_environment():
    image = Image.from_debian_base().with_pip_packages("scikit-learn", "pandas")

    assert dockerfile(image).endswith("pip install scikit-learn pandas\n")


def test_the_layered_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    my_custom_image = (
        Image.from_debian_base(python_version=(3, 11), name="my-app", registry="my-registry.com")
        .with_pip_packages("numpy", "scipy==1.10.0")
        .with_source_folder(Path("./my_code"), "/app")
        .with_commands(["apt-get update && apt-get install -y git"])
        .with_env_vars({"MY_ENV_VAR": "some_value"})
    )
    (tmp_path / "my_code").mkdir()

    assert my_custom_image.uri == f"my-registry.com/my-app:{my_custom_image.identifier}"
    assert dockerfile(my_custom_image).splitlines()[-3:] == [
        'COPY ["layers/3/", "/app/my_code/"]',
        "RUN apt-get update && apt-get install -y git",
        'ENV MY_ENV_VAR="some_value"',
    ]


def test_the_image_with_a_secret():
    image = Image.from_debian_base().with_pip_packages(
        "private-package",
        secret_mounts=[Secret(key="GITHUB_PAT", as_env_var="GITHUB_PAT_ENV")],
    )

    assert build_secrets(image) == {"GITHUB_PAT": Secret(key="GITHUB_PAT", as_env_var="GITHUB_PAT_ENV")}
    assert 'export GITHUB_PAT_ENV="$(cat ' in dockerfile(image)


def test_the_resources():
    assert Resources(cpu="1", memory="2Gi").requests == {"cpu": "1", "memory": "2Gi"}
    assert Resources(cpu="2", memory="4Gi", gpu="T4:1").get_device() == Device(device="T4")
    assert Resources(cpu="0.5", memory="1Gi").cpu_range == (500, 500)
    assert Resources(gpu="A100:1").get_device() == Device(device="A100", quantity=1)
    device = Device(device="A100", quantity=1, partition="1g.5gb")
    assert Resources(gpu=device).get_device() == device
    assert Resources(cpu=(1, 2)).limits == {"cpu": "2"}
    assert Resources(cpu="500m").requests == {"cpu": "500m"}
    assert Resources(memory=("1Gi", "2Gi")).limits == {"memory": "2Gi"}
    assert Resources(disk="10GiB").requests == {"disk": "10Gi"}


def test_the_secrets():
    secret = Secret(key="my-api-key", group="external-services", as_env_var="EXTERNAL_API_KEY")

    assert secret.as_env_var == "EXTERNAL_API_KEY"
    assert (
        str(Secret("my-secret", mount="/etc/flyte/secrets/my-secret").file) == "/etc/flyte/secrets/my-secret"
    )


def test_the_cache():
    cache = Cache(behavior="auto", ignored_inputs=("input_timestamp",), salt="v1")

    assert cache.finds
    assert cache.ignored_inputs == ("input_timestamp",)
    assert [Cache.of(word).behavior for word in ("auto", "override", "disable")] == [
        "auto",
        "override",
        "disable",
    ]


def test_the_retries():
    strategy = RetryStrategy(count=3, backoff=timedelta(seconds=10), backoff_factor=2)

    assert [strategy.delay(attempt) for attempt in (1, 2, 3)] == [0.5, 1, 2]
    assert RetryStrategy.of(5).count == 5


def test_the_timeouts():
    timeout = Timeout(max_runtime=timedelta(minutes=5), max_queued_time=timedelta(minutes=1))

    assert timeout.max_runtime == timedelta(minutes=5)
    assert Timeout.of(timedelta(minutes=10)).max_runtime == timedelta(minutes=10)


def test_the_reuse_policy():
    policy = ReusePolicy(replicas=2, idle_ttl=timedelta(minutes=5))

    assert policy.max_replicas == 2
