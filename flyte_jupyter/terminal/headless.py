"""``run``: execute a notebook without a browser, and tell on the way how far it is."""

import asyncio
import os
import time
from argparse import Namespace
from pathlib import Path

from flyte_jupyter.config import Settings
from flyte_jupyter.errors import Error
from flyte_jupyter.notebook.render.text import duration, plural
from flyte_jupyter.terminal import again, parameters
from flyte_jupyter.terminal.book import Book, read
from flyte_jupyter.terminal.execution import Ending, Execution
from flyte_jupyter.terminal.progress import Progress
from flyte_jupyter.terminal.screen import Screen


def run(args: Namespace, screen: Screen) -> int:
    """Execute a notebook, or run a task of a Python file."""
    for name in ("mode", "isolation"):
        if (value := getattr(args, name)) is not None:
            os.environ[f"FLYTE_JUPYTER_{name.upper()}"] = value  # for this process and the notebook's kernel
    if args.task is not None or Path(args.notebook).suffix == ".py":
        return again.run(args, screen)
    path = Path(args.notebook)
    folder = path.absolute().parent
    book = Book(
        notebook=read(path),
        path=path.absolute(),
        folder=folder,
        home=Settings.load(folder).home,
        output=_writable(args.output),
    )
    parameters.inject(book.notebook, parameters.parse(args.parameters))
    return play(book, screen).status


def play(book: Book, screen: Screen) -> Ending:
    """Execute a notebook and tell how it went; its outputs are written in any case."""
    begun = time.time()
    cells = plural(len(book.cells), "cell")
    screen.tell(f"{book.path.name}: {cells}  ·  runs are recorded in {book.home}")
    try:
        ending = asyncio.run(_whole(book, screen))
    finally:
        book.write()
    if ending.traceback:
        screen.tell("\n" + screen.hue.user(ending.traceback) + "\n")
    if ending.message:
        screen.tell(screen.hue("flyte-jupyter: ", "red") + ending.message)
    else:
        screen.tell(f"done in {duration(time.time() - begun)}: {plural(len(ending.runs), 'run')}")
    if book.output is not None:
        screen.tell(f"the notebook with its outputs: {book.output}")
    return ending


async def _whole(book: Book, screen: Screen) -> Ending:
    return await Execution(book, Progress(screen, len(book.cells))).whole()


def _writable(output: str | None) -> Path | None:
    """Find out before the work whether its result can be written."""
    if output is None:
        return None
    file = Path(output)
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise Error(f"-o {output}: give the name of a file in a folder that is there")
    return file
