"""Drives a real JupyterLab in a real browser: a notebook is opened and its cells run."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
from kernel import _ROOT

_SESSION = "window.jupyterapp?.shell?.currentWidget?.sessionContext"
_IDLE = (
    f"() => {{ const session = {_SESSION}; "
    """
  return session?.isReady && session.session?.kernel?.status === "idle";
}"""
)
_CELLS = "window.jupyterapp.shell.currentWidget.content.widgets"
_AT_REST = """() => {
  const outer = document.querySelector(".jp-WindowedPanel-outer");
  outer.scrollTop = 0;
  const before = window.flyteHeight;
  window.flyteHeight = [...document.querySelectorAll(".jp-Cell")].map(c => c.getBoundingClientRect().top).join();
  return before === window.flyteHeight;
}"""
_ERRORS = (
    f"{_CELLS}.flatMap(c => c.model.sharedModel.outputs ?? [])"
    ".filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue)"
)
TOKEN = "token"

_ONLY_IDLE = re.compile(
    r"Thread 0x\w+ \(most recent call first\):\n.* in wait\n.* in get\n.*/anyio/.* in run\n(.*/threading.py.*\n)+"
    r"\nCurrent thread 0x\w+ \(most recent call first\):\n.* in _shutdown\n"
)
"""Jupyter Server told to end while a request is under way: all is done, but a thread of anyio that has no work
is not told to end, and Python waits for it."""


class Lab:
    """A server with folders of its own, and one page of a browser that shows it.

    Args:
        folder: everything that it writes.
        browser: the browser.
        plain: without our extension, as where only the package of the kernel's side is installed.
        python: the Python that has the JupyterLab.
    """

    def __init__(self, folder: Path, browser, *, plain: bool = False, python: str = sys.executable) -> None:
        self.folder = folder
        self._port = _free_port()
        if plain:
            _switch_off(folder)
        self._server = _server(folder, self._port, python)
        self.page = browser.new_page(viewport={"width": 1280, "height": 1000})
        self.page.set_default_timeout(60_000)

    def open(self, *cells: str) -> "Lab":
        """Open a notebook of these cells and wait for its kernel."""
        made = [nbformat.v4.new_code_cell(text) for text in cells]
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec})
        nbformat.write(book, self.folder / "book.ipynb")
        self.page.goto(f"http://127.0.0.1:{self._port}/lab/tree/book.ipynb?token={TOKEN}&reset")
        self.idle()
        return self

    def idle(self) -> None:
        """Wait until the kernel of the notebook that is shown is there and has nothing to do."""
        try:
            self.page.wait_for_function(_IDLE, timeout=90_000)
            self.page.evaluate(
                "() => window.jupyterapp.restored.then(() => null)"
            )  # tabs of before are there
        except Exception as error:
            state = self.page.evaluate(
                f"() => {_SESSION}?.session?.kernel?.status ?? String({_SESSION}?.isReady)"
            )
            raise RuntimeError(f"{state}: {(self.folder / 'server.log').read_text()[-8000:]}") from error

    def run_all(self) -> None:
        """Run all cells to the end of the last one."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        done = f"{_CELLS}.filter(c => c.model.type === 'code').every(c => c.model.executionCount)"
        self.page.wait_for_function(f"() => {done} || {_ERRORS}.length", timeout=180_000)
        self.idle()
        assert not (errors := self.page.evaluate(f"() => {_ERRORS}")), errors

    def reload(self) -> None:
        """Save the notebook and load the page again; the kernel goes on."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        self.page.reload()
        self.page.wait_for_function(f"() => {_SESSION}?.session?.kernel", timeout=60_000)

    def end_kernel(self) -> None:
        """End the notebook's kernel; the server refuses that while it starts one anew that was killed."""
        self.page.wait_for_function(f"() => {_SESSION}.shutdown().then(() => true, () => false)", polling=500)

    def restarted(self) -> None:
        """Save the notebook and open it with a new kernel, as on another day."""
        self.end_kernel()
        self.reload()
        self.idle()

    def tall(self) -> None:
        """Show the whole notebook at once, all that folds opened, so that everything in it can be looked at."""
        self.page.set_viewport_size({"width": 1280, "height": 8000})
        cells = "document.querySelectorAll('.jp-Notebook .jp-Cell').length"
        self.page.wait_for_function(f"() => {cells} === {_CELLS}.length")
        self.page.evaluate(
            "() => document.querySelectorAll('.jp-Notebook details').forEach(d => d.open = true)"
        )
        self.page.wait_for_function(_AT_REST, polling=300)
        # The body is of no height and hides what goes over it, so that axe-core takes all text for unseen.
        self.page.add_style_tag(content="body { overflow: visible !important; }")

    def theme(self, name: str) -> None:
        change = "name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})"
        self.page.evaluate(change, name)
        self.page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)
        self.page.wait_for_function("() => !document.querySelector('#jupyterlab-splash, .jp-Dialog')")

    def close(self) -> None:
        self.page.close()
        self._server.terminate()
        try:
            self._server.wait(20)
        except subprocess.TimeoutExpired:
            self._server.send_signal(signal.SIGABRT)  # it writes where each of its threads is
            self._server.wait()
            log = (self.folder / "server.log").read_text()
            if not _ONLY_IDLE.search(log):
                raise RuntimeError(log[-8000:]) from None


def _switch_off(folder: Path) -> None:
    config = folder / "jupyter_config_dir" / "labconfig"
    config.mkdir(parents=True)
    (config / "page_config.json").write_text('{"disabledExtensions": {"flyte-jupyter": true}}')


def _server(folder: Path, port: int, python: str) -> "subprocess.Popen[bytes]":
    names = {"JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"}
    names |= {"JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "FLYTE_JUPYTER_HOME", "IPYTHONDIR"}
    environment = {
        **os.environ,
        **{name: str(folder / name.lower()) for name in names},
        "PYTHONPATH": str(_ROOT),
        "PYTHONFAULTHANDLER": "1",
    }
    quiet = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    (quiet / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    command += ["--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={folder}"]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{port}/api", timeout=1):
            return server
        time.sleep(0.1)
    server.kill()
    raise RuntimeError((folder / "server.log").read_text()[-2000:])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
