"""What hybrid and remote reach: what was named, what is set, else the store's own endpoint; one line if nothing."""

import json
import os
import signal
import subprocess
import sys
import time

import endpoints
import psutil
import pytest
import work

import flyte_jupyter as flyte
from flyte_jupyter.engine.setup import process
from flyte_jupyter.errors import DefinitionError, InitializationError


def command(*words, **variables):
    done = subprocess.run(
        [sys.executable, "-m", "flyte_jupyter", *words],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(endpoints.ROOT), **variables},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_named_in_the_environment(endpoint, monkeypatch):
    monkeypatch.setenv("FLYTE_JUPYTER_ENDPOINT", endpoint.url)
    assert flyte.with_runcontext(mode="remote").run(work.square, 3).outputs() == (9,)


def test_named_in_the_project(endpoint, monkeypatch, tmp_path):
    text = f'[tool.flyte_jupyter]\nendpoint = "{endpoint.url}"\nproject = "mine"\n'
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    run = flyte.with_runcontext(mode="remote").run(work.square, 3)
    assert run.outputs() == (9,)
    assert process.setup.place().address.project == "mine"


def test_nothing_named_starts_the_endpoint_of_the_store_and_finds_it_again(store_folder):
    run = flyte.with_runcontext(mode="remote").run(work.square, 4)
    note = json.loads((store_folder / "endpoint.json").read_text())
    served = psutil.Process(note["pid"])
    try:
        assert run.outputs() == (16,)
        assert os.getsid(note["pid"]) != os.getsid(0)  # it outlives this process and its terminal
        process.change(_found=type(process.setup._found)())
        assert flyte.with_runcontext(mode="remote").run(work.square, 5).outputs() == (25,)
        assert json.loads((store_folder / "endpoint.json").read_text())["pid"] == note["pid"]
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(20)
    names = [row.name for row in run.store.runs()]
    assert len(names) == len(set(names)) == 2  # what is mirrored is not there twice


@pytest.mark.parametrize("mode", ["hybrid", "remote"])
def test_nobody_answers(mode, env):
    @env.task
    def parent() -> int:
        return work.square(1)

    flyte.init(endpoint="http://127.0.0.1:9")
    began = time.monotonic()
    said = r"no endpoint answers at http://127.0.0.1:9 .*flyte-jupyter serve"
    with pytest.raises(InitializationError, match=said) as info:
        flyte.with_runcontext(mode=mode).run(parent).outputs()
    assert time.monotonic() - began < 10
    assert "\n" not in str(info.value)


def test_somebody_else_answers(endpoint):
    wrong = f"{endpoint.url[:-5]}wrong"
    code, _, said = command("connect", wrong)
    assert code == 1
    assert said.count("\n") == 1
    assert "no endpoint that lets this process in" in said
    assert wrong.rpartition("/")[2] not in said  # the path is a secret


def test_connect_in_the_terminal(endpoint):
    code, said, _ = command("connect", endpoint.url)
    assert (code, said.startswith("hybrid and remote runs go to http://127.0.0.1:")) == (0, True)
    assert endpoint.url not in said
    code, _, said = command("connect", "http://127.0.0.1:9")
    assert (code, said.count("\n")) == (1, 1)


def test_what_is_no_address():
    for url in ("ftp://host", "localhost:8090", "http://"):
        with pytest.raises(DefinitionError, match="no address of an endpoint"):
            flyte.init(endpoint=url)
    with pytest.raises(TypeError, match="project together with endpoint"):
        flyte.init(project="mine")


def test_plain_addresses_of_the_official_kind(endpoint):
    url = endpoint.url.replace("http://", "dns:///")
    flyte.init(endpoint=url, insecure=True)
    assert flyte.with_runcontext(mode="remote").run(work.square, 2).outputs() == (4,)


def test_without_the_extra(tmp_path):
    (tmp_path / "flyte.py").write_text("raise ModuleNotFoundError(\"No module named 'flyte'\", name='flyte')")
    script = "import flyte_jupyter as f\nf.init(endpoint='http://127.0.0.1:9')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{endpoints.ROOT}"},
        check=False,
    )
    assert "flyte is not installed. Run: pip install 'flyte-jupyter[flyte]'" in done.stderr.splitlines()[-1]


@pytest.mark.skipif(
    endpoints.IS_OLDEST, reason="the caches of flyte 2.5 warn under async-lru 2.4: pip install 'flyte>=2.12'"
)
def test_connecting_leaves_the_process_as_it_was(endpoint):
    script = f"""
import logging, sys
handler = logging.StreamHandler()
handler.setFormatter(form := logging.Formatter("%(message)s mine"))
logging.root.addHandler(handler)
hook, path = sys.excepthook, list(sys.path)
import os
variables = dict(os.environ)
import flyte_jupyter as flyte
env = flyte.TaskEnvironment(name="e")
@env.task
def f(x: int) -> int:
    return x
flyte.init(endpoint={endpoint.url!r})
assert flyte.with_runcontext(mode="remote").run(f, 1).outputs() == (1,)
assert sys.excepthook is hook and sys.path == path and handler.formatter is form
assert dict(os.environ) == variables
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(endpoints.ROOT)},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
