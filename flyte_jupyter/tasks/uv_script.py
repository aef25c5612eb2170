"""The metadata that a script carries in comments for uv (PEP 723): its dependencies and its Python."""

import re
import sys
import tomllib
from pathlib import Path

from flyte_jupyter.errors import DefinitionError, ImageBuildError
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.contents import file_bytes
from flyte_jupyter.tasks.python import OLDEST, newest

_LINE = re.compile(r"#(?: .*)?")
_START, _END = "# /// script", "# ///"


def header(script: Path) -> str:
    """Read the block of metadata, as it stands in the script.

    Raises:
        DefinitionError: there is no script, no block, more than one, or one that is no TOML.
    """
    try:
        lines = file_bytes(script).decode("utf-8", "replace").splitlines()
    except ImageBuildError as error:
        raise DefinitionError(str(error)) from error
    blocks = [_block(lines[n:]) for n, line in enumerate(lines) if line.rstrip() == _START]
    if len(blocks) != 1 or not blocks[0]:
        raise DefinitionError(
            f"{script} must have one block of metadata, from the line '{_START}' to the line '{_END}'"
        )
    _metadata(blocks[0], script)
    return blocks[0]


def python_of(block: str) -> tuple[int, int]:
    """Choose the Python: the running one if the script allows it, else the newest that it allows.

    Raises:
        DefinitionError: it allows none that there is.
    """
    wanted = _metadata(block, None).get("requires-python", "")
    running = (sys.version_info[0], sys.version_info[1])
    every = [(3, minor) for minor in range(newest()[1], OLDEST[1] - 1, -1)]
    for version in (running, *every):
        if _allows(wanted, version):
            return version
    raise DefinitionError(f"requires-python={wanted!r} allows no Python from {every[-1]} to {every[0]}")


def _block(lines: list[str]) -> str:
    """Take the comment lines from the first to the last that closes; empty if none does."""
    body: list[str] = []
    for line in lines:
        if not _LINE.fullmatch(line.rstrip()):
            break
        body.append(line.rstrip())
    while body and body[-1] != _END:
        body.pop()
    return "\n".join(body) + "\n" if len(body) > 1 else ""


def _metadata(block: str, script: Path | None) -> dict[str, object]:
    text = "\n".join(line[2:] for line in block.splitlines()[1:-1])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"the metadata of {script or 'the script'} is no TOML: {error}") from error


def _allows(wanted: object, version: tuple[int, int]) -> bool:
    try:
        specifiers = load("packaging.specifiers:SpecifierSet")(str(wanted))
    except ValueError as error:
        raise DefinitionError(
            f"requires-python={wanted!r} is no version specifier, such as '>=3.11'"
        ) from error
    # The last patch of a series stands for it: ">=3.12.4" is met by the images of 3.12.
    return f"{version[0]}.{version[1]}.99" in specifiers
