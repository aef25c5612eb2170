"""Where an image already is: on an engine, or in its registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyte_jupyter.container_engine import engine, said
from flyte_jupyter.images.registry import digest_of
from flyte_jupyter.loading import load
from flyte_jupyter.tasks.image import Image


@dataclass(frozen=True, slots=True)
class Found:
    """An image on an engine.

    Args:
        uri: its name.
        id: its identity there.
        size: its size in bytes.
        platform: what it is built for.
    """

    uri: str
    id: str
    size: int
    platform: str


@dataclass(frozen=True, slots=True)
class ImageChecker:
    """Tells whether images exist.

    Args:
        address: the engine to ask, as in DOCKER_HOST; the usual one if empty.
    """

    address: str = ""

    def image_exists(self, image: Image | str, credentials: Mapping[str, str] | None = None) -> str | None:
        """Give an image's name if it is on the engine or in its registry; None if it is nowhere.

        Raises:
            InitializationError: no engine answers.
            ImageBuildError: the registry does not answer or refuses.
        """
        uri = image if isinstance(image, str) else image.uri
        if self.here(uri) is not None:
            return uri
        stays = not isinstance(image, str) and image.is_built and not image.registry
        return uri if not stays and self.there(uri, credentials) else None

    def here(self, uri: str) -> Found | None:
        """Find an image on the engine.

        Raises:
            InitializationError: no engine answers.
            RuntimeSystemError: it stopped answering.
        """
        client = engine(self.address)
        with said(client, f"looking for {uri}"):
            try:
                found: Any = client.api.inspect_image(uri)
            except load("docker.errors:ImageNotFound"):
                return None
        return Found(uri, found["Id"], int(found["Size"]), f"{found['Os']}/{found['Architecture']}")

    def there(self, uri: str, credentials: Mapping[str, str] | None = None) -> str | None:
        """Ask an image's registry for its digest; None if it is not there.

        Args:
            uri: the image's name.
            credentials: "username" and "password"; those of Docker's settings if None.

        Raises:
            ImageBuildError: the registry does not answer, or refuses.
        """
        return digest_of(uri, credentials)
