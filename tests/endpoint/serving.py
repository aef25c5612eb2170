"""A served endpoint for tests, and the official SDK as its client."""

import contextlib
import http.client
import importlib.metadata
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest

HERE = Path(__file__).parent
LACKING = [
    name
    for name in ("flyteidl2", "connectrpc", "protovalidate", "uvicorn", "flyte")
    if not importlib.util.find_spec(name)
]
REASON = f"needs {', '.join(LACKING)}: pip install 'flyte-jupyter[endpoint]' 'flyte>=2.5.20,<3'"


connected = []  # where the official SDK in this process is connected to


later = pytest.mark.skipif(
    "flyte" not in LACKING and importlib.metadata.version("flyte").startswith("2.5."),
    reason="the client of flyte 2.5 cannot ask for that: pip install 'flyte>=2.12'",
)


class Served:
    """An endpoint process over a store.

    Args:
        store: the store's folder.
        slots: how many attempts run at once.
    """

    def __init__(self, store, *more, slots=4, environment=None):
        self.store = store
        self.folder = store / "endpoint"
        self.log = store.parent / f"{store.name}.served"
        self.arguments = ["--store", str(store), "--slots", str(slots), "--strict", *more]
        self.environment = environment or {}
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "flyte_jupyter.cli", "serve", *self.arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.log.open("ab"),
            text=True,
            cwd=self.store.parent,
            env={**os.environ, **self.environment},
            start_new_session=True,
        )
        self.said = self.process.stdout.readline()
        assert self.url in self.said, self.log.read_text()
        return self

    @property
    def note(self):
        return json.loads((self.store / "endpoint.json").read_text())

    @property
    def url(self):
        return self.note["url"]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0, self.log.read_text()
        self.process.stdout.close()

    def workers(self):
        """The processes below the endpoint."""
        return psutil.Process(self.process.pid).children(recursive=True)


def until(condition, seconds=30.0, what=""):
    """Wait until something holds, and give what it gives."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what or condition} did not come true in {seconds:g} s"
        time.sleep(0.02)
    return found


def connect(url):
    """Connect the official SDK in this process."""
    import flyte

    connected[:] = [url]
    flyte.init(
        endpoint=url, insecure=True, org="local", project="flytesnacks", domain="development", root_dir=HERE
    )


def submit(task, /, *args, options=None, **inputs):
    """Submit a run by the official SDK."""
    import flyte

    return flyte.with_runcontext(mode="remote", **(options or {})).run(task, *args, **inputs)


def run(task, /, *args, **inputs):
    """Run a task by the official SDK, and wait for its end."""
    found = submit(task, *args, **inputs)
    found.wait(quiet=True)
    return found


def parent(action):
    """The name of the action that called this one; empty for the root."""
    return action.pb2.metadata.parent


def value(found):
    """The only output of a run that must have succeeded."""
    assert found.phase == "succeeded", found.details().action_details.error_info
    return found.outputs()[0]


def need_extra():
    """Skip a module where the extra is not installed; on CI it must be."""
    if LACKING and os.environ.get("CI") == "true":
        pytest.fail(REASON, pytrace=False)
    if LACKING:
        pytest.skip(REASON, allow_module_level=True)


def call(url, method, request, status=200):
    """Call a method of the protocol in JSON, as a browser would."""
    data = json.dumps(request).encode()
    asked = urllib.request.Request(
        f"{url}/flyteidl2.{method}", data, {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(asked, timeout=20) as answer:
            code, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        code, body = error.code, error.read()
    assert code == status, body
    return json.loads(body)


@contextlib.contextmanager
def stream(url, method, request):
    """Call a method that answers with a stream, in JSON; gives its messages as they come."""
    where = urllib.parse.urlsplit(url)
    body = json.dumps(request).encode()
    connection = http.client.HTTPConnection(where.netloc, timeout=30)
    try:
        connection.request(
            "POST", f"{where.path}/flyteidl2.{method}", b"\0" + len(body).to_bytes(4, "big") + body,
            {"Content-Type": "application/connect+json"},
        )  # fmt: skip
        yield _messages(connection.getresponse())
    finally:
        connection.close()


def _messages(answer):
    while head := answer.read(5):
        data = json.loads(answer.read(int.from_bytes(head[1:], "big")) or b"{}")
        if head[0] & 2:
            assert "error" not in data, data
            return
        yield data
