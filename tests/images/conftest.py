"""A real container engine and base images for the tests of builds."""

import pytest
from dockers import base_image, engine, frames_image, swept  # noqa: F401 - fixtures
from registries import private, program, registry  # noqa: F401 - fixtures

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
