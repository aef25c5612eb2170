"""Secrets have one name and one place each."""

import pickle
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks.secret import Secret, secrets_of


def test_the_variable_is_named_after_group_and_key():
    assert Secret("my-api-key", "external-services").as_env_var == "EXTERNAL_SERVICES_MY_API_KEY"
    assert Secret("token").as_env_var == "TOKEN"
    assert Secret("a.b-c").as_env_var == "A_B_C"


def test_a_given_variable_stays():
    assert Secret(key="GITHUB_PAT", as_env_var="GITHUB_PAT_ENV").as_env_var == "GITHUB_PAT_ENV"


def test_a_mounted_secret_is_no_variable_unless_asked_for():
    assert Secret("k", mount="/etc/flyte/secrets/my-secret").as_env_var is None
    assert Secret("k", mount="/etc/flyte/secrets", as_env_var="K").as_env_var == "K"


@pytest.mark.parametrize(
    ("group", "mount", "file"),
    [
        (None, "/etc/flyte/secrets", "/etc/flyte/secrets/k"),
        ("g", Path("/etc/flyte/secrets"), "/etc/flyte/secrets/g/k"),
        ("g", "/etc/flyte/secrets/my-secret", "/etc/flyte/secrets/my-secret"),
        (None, "/etc/flyte/secrets/deep/er/", "/etc/flyte/secrets/deep/er"),
    ],
)
def test_a_mounted_secret_is_a_file_below_the_folder(group, mount, file):
    assert Secret("k", group, mount=mount).file == PurePosixPath(file)


@pytest.mark.parametrize(
    "mount",
    [
        "/etc/passwd",
        "/etc/flyte/secrets/../x",
        "/etc/flyte/secretsx",
        "etc/flyte/secrets",
        "",
        "/etc/flyte/secrets/a b",
    ],
)
def test_a_mount_elsewhere_is_refused(mount):
    with pytest.raises(DefinitionError, match="/etc/flyte/secrets or the path of a file below it"):
        Secret("k", mount=mount)


@pytest.mark.parametrize("key", ["", "a/b", "../x", ".", "a b", "a\n", "a|b", "é"])
def test_a_key_that_no_store_knows_is_refused(key):
    with pytest.raises(DefinitionError, match="secret key="):
        Secret(key)


@pytest.mark.parametrize("name", ["lower", "1A", "A-B", "A.B", ""])
def test_a_variable_that_cannot_be_one_is_refused(name):
    with pytest.raises(DefinitionError, match="must match"):
        Secret("k", as_env_var=name)


def test_a_key_that_makes_no_variable_is_refused_with_one_that_does():
    with pytest.raises(DefinitionError, match="for example '_2FA'"):
        Secret("2fa")


@pytest.mark.parametrize(
    "arguments",
    [{"key": 1}, {"key": "k", "group": 1}, {"key": "k", "mount": 1}, {"key": "k", "as_env_var": 1}],
)
def test_values_of_a_wrong_type_are_refused(arguments):
    with pytest.raises(TypeError):
        Secret(**arguments)


def test_the_stable_hash_is_the_one_of_flyte_2():
    assert (
        Secret(key="my-key", group="g").stable_hash()
        == "040d0991d1c929ad4a487513538c05766dd4730753e8783b23fd828be8dfc023"
    )
    assert hash(Secret(key="my-key", group="g")) == hash(0x040D0991D1C929AD)


def test_the_hash_is_the_same_in_every_process():
    code = "from flyte_jupyter.tasks.secret import Secret; print(hash(Secret('a', 'b')))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert int(said) == hash(Secret("a", "b"))


def test_a_secret_is_a_value():
    secret = Secret("k", mount="/etc/flyte/secrets")

    assert pickle.loads(pickle.dumps(secret)) == secret
    assert repr(Secret("k", as_env_var="K")) == "Secret(key='k', as_env_var='K')"


def test_requests_become_secrets():
    assert secrets_of(None) == secrets_of([]) == ()
    assert secrets_of("a") == (Secret("a"),)
    assert secrets_of(Secret("a")) == (Secret("a"),)
    assert secrets_of(["a", Secret("b"), "a"]) == (Secret("a"), Secret("b"))


@pytest.mark.parametrize("request_", [1, {"a": "b"}, ["a", 1], b"a"])
def test_a_request_of_a_wrong_type_is_refused(request_):
    with pytest.raises(TypeError):
        secrets_of(request_)


@pytest.mark.parametrize(
    "pair",
    [
        ("a-b", "a_b"),
        (Secret("a", as_env_var="X"), Secret("b", as_env_var="X")),
        (Secret("a", mount="/etc/flyte/secrets/x"), Secret("b", mount="/etc/flyte/secrets/x")),
    ],
)
def test_two_secrets_in_one_place_are_refused(pair):
    with pytest.raises(DefinitionError, match="is asked for by"):
        secrets_of(pair)
