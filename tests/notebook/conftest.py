"""Real kernels for the tests of the notebook surface."""

import pytest
from kernel import Kernel


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A kernel with the extension loaded, shared by the tests of a module."""
    started = Kernel(tmp_path_factory.mktemp("kernel")).load()
    yield started
    started.close()


@pytest.fixture
def fresh_kernel(tmp_path):
    """A kernel of this test alone, with the extension loaded."""
    started = Kernel(tmp_path).load()
    yield started
    started.close()
