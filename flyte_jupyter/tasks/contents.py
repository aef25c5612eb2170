"""The files that an image is made of: which they are, and a digest of what is in them."""

import functools
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from flyte_jupyter.errors import DefinitionError, ImageBuildError
from flyte_jupyter.ids import digest
from flyte_jupyter.tasks.checks import text, wrong_type

PathLike: TypeAlias = str | os.PathLike[str]
"""What may stand for a path."""

Files: TypeAlias = Mapping[str, Path | bytes]
"""Files by relative name with forward slashes: where each is, or its bytes. Empty folders end in /."""

NEVER_COPIED = tuple(
    f"**/{name}"
    for name in (".git", ".venv", ".flyte", "__pycache__", "*.pyc", ".ipynb_checkpoints", ".DS_Store")
)
"""What is left out of source folders unless a .dockerignore takes it back (``!**/.venv``)."""

_PIECES = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_PIECE = r"(?s)\*\*/|\*\*|\*|\?|\[\^?[^\]/]+\]|\\.|."

_COPIES = rb"(?im)^[ \t]*(?:ONBUILD[ \t]+)?(?:COPY|ADD)\b|--mount=(?!\S*type=(?:cache|secret|ssh|tmpfs))"
"""What a Dockerfile reads its folder by: copies, and mounts of the default type."""


def absolute(what: str, path: object) -> Path:
    """Fix a path when it is given, so that a later change of the working directory does not move it.

    Raises:
        TypeError: it is no path.
        DefinitionError: it is empty, or in the home of nobody.
    """
    if not isinstance(path, str | os.PathLike):
        raise wrong_type(what, path, "a path")
    given = text(what, os.fspath(path), "./my_code")
    try:
        return Path(given).expanduser().absolute()
    except RuntimeError as error:
        raise DefinitionError(f"{what}={given!r}: there is no such user's home") from error


@dataclass(frozen=True, slots=True)
class Ignore:
    """Tells which files are left out, by the patterns of a .dockerignore; the last one that fits decides.

    Args:
        patterns: its lines, without comments.
    """

    patterns: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path, before: tuple[str, ...] = ()) -> "Ignore":
        """Read a .dockerignore; its patterns come after the given ones."""
        lines = (line.strip() for line in file_bytes(file).decode("utf-8", "surrogateescape").splitlines())
        return cls((*before, *(line for line in lines if line and not line.startswith("#"))))

    def __call__(self, name: str) -> bool:
        """Tell whether a file or folder is left out, by its relative name."""
        out = False
        for pattern in self.patterns:
            taken_back = pattern.startswith("!")
            if _expression(pattern.removeprefix("!").strip()).match(name):
                out = not taken_back
        return out

    @property
    def prunes(self) -> bool:
        """Whether nothing in a left-out folder can be taken back."""
        return not any(pattern.startswith("!") for pattern in self.patterns)


def files_in(folder: Path, ignore: Ignore) -> dict[str, Path | bytes]:
    """List a folder's files by relative name, without the ignored ones; links are listed, not followed.

    Raises:
        ImageBuildError: it is no folder, or cannot be read.
    """
    if not folder.is_dir():
        raise ImageBuildError(f"{folder}: no such folder")
    own = folder / ".dockerignore"
    if own.is_file():
        ignore = Ignore.read(own, ignore.patterns)
    try:
        return dict(sorted(_walk(folder, ignore)))
    except OSError as error:
        raise _unreadable(folder, error) from error


def read_by_dockerfile(file: Path) -> Files:
    """List a Dockerfile's folder if it may read any of it, except what a .dockerignore excludes.

    Raises:
        ImageBuildError: a file is missing or cannot be read.
    """
    return files_in(file.parent, Ignore()) if re.search(_COPIES, file_bytes(file)) else {}


def files_digest(files: Files) -> str:
    """Hash names, contents and executable bits.

    Raises:
        ImageBuildError: a file is missing or cannot be read.
    """
    return digest(
        "files", *(part for name, source in files.items() for part in (os.fsencode(name), _facts(source)))
    )


def file_bytes(file: Path) -> bytes:
    """Read a file.

    Raises:
        ImageBuildError: it is missing or cannot be read.
    """
    try:
        return _regular(file).read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error


def _walk(folder: Path, ignore: Ignore) -> Iterator[tuple[str, Path]]:
    for root, folders, names in os.walk(folder, onerror=_raise):
        at = Path(root)
        links = [name for name in folders if (at / name).is_symlink()]
        folders[:] = sorted(set(folders) - set(links))
        if ignore.prunes:
            folders[:] = [name for name in folders if not ignore(_relative(at / name, folder))]
        kept = [at / name for name in (*names, *links) if not ignore(_relative(at / name, folder))]
        yield from ((_relative(path, folder), path) for path in kept if _copied(path))
        if not folders and not names and at != folder and not ignore(_relative(at, folder)):
            yield _relative(at, folder) + "/", at


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _copied(path: Path) -> bool:
    """Tell links and regular files from sockets, pipes and devices, which no image holds."""
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _facts(source: Path | bytes) -> str:
    if isinstance(source, bytes):
        return digest("content", source)
    try:
        if source.is_symlink():
            return digest("link", os.fsencode(source.readlink()))
        if source.is_dir():
            return digest("folder")
        return _file_digest(_regular(source))
    except OSError as error:
        raise _unreadable(source, error) from error


def _regular(file: Path) -> Path:
    """Give the file back if reading it ends; reading a pipe would wait for ever."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise ImageBuildError(f"{file} is no regular file")
    return file


def _file_digest(file: Path) -> str:
    """Hash contents and the executable bit, which a copy keeps."""
    program = bool(file.stat().st_mode & stat.S_IXUSR)
    with file.open("rb") as source:
        return digest("program" if program else "file", hashlib.file_digest(source, "blake2b").digest())


@functools.lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    """Translate a pattern; it fits a path and everything below it."""
    tokens: Iterable[str] = re.findall(_PIECE, pattern.removeprefix("./").strip("/"))
    try:
        return re.compile("".join(map(_piece, tokens)) + r"(?:/.*)?\Z", re.DOTALL)
    except re.error as error:
        raise ImageBuildError(
            f"the pattern {pattern!r} of a .dockerignore cannot be read: {error}"
        ) from error


def _piece(token: str) -> str:
    if token in _PIECES:
        return _PIECES[token]
    if token.startswith("[") and len(token) > 1:
        return token.replace("\\", "\\\\")
    return re.escape(token[-1])


def _raise(error: OSError) -> None:
    raise error


def _unreadable(path: Path, error: OSError) -> ImageBuildError:
    return ImageBuildError(f"{path}: {(error.strerror or str(error)).lower()}; an image needs it")
