"""``images``: which were built, built now, and looked for."""

import uuid

import pytest
from dockers import base_image, engine, swept  # noqa: F401 - fixtures


@pytest.fixture
def pipeline(base_image, tmp_path):  # noqa: F811 - the fixture
    """A file that defines an environment with an image that nobody has built."""
    file = tmp_path / "pipeline.py"
    file.write_text(
        "import flyte_jupyter as flyte\n"
        f"image = flyte.Image.from_base({base_image!r}).clone(name='flyte-jupyter-test')\n"
        f"image = image.with_commands(['echo said {uuid.uuid4()}'])\n"
        "env = flyte.TaskEnvironment(name='cli', image=image)\n"
    )
    return file


def test_an_image_is_built_looked_for_and_listed(own, pipeline):
    assert own("images", "check", f"{pipeline}:env").status == 1

    built = own("images", "build", f"{pipeline}:env", "-v")
    again = own("images", "build", f"{pipeline}:image")
    found = own("images", "check", f"{pipeline}:env")
    listed = own("images", "ls")

    uri = built.out.strip()
    assert uri.startswith("flyte-jupyter-test:")
    assert "ran" in built.err
    assert "RUN echo said" in built.err
    assert "        said " in built.err
    assert "it was there already" in again.err
    assert again.out.strip() == uri
    assert found.status == 0
    assert "on the container engine: " in found.out
    assert uri in listed.out
    assert "built" in listed.out


def test_a_step_that_fails_is_said_and_the_status_is_1(own, pipeline):
    pipeline.write_text(pipeline.read_text().replace("echo said", "false"))

    result = own("images", "build", f"{pipeline}:env")

    assert result.status == 1
    assert "RUN false" in result.err
    assert "it exited with status 1" in result.err


def test_what_a_file_does_not_define_is_said(own, pipeline):
    assert (
        "defines no image, environment or task 'nothing'" in own("images", "build", f"{pipeline}:nothing").err
    )
    assert "there is no file no-such.py" in own("images", "build", "no-such.py:env").err


def test_no_engine_is_one_line(own, pipeline, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    result = own("images", "build", f"{pipeline}:env")

    assert result.status == 1
    assert result.err.count("\n") == 1
    assert "no container engine answers" in result.err


def test_without_builds_there_is_nothing_to_list(own):
    assert own("images", "ls").status == 1
