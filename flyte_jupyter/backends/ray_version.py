"""Which code of this package runs: kernel and cluster have to have the same."""

import hashlib
from functools import cache
from pathlib import Path

from flyte_jupyter.errors import InitializationError

_PACKAGE = Path(__file__).parents[1]


@cache
def version() -> str:
    """Tell versions of this package apart: a controller serves the kernels of its own."""
    h = hashlib.blake2b(digest_size=8)
    for path in sorted(_PACKAGE.rglob("*.py")):
        h.update(b"%d " % path.stat().st_size)
        h.update(path.read_bytes())
    return h.hexdigest()


def package() -> tuple[str, str]:
    """Tell the version that runs here, and where it is."""
    return version(), str(_PACKAGE)


def check_same(there: tuple[str, str], where: str) -> None:
    """See that another process runs the same code as this one.

    Args:
        there: what ``package`` gives there.
        where: whose process it is, for the message.

    Raises:
        InitializationError: it does not.
    """
    if there[0] != version():
        raise InitializationError(
            f"{where} has another version of flyte-jupyter ({there[1]}) than this kernel ({_PACKAGE}); "
            "install the same in both"
        )
