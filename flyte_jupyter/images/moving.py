"""Images between an engine and registries: pulled and pushed, with the credentials of Docker's settings."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flyte_jupyter.container_engine import explained, said
from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.images.registry import Reference, credentials_for
from flyte_jupyter.loading import load


def push(client: Any, uri: str, credentials: Mapping[str, str] | None, stop: threading.Event) -> None:
    """Push an image to its registry.

    Raises:
        ImageBuildError: the registry refuses it.
        RuntimeSystemError: the engine no longer answers.
    """
    reference = Reference.of(uri)
    auth = dict(credentials if credentials is not None else credentials_for(reference.registry))
    repository, _, tag = uri.rpartition(":")
    with said(client, f"pushing {uri}"):
        messages = client.api.push(repository, tag=tag, stream=True, decode=True, auth_config=auth or None)
        _follow(messages, stop, lambda error: _refused("push", uri, reference.registry, error))


def pull(client: Any, uri: str, credentials: Mapping[str, str] | None, stop: threading.Event) -> None:
    """Pull an image to the engine.

    Raises:
        ImageBuildError: it is in no registry that can be reached.
        RuntimeSystemError: the engine no longer answers.
    """
    reference = Reference.of(uri)
    auth = dict(credentials if credentials is not None else credentials_for(reference.registry))
    repository = uri.partition("@")[0] if "@" in uri else uri.removesuffix(f":{reference.tag}")
    with said(client, f"pulling {uri}"):
        try:
            messages = client.api.pull(
                repository, tag=reference.tag, stream=True, decode=True, auth_config=auth or None
            )
            _follow(messages, stop, lambda error: _refused("pull", uri, reference.registry, error))
        except load("docker.errors:APIError") as error:
            raise _refused("pull", uri, reference.registry, explained(error)) from None


def _follow(
    messages: Iterable[Mapping[str, Any]], stop: threading.Event, refused: Callable[[str], ImageBuildError]
) -> None:
    for message in messages:
        if "error" in message:
            raise refused(str(message["error"]))
        if stop.is_set():
            raise ImageBuildError("it was stopped")


def _refused(what: str, uri: str, registry: str, error: str) -> ImageBuildError:
    low = error.lower()
    if any(sign in low for sign in ("unauthorized", "denied", "no basic auth", "authentication required")):
        why = (
            f"the registry {registry} wants credentials: 'docker login {registry}', or "
            "Image(registry_secret=...)"
        )
    elif "not found" in low or "manifest unknown" in low:
        why = f"the registry {registry} has no such image"
    else:
        why = " ".join(error.split())
    return ImageBuildError(f"{uri} cannot be {what}ed: {why}")
