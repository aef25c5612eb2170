"""The main job where nothing but a word was changed: in worker processes, containers, at an endpoint, on Ray."""

import json
import os
import signal
import sys
from pathlib import Path

import nbformat
import pytest
from books import EXAMPLES, Books, table
from dockers import base_image, engine  # noqa: F401 - fixtures

import flyte_jupyter as flyte
from flyte_jupyter.runs.builds import images
from flyte_jupyter.runs.store import RunStore

sys.path.append(str(Path(__file__).parents[1] / "images"))

from registries import program, registry  # noqa: F401 - fixtures, whose folder has to be known

IMAGE = '"setuptools<81"\n    ),'


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The table that comes out in the kernel itself."""
    return table(Books(tmp_path_factory.mktemp("kernel")).quickstart("kernel"))


@pytest.fixture
def debian(engine, base_image):  # noqa: F811 - the fixtures
    """The image that Debian's Python images are named by; no registry is asked for it."""
    name, tag = "python", f"{sys.version_info[0]}.{sys.version_info[1]}-slim-bookworm"
    is_there = bool(engine.images.list(name=f"{name}:{tag}"))
    if not is_there:
        engine.images.get(base_image).tag(name, tag)
    yield
    if not is_there:
        engine.images.remove(f"{name}:{tag}")


@pytest.fixture
def books(tmp_path):
    """Notebooks over a store of their own; an endpoint that they start ends with them."""
    made = Books(tmp_path)
    yield made
    note = made.home / "endpoint.json"
    if note.exists():
        os.kill(json.loads(note.read_text())["pid"], signal.SIGTERM)


def places(books):
    return {
        attempt.place for state in books.states() for a in state.actions.values() for attempt in a.attempts
    }


def test_in_worker_processes(books, expected):
    made = books.quickstart("there", words=("--isolation", "process"))

    assert table(made) == expected
    assert places(books) == {"process"}


@pytest.mark.parametrize(
    ("mode", "backend", "expected_places"),
    [
        ("remote", "", {"flyte"}),
        ("hybrid", "ray", {"thread", "ray"}),
    ],
)
def test_in_another_mode(books, monkeypatch, expected, mode, backend, expected_places):
    monkeypatch.setenv("FLYTE_JUPYTER_BACKEND", backend)

    made = books.quickstart("there", words=("--mode", mode))

    assert table(made) == expected
    assert places(books) == expected_places


@pytest.mark.usefixtures("debian")
def test_in_containers_of_its_own_image_from_a_registry(books, expected, engine, registry):  # noqa: F811 - the fixtures
    pushed = (IMAGE, IMAGE.replace("),", f').clone(name="flyte-jupyter-test", registry="{registry.host}"),'))
    done = flyte.build(image_of(EXAMPLES / "quickstart.ipynb", pushed))
    assert (done.built, done.pushed) == (True, True)
    engine.images.remove(done.uri, force=True)

    made = books.quickstart("there", pushed, words=("--isolation", "container"))

    assert table(made) == expected
    assert places(books) == {"container"}
    assert [(one.name, one.status) for one in brought(books)] == [(done.uri, "pulled")]


def image_of(path, edit):
    """Give the image that a notebook defines, with a piece of it replaced."""
    (source,) = (cell.source for cell in nbformat.read(path, as_version=4).cells if edit[0] in cell.source)
    names = {"flyte": flyte}
    exec(source.replace(*edit), names)
    return names["env"].image


def brought(books):
    """What the runs say of how their images came to be here."""
    store = RunStore.open(books.home)
    try:
        return [one for row in store.runs() for one in images(event for _, event in store.events(row.name))]
    finally:
        store.close()
