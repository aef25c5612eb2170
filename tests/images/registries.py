"""Real registries on this machine, for tests."""

import ctypes
import ctypes.util
import os
import shutil
import socket
import subprocess
import textwrap
import time

import pytest
import requests

USER, PASSWORD = "somebody", "open-sesame-17"


@pytest.fixture(scope="session")
def program():
    """The registry's program."""
    found = shutil.which("docker-registry")
    if found is None:
        reason = "there is no docker-registry; install the package of this name, as .ci/run does"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return found


class Registry:
    """A registry on a free port of this machine."""

    def __init__(self, program, folder, settings=""):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        config = f"""
            version: 0.1
            log: {{level: info}}
            storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
            http: {{addr: {self.host}}}
        """
        (folder / "config.yml").write_text(textwrap.dedent(config) + settings)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
        end = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < end, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()

    def _answers(self):
        try:
            return requests.get(f"http://{self.host}/v2/", timeout=2).status_code in (200, 401)
        except requests.ConnectionError:
            return False

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def registry(program, tmp_path):
    """A registry that is open to all."""
    found = Registry(program, tmp_path)
    yield found
    found.close()


@pytest.fixture
def private(program, tmp_path):
    """A registry that wants a name and a password."""
    (tmp_path / "users").write_text(f"{USER}:{hashed(PASSWORD)}\n")
    found = Registry(program, tmp_path, f"auth: {{htpasswd: {{realm: tests, path: {tmp_path}/users}}}}\n")
    yield found
    found.close()


def hashed(password):
    """Hash a password as registries want it, with the system's own crypt."""
    crypt = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), b"$2b$04$abcdefghijklmnopqrstuu").decode()
