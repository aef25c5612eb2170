"""Python itself as a part: what built-ins and the standard library do."""

import functools
import sys

from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.slicing.part import Part


@functools.cache
def python_part() -> Part:
    """Count Python by its minor version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Part(name="Python", kind="builtin", digest=digest("python", version), text=version)
