"""Variables and secrets of a body on Ray are its own, and are written nowhere."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import rays
from leftovers import until

import flyte_jupyter as flyte
from flyte_jupyter.tasks.secret import FOLDER

SECRET = "not to be seen by anybody"


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setenv("TOKEN_OF_MINE", SECRET)


def test_they_are_there_for_the_body_and_gone_for_the_next_one(env, run):
    secret = flyte.Secret("token-of-mine", mount=FOLDER)

    @env.task(env_vars={"MINE": "yes"}, secrets=[secret])
    def has() -> list[str]:
        folder = Path(os.environ["FLYTE_SECRETS_DIR"])
        files = [path for path in folder.rglob("*") if path.is_file()]
        return [os.environ["MINE"], *(str(len(path.read_text())) for path in files), str(os.getpid())]

    @env.task
    def has_not() -> list[str]:
        left = [name for name in ("MINE", "TOKEN_OF_MINE", "FLYTE_SECRETS_DIR") if name in os.environ]
        return [*left, str(os.getpid())]

    @env.task
    def both() -> list[list[str]]:
        return [has(), has_not()]

    first, second = run(both).outputs()[0]

    assert first[:2] == ["yes", str(len(SECRET))]
    assert second == [first[2]], "the same worker, and nothing of the one before"
    assert "MINE" not in os.environ


def test_a_cluster_does_not_have_the_kernels_variables(env, run, monkeypatch):
    monkeypatch.setenv("ONLY_OF_THE_KERNEL", "here")

    @env.task
    def sees() -> bool:
        return "ONLY_OF_THE_KERNEL" in os.environ

    assert run(sees).outputs() == (False,)


LEFT = textwrap.dedent(
    """
    import os, sys, time
    from pathlib import Path

    import flyte_jupyter as flyte

    env = flyte.TaskEnvironment(name="left")

    @env.task(secrets=[flyte.Secret("token-of-mine", as_env_var="T")])
    def work(folder: str, way: str) -> str:
        (Path(folder) / "begun").touch()
        while not (Path(folder) / "go").exists():
            time.sleep(0.02)
        print("it is", os.environ["T"])
        (Path(folder) / "ended").touch()
        return os.environ["T"] if way == "result" else "fine"

    flyte.init(backend=sys.argv[1])
    flyte.with_runcontext(mode="remote").run(work, *sys.argv[2:]).wait()
    """
)


@pytest.mark.parametrize(("way", "records"), [("log", 1), ("result", 0)])
def test_no_secret_is_in_what_is_written_when_nobody_drives_the_run(
    place, tmp_path, store_folder, way, records
):
    script = tmp_path / "left.py"
    script.write_text(LEFT)
    address = f"ray:{rays.cluster().address}"
    kernel = subprocess.Popen([sys.executable, str(script), address, str(tmp_path), way])
    assert until((tmp_path / "begun").exists, 60)
    kernel.kill()
    kernel.wait()
    os.kill(rays.conductor(), signal.SIGKILL)
    (tmp_path / "go").touch()
    assert until((tmp_path / "ended").exists, 20)

    def written():
        folder = store_folder / "blobs" / "ray"
        return [path for path in folder.glob("*") if not path.name.startswith(".")]

    assert until(lambda: not rays.held(), 30), "the worker is gone when how it ended is on record"
    assert len(written()) == records
    everything = [path.read_bytes() for path in store_folder.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in content for content in everything)
