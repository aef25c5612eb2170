"""The sub-commands of ``%flyte`` about the notebook as a whole: written as a module, checked, its images."""

import argparse
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from flyte_jupyter.images.dockerfile import dockerfile
from flyte_jupyter.loading import load
from flyte_jupyter.notebook.command import Command, Given
from flyte_jupyter.notebook.here import Here
from flyte_jupyter.notebook.render.html import join
from flyte_jupyter.notebook.render.objects import object_html, object_text
from flyte_jupyter.tasks.image import Image


def export(given: Given, here: Here) -> None:
    """Write what this kernel has executed as a module that runs by itself."""
    name = Path(here.cells.notebook()).name or "a notebook"
    save = load("flyte_jupyter.notebook.exporting:save")
    print(save(executed(here), name, Path(given.file), force=given.force))  # noqa: T201 - the cell's output


def lint(given: Given, here: Here) -> None:
    """Check a notebook; without a name this one: its file as it was saved, else what was executed."""
    file = Path(given.notebook or here.cells.notebook() or "-")
    if given.notebook or file.is_file():
        found = load("flyte_jupyter.notebook.lint:lint_file")(file)
    else:
        found = load("flyte_jupyter.notebook.lint:lint")(executed(here))
    print(load("flyte_jupyter.notebook.lint:findings_text")(found))  # noqa: T201 - the cell's output


def images(given: Given, here: Here) -> None:
    """List the images that the notebook's tasks ask for, or build them."""
    if given.what == "build":
        load("flyte_jupyter.notebook.building:build")(given, here)
        return
    if given.name is not None:
        raise UsageError(f"{given.name}: ls lists the images of all tasks; a name is for build")
    drawn = [_drawn(image, tasks) for image, tasks in _asked(here)]
    if not drawn:
        print("no tasks are defined yet, so no images are asked for")  # noqa: T201 - the cell's output
        return
    html, text = zip(*drawn, strict=True)
    here.show({"text/html": str(join(html)), "text/plain": "\n".join(text)})


def demo(_given: Given, _here: Here) -> None:
    """Put the quickstart into the notebook's folder."""
    file = load("flyte_jupyter.terminal.demo:copied")(Path.cwd())
    lacking = load("flyte_jupyter.terminal.demo:missing")()
    print(f"open {file.relative_to(Path.cwd())} and run all its cells")  # noqa: T201 - the cell's output
    if lacking:
        print(f"it needs {', '.join(lacking)}: %pip install 'flyte-jupyter[demo]'")  # noqa: T201 - likewise


def executed(here: Here) -> dict[str, Any]:
    """Give what the kernel has executed as the content of a notebook, but for the cell that asks."""
    found: dict[str, Any] = load("flyte_jupyter.notebook.export:as_notebook")(here.cells.executed())
    return found


def _asked(here: Here) -> list[tuple[Image | str, list[str]]]:
    """Give each image with the tasks that ask for it."""
    found: dict[str, tuple[Image | str, list[str]]] = {}
    for task in {id(task): task for task in here.tasks().values()}.values():
        image = task.image or "auto"
        key = image.identifier if isinstance(image, Image) else image
        found.setdefault(key, (image, []))[1].append(task.name)
    return list(found.values())


def _drawn(image: Image | str, tasks: list[str]) -> tuple[str, str]:
    facts: dict[str, object] = {"Tasks": tasks}
    if not isinstance(image, Image):
        return object_html(image, facts, kind="Image"), object_text(image, facts, kind="Image")
    facts |= {"Identifier": image.identifier, "Base": image.base_image, "Layers": len(image.layers) or None}
    text = dockerfile(image)
    html = object_html(image.uri, facts, kind="Image", code=text, folded="Dockerfile")
    return html, object_text(image.uri, facts | {"Dockerfile": None}, kind="Image") + _indented(text)


def _indented(text: str) -> str:
    return "".join(f"\n    {line}" for line in text.strip().splitlines())


def _for_export(to: argparse.ArgumentParser) -> None:
    to.add_argument("file", metavar="FILE.py", help="the module to write")
    to.add_argument("--force", action="store_true", help="write over a file that was changed by hand")


def _for_lint(to: argparse.ArgumentParser) -> None:
    to.add_argument("notebook", metavar="NOTEBOOK.ipynb", nargs="?", help="another notebook's file")


def _for_images(to: argparse.ArgumentParser) -> None:
    to.add_argument("what", choices=("ls", "build"), nargs="?", default="ls", help="list them, or build them")
    to.add_argument("name", metavar="NAME", nargs="?", help="only that of this image, environment or task")
    to.add_argument("--force", action="store_true", help="build also what is there")


COMMANDS = (
    Command(
        name="images",
        does="list the images that tasks ask for, with their Dockerfiles; or build them",
        example="images ls",
        act=images,
        arguments=_for_images,
    ),
    Command(
        name="lint",
        does="check the notebook: order, names, paths, tasks",
        example="lint",
        act=lint,
        arguments=_for_lint,
    ),
    Command(
        name="export",
        does="write the notebook as a module that runs by itself",
        example="export pipeline.py",
        act=export,
        arguments=_for_export,
    ),
    Command(name="demo", does="put the quickstart beside this notebook", example="demo", act=demo),
)
"""In the order in which ``%flyte --help`` lists them."""
