"""Runs the example notebooks as a user does: with the command line, each in a kernel of its own."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat

import flyte_jupyter
from flyte_jupyter.runs.store import RunStore

ROOT = Path(flyte_jupyter.__file__).parents[1]
EXAMPLES = Path(__file__).parents[2] / "examples" / "notebooks"
SMALL = ("-p", "SAMPLE=20000", "-p", "MAX_DEPTH=3")


class Books:
    """Notebooks over one store.

    Args:
        folder: where everything is.
    """

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(exist_ok=True)

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "flyte_jupyter", *words],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words):
        """Run a command that must go well; gives what it wrote."""
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        return out, err

    def quickstart(self, name, *edits, words=()):
        """Execute the quickstart on few flights, with pieces replaced and further options; gives what came out."""
        book = nbformat.read(EXAMPLES / "quickstart.ipynb", as_version=4)
        for old, new in edits:
            changed = [cell for cell in book.cells if old in cell.source]
            assert len(changed) == 1, old
            changed[0].source = changed[0].source.replace(old, new)
        nbformat.write(book, self.folder / f"{name}.ipynb")
        self.run("run", f"{name}.ipynb", *SMALL, *words, "-o", f"{name}-out.ipynb")
        return nbformat.read(self.folder / f"{name}-out.ipynb", as_version=4)

    def states(self, name=""):
        """Give the states of all runs, oldest first; of one notebook's with a name."""
        store = RunStore.open(self.home)
        try:
            rows = reversed(store.runs())
            return [store.state(row.name) for row in rows if name in Path(row.notebook).name]
        finally:
            store.close()

    def checked(self, name, status):
        """Give the actions of a notebook's runs for which the cache said so."""
        states = self.states(f"{name}.ipynb")
        return [a for state in states for a in state.actions.values() if a.cache == status]

    @property
    def variables(self):
        return os.environ | {
            "FLYTE_JUPYTER_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "IPYTHONDIR": str(self.folder / "ipython"),
        }


def table(book):
    """Give the text of the last cell's value."""
    cell = [cell for cell in book.cells if cell.cell_type == "code"][-1]
    return cell.outputs[-1].data["text/plain"]
