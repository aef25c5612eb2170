"""One build as a builder is asked for it: Dockerfile, context, secrets, platform, certificates."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.images.builders import Builder
from flyte_jupyter.images.context import packed
from flyte_jupyter.images.dockerfile import (
    CA_BUNDLE,
    CA_FILE,
    Instruction,
    build_secrets,
    context,
    dockerfile,
    instructions,
)
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.python import machine
from flyte_jupyter.tasks.secret import Secret

_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of a builder.

    Args:
        uri: the image's name.
        builder: who builds.
        address: the builder's engine, as in DOCKER_HOST; empty for the usual one.
        file: the Dockerfile's name in the context.
        instructions: what is in it; empty if that is not known.
        files: the context.
        secrets: what the build needs, by id.
        ca_bundle: certificates for downloads.
        platforms: what it is built for; empty for the engine's own.
        push: whether the builder pushes it: where an image of several platforms has no other place.
        fresh: whether nothing of earlier builds is used.
    """

    uri: str
    builder: Builder
    address: str
    file: str
    instructions: tuple[Instruction, ...]
    files: Mapping[str, Path | bytes]
    secrets: Mapping[str, Secret]
    ca_bundle: Path | None
    platforms: tuple[str, ...]
    push: bool
    fresh: bool = False

    @classmethod
    def of(
        cls,
        image: Image,
        uri: str,
        builder: Builder,
        *,
        address: str = "",
        ca_bundle: Path | None = None,
        fresh: bool = False,
    ) -> "Order":
        """Put together what a build of an image needs.

        Raises:
            ImageBuildError: a file cannot be read, or the builder cannot do what the image needs.
        """
        several = len(image.platform) > 1
        if several and builder.name != "buildx":
            raise ImageBuildError(
                f"{uri} is for {', '.join(image.platform)}, and only docker buildx builds for several "
                "platforms at once; install it, or give one platform"
            )
        if several and not image.registry:
            raise ImageBuildError(
                f"{uri} is for {', '.join(image.platform)}: an engine holds images of one platform each, "
                "so it needs registry=..., where all of them can be"
            )
        options = {"buildkit": builder.is_buildkit, "ca_bundle": ca_bundle is not None}
        file = image.dockerfile.name if image.dockerfile is not None else "Dockerfile"
        files = {**context(image), file: dockerfile(image, **options).encode()}
        if ca_bundle is not None and not builder.is_buildkit and image.dockerfile is None:
            files[CA_FILE] = ca_bundle
        return cls(
            uri=uri,
            builder=builder,
            address=address,
            file=file,
            instructions=instructions(image, **options),
            files=files,
            secrets=build_secrets(image),
            ca_bundle=ca_bundle if image.dockerfile is None else None,
            platforms=image.platform if several or image.platform != (machine(),) else (),
            push=several,
            fresh=fresh,
        )

    def context(self, stack: ExitStack) -> IO[bytes]:
        """Write the context; it is closed with the stack."""
        return stack.enter_context(packed(self.files))

    @property
    def secret_files(self) -> dict[str, Path]:
        """Files that the builder may have as they are, by their ids."""
        return {CA_BUNDLE: self.ca_bundle} if self.ca_bundle is not None else {}


def usual_ca_bundle() -> Path | None:
    """Find the certificates that this process uses, if it was told of some."""
    for name in _CA_VARIABLES:
        if (value := os.environ.get(name)) and Path(value).is_file():
            return Path(value)
    return None
