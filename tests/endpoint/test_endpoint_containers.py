"""Attempts in containers of a real engine, with the official runtime in their image."""

import importlib
import importlib.metadata
import os
import re
import sys
from pathlib import Path

import pytest
import serving
from serving import Served, run, submit, until, value

serving.need_extra()
sys.path.append(str(Path(__file__).parents[1]))

import dockers
from dockers import engine  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("connected")

SITE = f"usr/local/lib/{dockers.STEM}/site-packages"
A0 = "#!/usr/local/bin/python3\nimport sys\nfrom flyte._bin.runtime import main\nsys.exit(main())\n"
# The runtime unpacks its code by ``tar ... FILE -C FOLDER``; the image has no other tar.
TAR = "#!/usr/local/bin/python3\nimport sys, tarfile\ntarfile.open(sys.argv[-3]).extractall(sys.argv[-1])\n"


def with_requirements(name, found):
    """The distributions that one needs, with itself."""
    if name in found:
        return found
    try:
        found[name] = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return found
    for line in found[name].requires or ():
        if "extra ==" not in line:
            with_requirements(re.match(r"[A-Za-z0-9._-]+", line)[0].lower(), found)
    return found


@pytest.fixture(scope="module")
def image(engine):  # noqa: F811 - the fixture
    """An image with this Python and the official SDK."""
    found = with_requirements("flyte", {})
    versions = "".join(sorted(f"{name}{d.version}" for name, d in found.items()))
    tag = f"flyte-jupyter-test-a0:{dockers.digest('a0', TAR, versions, sys.version)[:16]}"
    if not engine.images.list(name=tag):
        tops = {f.parts[0] for d in found.values() for f in d.files or ()} - {"..", "__pycache__"}

        def write(tar):
            dockers.fill(tar, packages=())
            for top in sorted(tops):
                tar.add(dockers.site() / top, f"{SITE}/{top}", filter=dockers.plain)
            dockers.text(tar, "usr/local/bin/a0", A0, 0o755)
            dockers.text(tar, "usr/local/bin/tar", TAR, 0o755)

        dockers.import_tar(tag, write)
    return tag


@pytest.fixture
def own(image, tmp_path):
    """An endpoint whose attempts run in containers, in which tasks of ``workflows`` have the image."""
    os.environ["BOXED_IMAGE"] = image  # before the module with the tasks is imported
    found = Served(tmp_path / "store", "--workers", "container").start()
    found.boxes = importlib.import_module("boxes")
    serving.connect(found.url)
    yield found
    if found.process.poll() is None:
        found.stop()


def containers(engine, own):  # noqa: F811
    label = f"flyte_jupyter.endpoint={own.folder}"
    return engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)


def test_tasks_run_in_their_image_within_their_memory(own, engine):  # noqa: F811
    assert value(run(own.boxes.where)) == "container"
    greedy = run(own.boxes.greedy)
    assert str(greedy.phase) == "ActionPhase.FAILED"
    assert "signal 9" in greedy.details().action_details.error_info.message
    assert value(run(own.boxes.parent)) == "container, container"
    assert containers(engine, own) == []


def test_abort_and_a_kill_leave_no_container(own, engine):  # noqa: F811
    found = submit(own.boxes.waits)
    until(lambda: containers(engine, own))
    found.abort()
    until(lambda: not containers(engine, own))
    again = submit(own.boxes.waits)
    (left,) = until(lambda: containers(engine, own))
    own.kill()
    own.start()
    until(lambda: left.id not in [c.id for c in containers(engine, own)])
    again.abort()
    until(lambda: not containers(engine, own))


def test_an_image_that_is_not_there_is_named(own):
    found = run(own.boxes.nowhere)
    assert "flyte-jupyter-test:none" in found.details().action_details.error_info.message
