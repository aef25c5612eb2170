"""What a process is like: its Python, its system, versions of packages, names of variables.

The kernel and each place where bodies run tell the same facts, so that a run can say what differed there.
Values of variables are never told: some are secrets.
"""

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from functools import cache

from flyte_jupyter.backends.forkserver import TOKEN
from flyte_jupyter.tasks.slicing.packages import version_of_package

SET = "set"
"""Stands for the value of a variable."""

_OWN = frozenset({TOKEN, "PWD", "OLDPWD", "SHLVL", "_"})
"""Variables that tell nothing: ours, and those that shells keep."""


def facts(packages: Iterable[str]) -> dict[str, str]:
    """Tell the facts of this process, by name.

    Args:
        packages: names, as they are imported, of the packages whose versions count.
    """
    versions = {f"package {name}": version_of_package(name) for name in packages}
    variables = {f"variable {name}": SET for name in os.environ if name not in _OWN}
    return {"python": platform.python_version(), "platform": _system(), **versions, **variables}


def compared(here: Mapping[str, str], there: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Leave of both what differs: packages that one has not are empty, or not there, as variables are."""
    names = [name for name in (*here, *(there.keys() - here.keys())) if here.get(name) != there.get(name)]
    names.sort()
    return (
        {name: here[name] for name in names if here.get(name)},
        {name: there[name] for name in names if there.get(name)},
    )


@cache
def _system() -> str:
    """Name the system and the kind of machine."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError, AttributeError):
        name = platform.system()
    return f"{name} {os.uname().machine if hasattr(os, 'uname') else sys.platform}"
