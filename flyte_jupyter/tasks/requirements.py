"""A requirements.txt with the files that it includes, made self-contained for a build."""

import re
from pathlib import Path

from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.tasks.contents import file_bytes

MAIN = "requirements.txt"

_INCLUDE = r"(?s)(\s*(?:-r|-c|--requirement|--constraint)(?:\s+|=|(?<=-[rc])(?=\S)))(\S+)(.*)"
_LOCAL = r"\s*(?:(?:-e|--editable)(?:\s+|=))?(\.[^\s#]*|file:\.[^\s#]*)"


def read(file: Path) -> dict[str, bytes]:
    """Read a requirements file and what it includes by ``-r`` and ``-c``, renamed to lie in one folder.

    Raises:
        ImageBuildError: a file is missing, or asks for a local package, which the build would not have.
    """
    names: dict[Path, str] = {file.resolve(): MAIN}
    found: dict[str, bytes] = {}
    waiting = [file.resolve()]
    while waiting:
        path = waiting.pop()
        if names[path] not in found:
            lines = file_bytes(path).decode("utf-8", "surrogateescape").splitlines(keepends=True)
            text = "".join(_rewritten(line, path, names, waiting) for line in lines)
            found[names[path]] = text.encode("utf-8", "surrogateescape")
    return dict(sorted(found.items()))


def _rewritten(line: str, path: Path, names: dict[Path, str], waiting: list[Path]) -> str:
    local = re.match(_LOCAL, line)
    if local:
        raise ImageBuildError(
            f"{path} asks for the local package {local[1]!r}, which a build does not have; "
            "copy it with with_source_folder and install it with with_commands"
        )
    include = re.fullmatch(_INCLUDE, line)
    if include is None or "://" in include[2] or "$" in include[2]:
        return line
    other = (path.parent / include[2]).resolve()
    names.setdefault(other, f"requirements-{len(names)}.txt")
    waiting.append(other)
    return f"{include[1]}{names[other]}{include[3]}"
