"""The ``with_*`` methods of an image: each checks what it is given and adds one layer."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.tasks import layers
from flyte_jupyter.tasks.checks import flag, not_one_of, text, wrong_type
from flyte_jupyter.tasks.contents import PathLike, absolute
from flyte_jupyter.tasks.installing import options, requirement
from flyte_jupyter.tasks.secret import SecretRequest, secrets_of

_APT = r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?(?:[=/][A-Za-z0-9.+:~_-]+)?"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_MODES = ("dependencies_only", "install_project")


class Layering:
    """Adds layers; every method gives a new image and leaves this one as it is."""

    __slots__ = ()

    def with_layer(self, layer: layers.Layer) -> Self:
        """Add a layer."""
        raise NotImplementedError

    def with_pip_packages(
        self,
        *packages: str,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | Sequence[str] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Self:
        """Install Python packages with pip.

        ``$NAME`` in packages, index URLs and arguments is a secret or variable of that name at build time.

        Args:
            packages: requirements, such as "numpy" or "scipy==1.10.0".
            index_url: the package index instead of PyPI.
            extra_index_urls: further indexes.
            pre: whether pre-releases may be installed.
            extra_args: further arguments of pip, as one text or one by one.
            secret_mounts: secrets for this step; they are in no layer.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: no requirement, a text that is none, or a password in a URL.
        """
        common = options(index_url, extra_index_urls, extra_args, secret_mounts, pre=pre)
        wanted = tuple(map(requirement, _some("packages", packages, "'numpy', 'scipy==1.10.0'")))
        return self.with_layer(layers.PipPackages(packages=wanted, **common))

    def with_requirements(
        self,
        file: PathLike,
        *,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | Sequence[str] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Self:
        """Install what a requirements file lists, with the files that it includes, with pip.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: its name does not end in .txt.
        """
        path = absolute("file", file)
        if path.suffix != ".txt":
            raise DefinitionError(f"file={str(file)!r} must be a requirements file whose name ends in .txt")
        common = options(index_url, extra_index_urls, extra_args, secret_mounts, pre=pre)
        return self.with_layer(layers.Requirements(file=path, **common))

    def with_uv_project(
        self,
        pyproject_file: PathLike,
        uvlock: PathLike | None = None,
        *,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | Sequence[str] | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: str = "dependencies_only",
    ) -> Self:
        """Install a project's dependencies from its lock file with uv.

        Args:
            pyproject_file: its pyproject.toml.
            uvlock: its uv.lock; if not given, the one beside ``pyproject_file`` if there is one.
            index_url: the package index instead of PyPI.
            extra_index_urls: further indexes.
            pre: whether pre-releases may be installed.
            extra_args: further arguments of ``uv sync``, as one text or one by one.
            secret_mounts: secrets for this step; they are in no layer.
            project_install_mode: "dependencies_only", or "install_project" for the project itself too.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: an unknown mode.
        """
        if project_install_mode not in _MODES:
            raise not_one_of("project_install_mode", project_install_mode, _MODES)
        pyproject = absolute("pyproject_file", pyproject_file)
        beside = pyproject.with_name("uv.lock")
        lock = absolute("uvlock", uvlock) if uvlock is not None else beside if beside.is_file() else None
        common = options(index_url, extra_index_urls, extra_args, secret_mounts, pre=pre)
        whole = project_install_mode == "install_project"
        return self.with_layer(
            layers.UvProject(pyproject=pyproject, lock=lock, install_project=whole, **common)
        )

    def with_apt_packages(self, *packages: str, secret_mounts: SecretRequest | None = None) -> Self:
        """Install Debian packages with apt, without the ones that they only recommend.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: no package, or a text that is no package's name.
        """
        for name in _some("packages", packages, "'git', 'curl'"):
            if not re.fullmatch(_APT, text("package", name, "git")):
                raise DefinitionError(
                    f"{name!r} is no Debian package; give names such as 'git' or 'curl=7.88.1-10'"
                )
        secrets = secrets_of(secret_mounts)
        return self.with_layer(layers.AptPackages(packages=packages, secret_mounts=secrets))

    def with_env_vars(self, env_vars: Mapping[str, str]) -> Self:
        """Set environment variables of the image.

        ``$NAME`` in a value stands for a variable that the image has already, as in a Dockerfile
        (``{"PATH": "/opt/bin:$PATH"}``); ``$$NAME`` is a dollar sign and a word.

        Raises:
            TypeError: it is no dict of text to text.
            DefinitionError: a name that cannot be one, or a value of more than one line.
        """
        if not isinstance(env_vars, Mapping):
            raise wrong_type("env_vars", env_vars, "a dict of text to text")
        for name, value in env_vars.items():
            if not re.fullmatch(_VARIABLE, text("name of a variable", name, "MY_VAR")):
                raise DefinitionError(
                    f"env_vars: {name!r} is no name of a variable; letters, digits, underscores"
                )
            if value != "":
                text(f"env_vars[{name!r}]", value, "some value")
        return self.with_layer(layers.EnvVars(variables=tuple(env_vars.items())))

    def with_source_folder(self, src: PathLike, dst: str = ".", copy_contents_only: bool = False) -> Self:
        """Copy a folder into the image, without what a .dockerignore in it excludes.

        Version control, virtual environments and caches (``contents.NEVER_COPIED``) are left out as well.

        Args:
            src: the folder; it may be missing until the image is built or identified.
            dst: the folder in the image that gets it, relative to the working directory there.
            copy_contents_only: whether ``dst`` gets what is in the folder, and not the folder itself.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: an empty ``dst``.
        """
        path = absolute("src", src)
        name = "" if flag("copy_contents_only", copy_contents_only) else Path(os.path.normpath(path)).name
        return self.with_layer(layers.SourceFolder(src=path, name=name, dst=_destination(dst)))

    def with_source_file(self, src: PathLike | Sequence[PathLike], dst: str = ".") -> Self:
        """Copy a file, or several, into the image.

        Args:
            src: the file or files; they may be missing until the image is built or identified.
            dst: the folder in the image; for one file also a name for it, which has a suffix or is the same.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: two files of one name, or an empty ``dst``.
        """
        one, paths = _paths(src)
        names = tuple(path.name for path in paths)
        if not names or len(set(names)) < len(names):
            raise DefinitionError(
                f"src={src!r} must be files of different names; copy others with another call"
            )
        target = PurePosixPath(_destination(dst))
        if one and not dst.endswith("/") and (target.suffix or target.name == names[0]):
            return self.with_layer(
                layers.SourceFiles(src=paths, names=(target.name,), dst=str(target.parent))
            )
        return self.with_layer(layers.SourceFiles(src=paths, names=names, dst=str(target)))

    def with_commands(
        self, commands: Sequence[str] | str, secret_mounts: SecretRequest | None = None
    ) -> Self:
        """Run shell commands, each in a step of its own.

        Args:
            commands: the commands; one may have several lines, and then ends at the first that fails.
            secret_mounts: secrets for these steps; they are in no layer.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: no command, or an empty one.
        """
        if not isinstance(commands, str | list | tuple):
            raise wrong_type("commands", commands, "a list of shell commands")
        lines = (commands,) if isinstance(commands, str) else tuple(commands)
        for command in _some("commands", lines, "'make install'"):
            if not isinstance(command, str):
                raise wrong_type("command", command, "text")
            if not command.strip() or "\0" in command:
                raise DefinitionError(f"command={command!r} must be a shell command, such as 'make install'")
        return self.with_layer(layers.Commands(commands=lines, secret_mounts=secrets_of(secret_mounts)))

    def with_workdir(self, workdir: str) -> Self:
        """Set the working directory for the layers that follow and for the container.

        Raises:
            TypeError: it is no text.
            DefinitionError: it is empty, or no path of Linux.
        """
        return self.with_layer(layers.Workdir(path=_destination(workdir, "workdir")))

    def with_dockerignore(self, path: PathLike) -> Self:
        """Leave files out of all source folders of the image, by the patterns of a .dockerignore.

        Raises:
            TypeError: it is no path.
        """
        return self.with_layer(layers.DockerIgnore(file=absolute("path", path)))


def _some(what: str, values: tuple[str, ...], example: str) -> tuple[str, ...]:
    if not values:
        raise DefinitionError(f"no {what}; give at least one, such as {example}")
    return values


def _paths(src: object) -> tuple[bool, tuple[Path, ...]]:
    """Tell whether one path was given, and fix it or all of them."""
    if isinstance(src, list | tuple):
        return False, tuple(absolute("src", path) for path in src)
    return True, (absolute("src", src),)


def _destination(value: object, what: str = "dst") -> str:
    path = text(what, os.fspath(value) if isinstance(value, os.PathLike) else value, "/app")
    if "\\" in path:
        raise DefinitionError(
            f"{what}={path!r} must be a path of Linux, with forward slashes, such as '/app'"
        )
    return path
