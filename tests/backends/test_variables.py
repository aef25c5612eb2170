"""Environment variables and secrets reach the body that asked for them, its child processes, and nobody else."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import flyte_jupyter as flyte
from flyte_jupyter.backends import environ

HERE = flyte.with_runcontext(isolation="thread")


@pytest.fixture
def env():
    return flyte.TaskEnvironment(name="test", env_vars={"SHARED": "env", "ENV_ONLY": "yes"})


def test_a_body_sees_its_environments_and_its_own_variables(env):
    @env.task(env_vars={"SHARED": "task"})
    def body() -> list[str]:
        return [
            os.environ["SHARED"],
            os.environ["ENV_ONLY"],
            os.getenv("SHARED"),
            str("SHARED" in os.environ),
        ]

    assert HERE.run(body).outputs()[0] == ["task", "yes", "task", "True"]
    assert "SHARED" not in os.environ


def test_the_runs_variables_come_on_top_for_all_tasks(env):
    @env.task
    def child() -> str:
        return os.environ["SHARED"]

    @env.task
    async def parent() -> list[str]:
        return [os.environ["SHARED"], child()]

    run = flyte.with_runcontext(isolation="thread", env_vars={"SHARED": "run"}).run(parent)

    assert run.outputs()[0] == ["run", "run"]


def test_neighbours_see_only_their_own(env):
    barrier = threading.Barrier(3)

    def task(value, kind):
        def look():
            return os.environ.get("MINE", "none")

        if kind == "thread":

            @env.task(env_vars={"MINE": value} if value else {})
            def body() -> str:
                barrier.wait(10)
                seen = look()
                barrier.wait(10)
                return seen

            return body
        return None

    tasks = [task("one", "thread"), task("two", "thread"), task(None, "thread")]

    @env.task
    async def parent() -> list[str]:
        return list(await asyncio.gather(*(t.aio() for t in tasks)))

    assert HERE.run(parent).outputs()[0] == ["one", "two", "none"]


def test_interleaved_coroutines_see_only_their_own(env):
    plain = flyte.TaskEnvironment(name="plain")

    @env.task(env_vars={"MINE": "one"})
    async def one() -> list[str]:
        seen = []
        for _ in range(5):
            seen.append(os.environ.get("MINE", "none"))
            await asyncio.sleep(0)
        return seen

    @plain.task
    async def none() -> list[str]:
        seen = []
        for _ in range(5):
            seen.append(os.environ.get("MINE", "none"))
            await asyncio.sleep(0)
        return seen

    @plain.task
    async def parent() -> list[list[str]]:
        return list(await asyncio.gather(one(), none(), one()))

    assert HERE.run(parent).outputs()[0] == [["one"] * 5, ["none"] * 5, ["one"] * 5]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_children_do_not_see_their_parents_variables(env, kind):
    plain = flyte.TaskEnvironment(name="plain")

    @plain.task
    def child() -> str:
        return os.environ.get("MINE", "none")

    if kind == "sync":

        @env.task(env_vars={"MINE": "parent"})
        def parent() -> str:
            return child() + os.environ["MINE"]

    else:

        @env.task(env_vars={"MINE": "parent"})
        async def parent() -> str:
            return await child.aio() + child() + os.environ["MINE"]

    assert HERE.run(parent).outputs()[0].replace("none", "") == "parent"


def test_child_processes_inherit_them(env):
    look = [sys.executable, "-c", "import os; print(os.environ.get('SHARED', 'none'))"]

    @env.task
    def body() -> list[str]:
        return [
            subprocess.run(look, capture_output=True, text=True, check=True).stdout.strip(),
            subprocess.check_output(" ".join([look[0], "-c", f'"{look[2]}"']), shell=True, text=True).strip(),
            str(os.system('test "$SHARED" = env')),
            subprocess.run(look, capture_output=True, text=True, check=True, env={}).stdout.strip(),
        ]

    @env.task
    async def a_body() -> str:
        process = await asyncio.create_subprocess_exec(*look, stdout=subprocess.PIPE)
        return (await process.communicate())[0].decode().strip()

    assert HERE.run(body).outputs()[0] == ["env", "env", "0", "none"]
    assert HERE.run(a_body).outputs()[0] == "env"


def test_what_a_body_sets_is_gone_afterwards(env):
    os.environ["PROCESS"] = "before"

    @env.task
    def body() -> list[str]:
        os.environ["NEW"] = "new"
        os.environ["PROCESS"] = "changed"
        del os.environ["ENV_ONLY"]
        missing = os.environ.pop("ENV_ONLY", "deleted")
        with pytest.raises(KeyError):
            del os.environ["ENV_ONLY"]
        keys = set(os.environ)
        assert len(os.environ) == len(keys)
        copy = os.environ.copy()
        return [os.environ["NEW"], copy["PROCESS"], missing, str("ENV_ONLY" in keys), str("NEW" in keys)]

    try:
        assert HERE.run(body).outputs()[0] == ["new", "changed", "deleted", "False", "True"]
        assert os.environ["PROCESS"] == "before"
        assert "NEW" not in os.environ
    finally:
        del os.environ["PROCESS"]


def test_os_environ_is_itself_again_after_the_run(env):
    kind, popen, system = type(os.environ), subprocess.Popen.__init__, os.system

    @env.task
    def fails() -> None:
        raise ValueError("with variables")

    with pytest.raises(ValueError, match="with variables"):
        HERE.run(fails)

    assert type(os.environ) is kind
    assert subprocess.Popen.__init__ is popen
    assert os.system is system
    assert environ._users == 0


def test_values_must_be_text(env):
    with pytest.raises(TypeError, match="convert with str"):
        env.task(env_vars={"N": 1})(lambda: None)
    with pytest.raises(flyte.errors.DefinitionError, match="NUL"):
        flyte.TaskEnvironment(name="bad", env_vars={"A": "\0"})


@pytest.fixture
def secret_env():
    return flyte.TaskEnvironment(name="guarded", secrets=[flyte.Secret("api-key")])


def read_key():
    return os.environ["API_KEY"]


def test_a_secret_is_an_environment_variable_of_its_body_only(secret_env, monkeypatch):
    monkeypatch.setenv("GROUP_TOKEN", "a value of a secret")
    seen = []

    @secret_env.task(secrets=[flyte.Secret("token", "group", as_env_var="MY_TOKEN")])
    def body() -> None:
        seen.append(os.environ["MY_TOKEN"])

    monkeypatch.setenv("API_KEY", "another secret value")
    HERE.run(body)

    assert seen == ["a value of a secret"]
    assert "MY_TOKEN" not in os.environ


def test_a_missing_secret_is_said_before_the_body_runs(secret_env, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = []

    @secret_env.task
    def body() -> None:
        ran.append(True)

    with pytest.raises(flyte.errors.SecretNotFoundError, match="API_KEY"):
        HERE.run(body)

    assert ran == []


def test_the_environment_goes_before_dotenv_goes_before_files(secret_env, monkeypatch, tmp_path):
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "api-key").write_text("from a file\n")
    monkeypatch.setenv("FLYTE_SECRETS_DIR", str(folder))
    seen = []

    @secret_env.task
    def body() -> None:
        seen.append(read_key())

    HERE.run(body)
    (tmp_path / ".env").write_text('OTHER=1\nAPI_KEY="from dotenv"\n')
    HERE.run(body)
    monkeypatch.setenv("API_KEY", "from the environment")
    HERE.run(body)

    assert seen == ["from a file", "from dotenv", "from the environment"]


def test_a_mounted_secret_is_a_private_file_while_the_body_runs(env, monkeypatch):
    monkeypatch.setenv("CERT", "-----BEGIN-----\nabc\n")
    seen = []

    @env.task(secrets=[flyte.Secret("cert", mount="/etc/flyte/secrets/tls/cert.pem")])
    def body() -> None:
        file = Path(os.environ["FLYTE_SECRETS_DIR"]) / "tls" / "cert.pem"
        seen.append((file, file.read_text(), oct(file.stat().st_mode)[-3:]))

    HERE.run(body)

    file, text, mode = seen[0]
    assert text == "-----BEGIN-----\nabc\n"
    assert mode == "600"
    assert not file.exists()
    assert "FLYTE_SECRETS_DIR" not in os.environ


def test_two_secrets_at_once_in_one_place_are_never_mixed_up(env, monkeypatch):
    monkeypatch.setenv("ONE", "the first value")
    monkeypatch.setenv("TWO", "the second value")
    barrier = threading.Barrier(2)

    def task(key):
        @env.task(secrets=[flyte.Secret(key, mount="/etc/flyte/secrets/same")])
        def body() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                barrier.wait(0.3)
            values.append((key, (Path(os.environ["FLYTE_SECRETS_DIR"]) / "same").read_text()))

        return body

    values, tasks = [], [task("one"), task("two")]

    @env.task
    async def parent() -> list[str]:
        return [repr(r) for r in await asyncio.gather(*(t.aio() for t in tasks), return_exceptions=True)]

    results = HERE.run(parent).outputs()[0]

    assert all(value == {"one": "the first value", "two": "the second value"}[key] for key, value in values)
    assert len(values) + sum("holds another secret" in r for r in results) == 2


def test_a_parents_secrets_are_not_for_its_children(secret_env, monkeypatch, env):
    monkeypatch.setenv("UPSTREAM", "value of the parent")

    @env.task
    def child() -> str:
        return os.environ.get("PARENT_SECRET", "none")

    @env.task(secrets=[flyte.Secret("upstream", as_env_var="PARENT_SECRET")])
    def parent() -> str:
        return child()

    assert HERE.run(parent).outputs() == ("none",)
