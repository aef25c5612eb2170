"""The container image of a task, as a frozen value that is built when it is first needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from flyte_jupyter.errors import DefinitionError
from flyte_jupyter.ids import digest
from flyte_jupyter.loading import load
from flyte_jupyter.tasks import contents, python, references
from flyte_jupyter.tasks.checks import flag, shown
from flyte_jupyter.tasks.contents import Files, Ignore, PathLike, absolute, file_bytes
from flyte_jupyter.tasks.given import NOT_GIVEN, given
from flyte_jupyter.tasks.installing import options
from flyte_jupyter.tasks.layering import Layering
from flyte_jupyter.tasks.layers import DockerIgnore, Layer, Runtime, UvScript
from flyte_jupyter.tasks.secret import Secret, SecretRequest

NAME = "flyte-jupyter"
"""The repository of built images without a name."""

_FORM = "image 1"
"""Counts for every identifier; raised when the same definition is to give another image."""

_RUNTIME = ("cloudpickle>=3", "msgpack>=1", "xxhash>=3.4")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image(Layering):
    """A container image: a base or a Dockerfile, and layers on it.

    Make one with ``from_debian_base``, ``from_base``, ``from_dockerfile`` or ``from_uv_script``; the
    ``with_*`` methods give a new image with one layer more. Everything that makes a difference counts for
    ``identifier``: contents of files, the order of layers, Python version and platform too.

    Args:
        base_image: the URI of the image to begin with.
        dockerfile: a Dockerfile to build instead.
        registry: where the built image is pushed to; None keeps it on this machine.
        name: the built image's repository in the registry.
        platform: what it is built for; empty for an image that exists.
        python_version: the Python in it, as far as known.
        layers: what comes on top.
        registry_secret: credentials for the registry; they make no difference for the image.
        extendable: whether layers may be added.
    """

    base_image: str | None = None
    dockerfile: Path | None = None
    registry: str | None = None
    name: str | None = None
    platform: tuple[str, ...] = ()
    python_version: tuple[int, int] | None = None
    layers: tuple[Layer, ...] = ()
    registry_secret: Secret | None = None
    extendable: bool = True

    __repr__ = shown

    def __post_init__(self) -> None:
        if (self.base_image is None) == (self.dockerfile is None):
            raise DefinitionError(
                "an image has either a base or a Dockerfile; begin with Image.from_debian_base()"
            )
        if self.base_image is not None:
            references.uri(self.base_image)
        if self.registry is not None:
            references.registry(self.registry)
        if self.name is not None:
            references.repository(self.name)
        flag("extendable", self.extendable)

    @classmethod
    def from_debian_base(
        cls,
        python_version: tuple[int, int] | str | None = None,
        flyte_version: str | None = None,
        install_flyte: bool = True,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        name: str | None = None,
        platform: str | tuple[str, ...] | None = None,
    ) -> Self:
        """Begin with a slim Debian and a Python, with what workers of this package need.

        Args:
            python_version: major and minor; the running Python's if not given.
            flyte_version: a released version of this package to install, instead of only what it depends on.
            install_flyte: whether what workers need is installed.
            registry: where the built image is pushed to.
            registry_secret: credentials for the registry.
            name: the built image's repository in the registry.
            platform: one or several of linux/amd64 and linux/arm64; this machine's if not given.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: a Python that there is not, or a name or platform that cannot be.
        """
        least = python.OLDEST_OF_OURS if flag("install_flyte", install_flyte) else python.OLDEST
        version = python.version(python_version, least)
        image = cls(
            base_image=_debian(version),
            python_version=version,
            registry=registry,
            registry_secret=_secret(registry_secret),
            name=name,
            platform=python.platforms(platform),
        )
        packages = _RUNTIME if flyte_version is None else (f"{NAME}=={python.release(flyte_version)}",)
        return image.with_layer(Runtime(packages=packages)) if install_flyte else image

    @classmethod
    def from_base(cls, image_uri: str) -> Self:
        """Take an image that exists, by its URI.

        It is used as it is. Layers on it make a new image, built for this machine's platform and named by
        ``clone``; Python packages then need python3 with pip in the base, and Debian packages apt.

        Raises:
            TypeError: it is no text.
            DefinitionError: it is no URI of an image.
        """
        return cls(base_image=references.uri(image_uri))

    @classmethod
    def from_dockerfile(
        cls, file: PathLike, registry: str | None, name: str, platform: str | tuple[str, ...] | None = None
    ) -> Self:
        """Build a Dockerfile; no layers can be added.

        Its folder is the build's context: if it copies anything, what is in the folder counts for the
        identifier, except what a .dockerignore there excludes.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: a name or platform that cannot be.
        """
        return cls(
            dockerfile=absolute("file", file),
            registry=registry,
            name=references.repository(name),
            platform=python.platforms(platform),
            extendable=False,
        )

    @classmethod
    def from_uv_script(  # noqa: PLR0913 - the field's parameters, most of them by keyword
        cls,
        script: PathLike,
        name: str | None = None,
        registry: str | None = None,
        *,
        registry_secret: str | Secret | None = None,
        python_version: tuple[int, int] | str | None = None,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | Sequence[str] | None = None,
        platform: str | tuple[str, ...] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Self:
        """Take Python and dependencies from the metadata in a script (PEP 723), on the Debian base.

        The script is read at once. Only its metadata counts: editing its code keeps the image.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: no script, no metadata in it, or a Python that there is not.
        """
        path = absolute("script", script)
        header: str = load("flyte_jupyter.tasks.uv_script:header")(path)
        version = python_version or load("flyte_jupyter.tasks.uv_script:python_of")(header)
        common = options(index_url, extra_index_urls, extra_args, secret_mounts, pre=pre)
        base = cls.from_debian_base(version, None, True, registry, registry_secret, name, platform)
        return base.with_layer(UvScript(header=header, script=path, **common))

    def with_layer(self, layer: Layer) -> Self:
        """Add a layer.

        Raises:
            DefinitionError: the image is made from a Dockerfile, or said not to be extendable.
        """
        if self.dockerfile is not None:
            raise DefinitionError(
                f"{self.dockerfile} is built as it is; write {layer} into it, or begin with a base"
            )
        if not self.extendable:
            raise DefinitionError(f"{self} is not extendable; use clone(extendable=True) to add {layer}")
        return replace(self, layers=(*self.layers, layer), platform=self.platform or (python.machine(),))

    def clone(
        self,
        registry: str | None = NOT_GIVEN,
        registry_secret: str | Secret | None = NOT_GIVEN,
        name: str | None = NOT_GIVEN,
        base_image: str = NOT_GIVEN,
        python_version: tuple[int, int] | str = NOT_GIVEN,
        addl_layer: Layer | None = None,
        extendable: bool = NOT_GIVEN,
        platform: str | tuple[str, ...] = NOT_GIVEN,
    ) -> Self:
        """Copy it with changes; what is not given stays.

        Another Python version changes the Debian base too, and only says what is in any other base.

        Raises:
            TypeError: a value of a wrong type.
            DefinitionError: a value that cannot be, or another base for a Dockerfile.
        """
        changes: dict[str, Any] = given(
            registry=registry, name=name, base_image=base_image, extendable=extendable
        )
        if registry_secret is not NOT_GIVEN:
            changes["registry_secret"] = _secret(registry_secret)
        if platform is not NOT_GIVEN:
            changes["platform"] = python.platforms(platform)
        if python_version is not NOT_GIVEN:
            changes["python_version"] = version = python.version(python_version, self._least_python)
            if self.python_version and self.base_image == _debian(self.python_version):
                changes.setdefault("base_image", _debian(version))
        clone = replace(self, **changes)
        return clone if addl_layer is None else clone.with_layer(addl_layer)

    @property
    def is_built(self) -> bool:
        """Whether it has to be built, or exists under the base's name."""
        return bool(self.dockerfile or self.layers or self.name or self.registry)

    @property
    def identifier(self) -> str:
        """The digest of everything that makes a difference, as 32 hex digits; reads the image's files.

        Raises:
            ImageBuildError: a file is missing or cannot be read.
        """
        return digest(_FORM, *self._facts())

    @property
    def uri(self) -> str:
        """The name to run it by: the base's own, or registry/name:identifier of one that is built.

        Raises:
            ImageBuildError: a file is missing or cannot be read.
        """
        if self.base_image is not None and not self.is_built:
            return self.base_image
        place = f"{self.registry}/" if self.registry else ""
        return f"{place}{self.name or NAME}:{self.identifier}"

    @property
    def ignore(self) -> Ignore:
        """What its source folders are copied without.

        Raises:
            ImageBuildError: a .dockerignore is missing or cannot be read.
        """
        found = Ignore(contents.NEVER_COPIED)
        for layer in self.layers:
            if isinstance(layer, DockerIgnore):
                found = Ignore.read(layer.file, found.patterns)
        return found

    def dockerfile_context(self) -> Files:
        """List the files beside its Dockerfile, if that copies any.

        Raises:
            ImageBuildError: a file is missing or cannot be read.
        """
        return contents.read_by_dockerfile(self.dockerfile) if self.dockerfile else {}

    def _facts(self) -> Iterator[str]:
        """Give every part of the identity, each under its own tag."""
        yield digest("base", *([self.base_image] if self.base_image else []))
        if self.dockerfile is not None:
            yield digest(
                "dockerfile", file_bytes(self.dockerfile), contents.files_digest(self.dockerfile_context())
            )
        yield digest("registry", *([self.registry] if self.registry else []))
        yield digest("name", *([self.name] if self.name else []))
        yield digest("platform", *self.platform)
        yield digest("python", *map(str, self.python_version or ()))
        ignore = self.ignore
        yield digest("layers", *(layer.digest(ignore) for layer in self.layers))

    @property
    def _least_python(self) -> tuple[int, int]:
        ours = any(isinstance(layer, Runtime) for layer in self.layers)
        return python.OLDEST_OF_OURS if ours else python.OLDEST


def _debian(version: tuple[int, int]) -> str:
    return f"python:{version[0]}.{version[1]}-slim-bookworm"


def _secret(value: str | Secret | None) -> Secret | None:
    return None if value is None else Secret.of(value)
