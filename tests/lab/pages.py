"""JupyterLab with the extension in a real browser, and what a person does there."""

import os
import subprocess
from pathlib import Path

from browsers import CHROMIUM
from lab import TOKEN, Lab
from served import ROOT

AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
LAB = ROOT / "flyte_jupyter" / "labextension" / "package.json"
LACKING = (
    "no chromium; `apt-get install chromium` provides it"
    if CHROMIUM is None
    else ""
    if LAB.is_file()
    else "the extension is not built; `pip install -e .` with npm at hand builds it"
)
if LACKING and os.environ.get("CI") == "true":
    raise RuntimeError(LACKING)


class Page(Lab):
    """A Lab whose dialogs about unsaved changes are answered, and whose scripts' errors are kept."""

    def __init__(self, folder: Path, browser, **options) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder, browser, **options)
        self.errors: list[str] = []
        self._watch(self.page)

    def _watch(self, page) -> None:
        page.on("dialog", lambda dialog: dialog.accept())
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))

    def begin(self, cell: int) -> None:
        """Start one cell and do not wait for it."""
        self.page.evaluate(
            """async at => {
                const panel = window.jupyterapp.shell.currentWidget;
                panel.content.activeCellIndex = at;
                window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            cell,
        )

    def run(self, cell: int) -> None:
        """Run one cell to its end."""
        self.begin(cell)
        self.page.wait_for_function(
            "at => window.jupyterapp.shell.currentWidget.content.widgets[at].model.executionState !== 'running'"
            " && window.jupyterapp.shell.currentWidget.content.widgets[at].model.executionCount",
            arg=cell,
        )
        self.idle()

    def again(self) -> None:
        """Load the page anew."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.reload()
        self.idle()

    def tab(self):
        """Open the same notebook in another browser window, as a second person would."""
        page = self.page.context.browser.new_page()
        self._watch(page)
        page.goto(f"http://127.0.0.1:{self._port}/lab/workspaces/second/tree/book.ipynb?token={TOKEN}&reset")
        return page

    def do(self, command: str, **args):
        """Execute a command of JupyterLab."""
        return self.page.evaluate(
            "([command, args]) => { window.jupyterapp.commands.execute(command, args); }", [command, args]
        )

    def driver(self) -> int:
        """The process that drives the newest run."""
        ask = """async () => {
            const answer = await fetch('/flyte-jupyter/runs?limit=1', {headers: {Authorization: 'token %s'}});
            return Number((await answer.json()).runs[0].source.pid);
        }"""
        return self.page.evaluate(ask % TOKEN)

    def shot(self, name: str) -> None:
        """Keep a picture, where somebody asked for pictures."""
        if folder := os.environ.get("FLYTE_SHOTS"):
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))

    @property
    def home(self) -> Path:
        return self.folder / "flyte_jupyter_home"


def python(page: Page, code: str) -> str:
    """Run a program beside the notebook's folder, with its store."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FLYTE_JUPYTER_HOME": str(page.home)}
    command = [os.sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment, cwd=page.folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def violations(lab: Page, where) -> list[str]:
    """What axe-core finds in a part of the page."""
    lab.page.add_script_tag(content=AXE.read_text())
    return lab.page.evaluate(
        """async where => (await axe.run(where, {resultTypes: ['violations']})).violations.flatMap(
            one => one.nodes.map(node => `${one.id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ''}`))""",
        where,
    )


__all__ = ["AXE", "LACKING", "Page", "python", "violations"]
