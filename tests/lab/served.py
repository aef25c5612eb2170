"""A real Jupyter Server with the extension, and a client that speaks to it as a browser would."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlencode

import flyte_jupyter

ROOT = Path(flyte_jupyter.__file__).parents[1]
TOKEN, BASE = "secret-token", "/some/base/"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict
    body: str

    @property
    def json(self):
        return json.loads(self.body)


class Server:
    """A server process that serves ``folder`` and shows the store of ``home``."""

    def __init__(self, folder: Path, home: Path, *flags: str) -> None:
        self.folder = folder
        self.port = _free_port()
        self._log = folder / "server.log"
        private = {name: str(folder / name.lower()) for name in _PRIVATE}
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={self.port}", "--ServerApp.port_retries=0", f"--ServerApp.base_url={BASE}"]
        command += [f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={TOKEN}", *flags]
        enabled = folder / "jupyter_config_dir" / "jupyter_server_config.d"
        enabled.mkdir(parents=True)
        shutil.copy(ROOT / "labextension" / "server" / "flyte_jupyter.json", enabled)
        environment = {**os.environ, **private, "PYTHONPATH": str(ROOT), "FLYTE_JUPYTER_HOME": str(home)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        self._wait()

    def get(self, path: str, *, token: str | None = TOKEN, **query) -> Answer:
        query = {name: value for name, value in query.items() if value is not None}
        return self.ask("GET", f"{path}?{urlencode(query)}" if query else path, token=token)

    def ask(self, method: str, path: str, *, token: str | None = TOKEN, headers=None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {**({"Authorization": f"token {token}"} if token else {}), **(headers or {})}
        connection.request(method, f"{BASE}flyte-jupyter/{path}", headers=sent)
        answer = connection.getresponse()
        found = Answer(answer.status, dict(answer.getheaders()), answer.read().decode())
        connection.close()
        return found

    def log(self) -> str:
        return self._log.read_text()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            if self._answers():
                return
            time.sleep(0.05)
        self._process.kill()
        raise RuntimeError(self.log()[-3000:])

    def _answers(self) -> bool:
        """Tell whether it takes requests: it says that it runs a moment before."""
        with contextlib.suppress(OSError):
            return self.ask("GET", "status").status == HTTPStatus.OK
        return False


def part(name: str) -> str:
    """Write a name as one part of a path."""
    return quote(name, safe="")


_PRIVATE = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def enable(folder: Path, monkeypatch) -> None:
    """Have the servers that start from here on use the extension as the working tree has it."""
    labextensions = folder / "share" / "labextensions"
    labextensions.mkdir(parents=True)
    (labextensions / "flyte-jupyter").symlink_to(ROOT / "flyte_jupyter" / "labextension")
    enabled = folder / "config" / "jupyter_server_config.d"
    enabled.mkdir(parents=True)
    shutil.copy(ROOT / "labextension" / "server" / "flyte_jupyter.json", enabled)
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "share"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(folder / "config"))
