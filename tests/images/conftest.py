"""A real container engine and base images for the tests of builds."""

import pytest
from dockers import base_image, client, engine, frames_image  # noqa: F401 - fixtures

from flyte_jupyter.images.builders import CLASSIC, builder


@pytest.fixture(params=["buildkit", "classic"])
def who(request, engine):  # noqa: F811 - the fixture
    """Each builder that there is."""
    if request.param == "classic":
        return CLASSIC
    found = builder()
    if not found.is_buildkit:
        pytest.skip("no docker client here has BuildKit; install docker.io of Debian 12, or docker buildx")
    return found


@pytest.fixture(scope="session", autouse=True)
def swept():
    """Remove what these tests built."""
    yield
    found = client()
    for image in found.images.list() if found is not None else ():
        for tag in image.tags:
            if "/flyte-jupyter-test:" in f"/{tag}":
                found.images.remove(tag, force=True)
