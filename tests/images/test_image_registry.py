"""Images in real registries on this machine: open ones, and ones that want credentials."""

import base64
import json
import os
import uuid

import pytest
import requests
from registries import PASSWORD, USER

import flyte_jupyter as flyte
from flyte_jupyter.images.build import ImageBuildEngine
from flyte_jupyter.images.registry import Reference, credentials_of
from flyte_jupyter.tasks.image import Image


@pytest.fixture
def image(base_image, registry):
    """An image for the registry that nobody has built."""
    return fresh(base_image, registry.host)


def fresh(base, host):
    image = Image.from_base(base).clone(name="flyte-jupyter-test", registry=host)
    return image.with_env_vars({"RUN": uuid.uuid4().hex})


def statuses(image, **options):
    steps = []
    done = ImageBuildEngine(on_step=lambda _, step: steps.append(step), **options).build(image)
    return done, [step.status for step in steps if not step.number]


def test_an_image_is_built_and_pushed_once(image, registry):
    checker = flyte.ImageChecker()
    assert checker.there(image.uri) is None

    first, said = statuses(image)
    second, nothing = statuses(image)

    assert (first.built, first.pushed, said) == (True, True, ["building", "built", "pushing", "pushed"])
    assert (second.built, second.pushed, nothing) == (False, False, [])
    assert checker.there(image.uri).startswith("sha256:")
    assert checker.image_exists(image) == image.uri


def test_what_is_built_and_not_in_the_registry_is_pushed_and_not_built(image, registry):
    statuses(image)
    digest = flyte.ImageChecker().there(image.uri)
    url = f"http://{registry.host}/v2/flyte-jupyter-test/manifests/{digest}"
    assert requests.delete(url, timeout=10).status_code == 202

    done, said = statuses(image)

    assert (done.built, done.pushed, said) == (False, True, ["pushing", "pushed"])


def test_what_is_in_the_registry_only_is_pulled_and_not_built(engine, image):
    statuses(image)
    engine.images.remove(image.uri, force=True)
    assert flyte.ImageChecker().image_exists(image) == image.uri

    done, said = statuses(image)

    assert (done.built, done.pushed, said) == (False, False, ["pulling", "pulled"])
    assert engine.images.get(image.uri)


def test_a_task_runs_in_an_image_that_was_pushed_and_pulled(engine, image):
    flyte.build(image)
    engine.images.remove(image.uri, force=True)
    env = flyte.TaskEnvironment(name="pulled", image=image)

    @env.task
    def work() -> str:
        import os

        return os.environ["RUN"]

    run = flyte.with_runcontext(isolation="container").run(work)

    assert run.outputs()[0] == dict(image.layers[0].variables)["RUN"]


def test_an_image_by_its_name_is_pulled(engine, image):
    statuses(image)
    engine.images.remove(image.uri, force=True)

    done, said = statuses(Image.from_base(image.uri))

    assert said == ["pulling", "pulled"]
    assert done.uri == image.uri


def test_a_registry_that_is_not_there_is_said_before_anything_is_built(base_image):
    image = fresh(base_image, "127.0.0.1:1")
    steps = []

    with pytest.raises(flyte.errors.ImageBuildError, match="the registry 127.0.0.1:1 does not answer"):
        ImageBuildEngine(on_step=lambda *step: steps.append(step)).build(image)

    assert steps == []


def test_without_credentials_a_private_registry_says_how_to_log_in(
    base_image, private, tmp_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "empty"))

    with pytest.raises(
        flyte.errors.ImageBuildError, match=rf"{private.host} refuses .*docker login {private.host}"
    ):
        ImageBuildEngine().build(fresh(base_image, private.host))


def test_credentials_come_from_dockers_own_settings(base_image, private, tmp_path, monkeypatch):
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {private.host: {"auth": auth}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    done, said = statuses(fresh(base_image, private.host))

    assert (done.pushed, said[-1]) == (True, "pushed")


def test_credentials_come_from_credential_helpers(base_image, private, tmp_path, monkeypatch):
    helper = tmp_path / "docker-credential-flytetest"
    answer = json.dumps({"ServerURL": private.host, "Username": USER, "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {private.host: "flytetest"}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert statuses(fresh(base_image, private.host))[0].pushed


def test_credentials_come_from_the_images_own_secret_and_are_shown_nowhere(
    base_image, private, tmp_path, monkeypatch
):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "empty"))
    monkeypatch.setenv("REGISTRY_LOGIN", f"{USER}:{PASSWORD}")
    image = fresh(base_image, private.host).clone(registry_secret="registry-login")

    assert flyte.build(image).pushed
    assert PASSWORD not in str(next(flyte.Run.listall()).logs())

    monkeypatch.setenv("REGISTRY_LOGIN", f"{USER}:{PASSWORD}-wrong")
    with pytest.raises(flyte.errors.ImageBuildError, match="refuses") as caught:
        flyte.build(fresh(base_image, private.host).clone(registry_secret="registry-login"))
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("python", ("docker.io", "library/python", "latest")),
        ("me/app:1", ("docker.io", "me/app", "1")),
        ("ghcr.io/me/app:1.2", ("ghcr.io", "me/app", "1.2")),
        ("localhost/app", ("localhost", "app", "latest")),
        ("localhost:5000/app", ("localhost:5000", "app", "latest")),
        ("r.io:1/a/b/c:t", ("r.io:1", "a/b/c", "t")),
        ("r.io/a@sha256:" + "0" * 64, ("r.io", "a", "sha256:" + "0" * 64)),
    ],
)
def test_names_are_taken_apart_as_docker_does(uri, parts):
    found = Reference.of(uri)

    assert (found.registry, found.repository, found.tag) == parts


def test_a_registrys_secret_is_a_login_or_dockers_configuration():
    auth = base64.b64encode(b"a:b:c").decode()
    whole = {"username": "a", "password": "b:c"}

    assert credentials_of("a:b:c\n", "r.io") == whole
    assert credentials_of(json.dumps({"auths": {"https://r.io": {"auth": auth}}}), "r.io") == whole
    with pytest.raises(flyte.errors.ImageBuildError, match=r"neither 'user:password' nor"):
        credentials_of("nonsense", "r.io")
    with pytest.raises(flyte.errors.ImageBuildError, match="holds no credentials for it"):
        credentials_of('{"auths": {}}', "r.io")
