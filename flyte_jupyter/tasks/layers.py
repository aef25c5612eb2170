"""The layers of an image: frozen values, each with a digest of everything that it brings.

Digests are tagged with the layer's kind and the fields' names, so that no two different layers share one.
Files count by their contents, not by where they lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.ids import digest
from flyte_jupyter.tasks import requirements
from flyte_jupyter.tasks.checks import shown
from flyte_jupyter.tasks.contents import Files, Ignore, file_bytes, files_digest, files_in
from flyte_jupyter.tasks.secret import Secret

_ON_DISK = {"on disk": True}
"""Marks a field whose path does not count; what lies there does, through ``files``."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Layer:
    """One step of an image's build."""

    kind: ClassVar[str] = ""

    __repr__ = shown

    def files(self, ignore: Ignore) -> Files:
        """List the files that the step needs, by relative name.

        Args:
            ignore: what is left out of folders.

        Raises:
            ImageBuildError: a file is missing or cannot be read.
        """
        del ignore
        return {}

    def digest(self, ignore: Ignore) -> str:
        """Hash the step with the contents of its files.

        Raises:
            ImageBuildError: a file is missing or cannot be read.
        """
        return digest("layer", self.kind, *self._facts(), files_digest(self.files(ignore)))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that the step needs while it is built."""
        secrets: tuple[Secret, ...] = getattr(self, "secret_mounts", ())
        return secrets

    def _facts(self) -> Iterator[str]:
        for one in fields(self):
            if not one.metadata.get("on disk"):
                yield one.name
                yield _encoded(getattr(self, one.name))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Runtime(Layer):
    """What workers of this package need in an image: its dependencies, or a released version of it.

    Args:
        packages: what is installed.
    """

    kind: ClassVar[str] = "runtime"
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Installing(Layer):
    """A step that installs Python packages.

    Args:
        index_url: the package index instead of PyPI.
        extra_index_urls: further indexes.
        pre: whether pre-releases may be installed.
        extra_args: further arguments of the installer, one by one.
        secret_mounts: secrets for the step; they are in no layer.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    pre: bool = False
    extra_args: tuple[str, ...] = ()
    secret_mounts: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PipPackages(Installing):
    """Install requirements with pip."""

    kind: ClassVar[str] = "pip"
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Requirements(Installing):
    """Install a requirements file, with the files that it includes, with pip."""

    kind: ClassVar[str] = "requirements"
    file: Path = field(metadata=_ON_DISK)

    def files(self, ignore: Ignore) -> Files:
        """List the file and what it includes."""
        del ignore
        return requirements.read(self.file)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UvProject(Installing):
    """Install a project's dependencies from its lock file with uv.

    Args:
        pyproject: the project's pyproject.toml.
        lock: its uv.lock; without one, uv chooses the versions at build time.
        install_project: whether the project itself is installed too, from the folder of ``pyproject``.
    """

    kind: ClassVar[str] = "uv project"
    pyproject: Path = field(metadata=_ON_DISK)
    lock: Path | None = field(default=None, metadata=_ON_DISK)
    install_project: bool = False

    def files(self, ignore: Ignore) -> Files:
        """List the two files, and the project's folder if the project itself is installed."""
        names = {"pyproject.toml": self.pyproject} | ({"uv.lock": self.lock} if self.lock else {})
        own = {name: file_bytes(file) for name, file in names.items()}
        return {**files_in(self.pyproject.parent, ignore), **own} if self.install_project else own


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UvScript(Installing):
    """Install what a script's metadata (PEP 723) asks for with uv.

    Args:
        header: the block of metadata; the script's code does not count.
        script: where it was read.
    """

    kind: ClassVar[str] = "uv script"
    header: str = field(repr=False)
    script: Path = field(metadata=_ON_DISK)

    def files(self, ignore: Ignore) -> Files:
        """Give the metadata as a script of its own."""
        del ignore
        return {"script.py": self.header.encode()}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AptPackages(Layer):
    """Install Debian packages with apt."""

    kind: ClassVar[str] = "apt"
    packages: tuple[str, ...]
    secret_mounts: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Commands(Layer):
    """Run shell commands, each in a step of its own."""

    kind: ClassVar[str] = "commands"
    commands: tuple[str, ...]
    secret_mounts: tuple[Secret, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EnvVars(Layer):
    """Set environment variables, in order."""

    kind: ClassVar[str] = "env"
    variables: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SourceFolder(Layer):
    """Copy a folder: into ``dst`` under its own name, or only what is in it.

    Args:
        src: the folder.
        name: its own name; empty to copy only what is in it.
        dst: the folder in the image, relative to the working directory there.
    """

    kind: ClassVar[str] = "folder"
    src: Path = field(metadata=_ON_DISK)
    name: str
    dst: str

    def files(self, ignore: Ignore) -> Files:
        """List the folder; an empty one is listed itself, because there is nothing else to copy."""
        return files_in(self.src, ignore) or {"": self.src}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SourceFiles(Layer):
    """Copy files into a folder, or one file to a name.

    Args:
        src: the files.
        names: their names in the image, in the same order.
        dst: the folder in the image, relative to the working directory there.
    """

    kind: ClassVar[str] = "files"
    src: tuple[Path, ...] = field(metadata=_ON_DISK)
    names: tuple[str, ...]
    dst: str

    def files(self, ignore: Ignore) -> Files:
        """List the files by their names in the image."""
        del ignore
        return dict(zip(self.names, (path.resolve() for path in self.src), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Workdir(Layer):
    """Change the working directory for the steps that follow and for the container."""

    kind: ClassVar[str] = "workdir"
    path: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DockerIgnore(Layer):
    """Leave files out of all source folders, by the patterns of a .dockerignore."""

    kind: ClassVar[str] = "dockerignore"
    file: Path = field(metadata=_ON_DISK)

    def files(self, ignore: Ignore) -> Files:
        """Give the patterns, which count although they are not copied."""
        del ignore
        return {".dockerignore": file_bytes(self.file)}


def _encoded(value: Any) -> str:
    """Hash a field's value with its type, so that no two values look alike."""
    if isinstance(value, tuple):
        return digest("tuple", *map(_encoded, value))
    if isinstance(value, Secret):
        mount = None if value.mount is None else str(value.mount)
        return digest("secret", *map(_encoded, (value.key, value.group, mount, value.as_env_var)))
    if value is None or isinstance(value, bool | str):
        return digest(type(value).__name__, str(value))
    raise DefinitionError(f"{value!r} cannot be part of an image")
