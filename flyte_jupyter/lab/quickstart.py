"""Finds the quickstart notebook, which the launcher's tile opens."""

from pathlib import Path

from flyte_jupyter.errors import RunNotFoundError

_NAME = "quickstart.ipynb"
_PACKAGE = Path(__file__).parents[1]
_PLACES = (_PACKAGE.parent / "examples" / "notebooks", _PACKAGE / "examples")
"""Where the notebook is in a clone of the repository, and where in an installed package."""


def quickstart() -> str:
    """Read it.

    Raises:
        RunNotFoundError: it is not part of this installation.
    """
    for folder in _PLACES:
        if (folder / _NAME).is_file():
            return (folder / _NAME).read_text()
    raise RunNotFoundError(f"{_NAME} is not part of this installation; install flyte-jupyter anew")
