"""Images of ours as the official SDK's."""

from collections.abc import Callable, Mapping
from typing import Any

from flyte_jupyter.backends.flyte_sdk import flyte
from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.tasks import layers
from flyte_jupyter.tasks.image import NAME, Image
from flyte_jupyter.tasks.values import AUTO

Official = Callable[[Image | str], Any]


def by_name(ours: Image | str) -> Any:
    """Name an image for an endpoint on this machine, which has what this machine's engine has."""
    if isinstance(ours, str):
        return AUTO
    return AUTO if _is_default(ours) else flyte.Image.from_base(ours.uri)


def by_layers(ours: Image | str) -> Any:
    """Describe an image for an endpoint elsewhere: the official SDK builds and pushes it.

    Raises:
        ImageBuildError: a part of it has no official counterpart, or there is no registry to push to.
    """
    if isinstance(ours, str) or _is_default(ours):
        return AUTO
    if not ours.is_built:
        return flyte.Image.from_base(ours.uri)
    if not ours.registry:
        raise ImageBuildError(
            f"{ours.uri} has to be pushed to a registry that the endpoint reads; give it one with "
            "registry=..."
        )
    return _layered(_base(ours), ours)


def _is_default(ours: Image) -> bool:
    """Whether an image is the plain Debian base: there, the endpoint's own default image stands for it."""
    plain = all(isinstance(layer, layers.Runtime) for layer in ours.layers)
    named = ours.registry or (ours.name and ours.name != NAME)
    return ours.dockerfile is None and bool(ours.layers) and plain and not named


def _base(ours: Image) -> Any:
    if ours.dockerfile is not None:
        return flyte.Image.from_dockerfile(ours.dockerfile, ours.registry or "", ours.name or NAME)
    if any(isinstance(layer, layers.Runtime) for layer in ours.layers):
        return flyte.Image.from_debian_base(
            python_version=ours.python_version, registry=ours.registry, name=ours.name or NAME
        )
    base = flyte.Image.from_base(ours.base_image or "")
    return base.clone(registry=ours.registry, name=ours.name or NAME, extendable=True)


def _layered(image: Any, ours: Image) -> Any:
    for layer in ours.layers:
        if isinstance(layer, layers.Runtime):
            continue
        add = _ADD.get(type(layer))
        if add is None:
            raise ImageBuildError(
                f"{ours.uri}: the layer {layer!r} has no counterpart at an endpoint; build and push the "
                "image first, and name it by its URI"
            )
        image = add(image, layer)
    return image


_ADD: Mapping[type, Callable[[Any, Any], Any]] = {
    layers.PipPackages: lambda image, layer: image.with_pip_packages(*layer.packages, **_installing(layer)),
    layers.Requirements: lambda image, layer: image.with_requirements(layer.file, **_installing(layer)),
    layers.AptPackages: lambda image, layer: image.with_apt_packages(*layer.packages),
    layers.EnvVars: lambda image, layer: image.with_env_vars(dict(layer.variables)),
    layers.Commands: lambda image, layer: image.with_commands(list(layer.commands)),
    layers.Workdir: lambda image, layer: image.with_workdir(layer.path),
    layers.SourceFolder: lambda image, layer: image.with_source_folder(
        layer.src, layer.dst, copy_contents_only=not layer.name
    ),
    layers.SourceFiles: lambda image, layer: image.with_source_file(list(layer.src), layer.dst),
}


def _installing(layer: Any) -> dict[str, Any]:
    given = {
        "index_url": layer.index_url,
        "extra_index_urls": list(layer.extra_index_urls) or None,
        "pre": layer.pre or None,
        "extra_args": " ".join(layer.extra_args) or None,
    }
    return {name: value for name, value in given.items() if value is not None}
