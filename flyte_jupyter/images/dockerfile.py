"""The Dockerfile of an image, and what a build of it needs beside: files and secrets.

Pure: nothing is built, no environment is read. No ``# syntax=`` line and no here-document is written, so that
builders without access to a registry, and old ones, can read it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import singledispatch

from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.images.shell import arguments, command, env_value, exec_form
from flyte_jupyter.tasks import layers
from flyte_jupyter.tasks.contents import Files, file_bytes
from flyte_jupyter.tasks.image import Image
from flyte_jupyter.tasks.secret import Secret

CA_BUNDLE = "flyte:ca-bundle"
"""The id under which BuildKit gets the certificates; no secret of a user has such an id."""

CA_FILE = "ca-bundle.pem"
"""The file of the context that holds the certificates where there is no BuildKit."""

_CA_PATH = "/run/secrets/flyte-ca-bundle.pem"
_CA_COPY = "/usr/local/share/flyte-ca-bundle.pem"
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_QUIET = "PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_BREAK_SYSTEM_PACKAGES=1"
_PIP = f"{_QUIET} python3 -m pip install"
_PIP_CACHE = "type=cache,target=/root/.cache/pip"
_UV_CACHE = "type=cache,target=/root/.cache/uv"
_APT_CACHES = tuple(
    f"type=cache,target={folder},sharing=locked" for folder in ("/var/cache/apt", "/var/lib/apt")
)
_UV = "UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never"
_PREFIX = "\"$(python3 -c 'import sys; print(sys.prefix)')\""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Builder:
    """What the builder can do: mounts (BuildKit), and whether it brings certificates."""

    buildkit: bool
    ca_bundle: bool


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a Dockerfile.

    Args:
        text: as it is written.
        layer: the layer that it is for; None for the base and what the builder needs.
        number: the layer's place in the image, from 1.
    """

    text: str
    layer: layers.Layer | None = None
    number: int = 0


def dockerfile(image: Image, *, buildkit: bool = True, ca_bundle: bool = False) -> str:
    """Write the Dockerfile of an image.

    Args:
        image: what to build.
        buildkit: whether the builder is BuildKit, which keeps caches and hands over secrets.
        ca_bundle: whether the builder brings certificates for downloads: as the secret ``CA_BUNDLE``, or
            without BuildKit as the file ``CA_FILE`` of the context.

    Raises:
        ImageBuildError: its own Dockerfile cannot be read, or it needs secrets and there is no BuildKit.
    """
    if image.dockerfile is not None:
        return file_bytes(image.dockerfile).decode("utf-8", "replace")
    found = instructions(image, buildkit=buildkit, ca_bundle=ca_bundle)
    return "\n".join(one.text for one in found) + "\n"


def instructions(image: Image, *, buildkit: bool = True, ca_bundle: bool = False) -> tuple[Instruction, ...]:
    """List the instructions of an image's Dockerfile with the layers that they are for.

    Nothing is known of those in a Dockerfile of the user's own.

    Args:
        image: what to build.
        buildkit: as in ``dockerfile``.
        ca_bundle: likewise.

    Raises:
        ImageBuildError: it needs secrets and there is no BuildKit.
    """
    if image.dockerfile is not None:
        return ()
    builder = _Builder(buildkit=buildkit, ca_bundle=ca_bundle)
    found = [Instruction(f"FROM {image.base_image}")]
    if ca_bundle and not buildkit:
        found.append(Instruction(f"COPY {exec_form(CA_FILE, _CA_COPY)}"))
    for number, layer in enumerate(image.layers, 1):
        found += (Instruction(text, layer, number) for text in _steps(layer, _place(number), builder))
    return tuple(found)


def context(image: Image) -> Files:
    """List the files that the build needs, by their names in its context.

    Links are to be copied as links; a name that ends in ``/`` is an empty folder.

    Raises:
        ImageBuildError: a file is missing or cannot be read.
    """
    if image.dockerfile is not None:
        return image.dockerfile_context()
    ignore = image.ignore
    return {
        f"{_place(number)}{name}": source
        for number, layer in enumerate(image.layers, 1)
        if not isinstance(layer, layers.DockerIgnore)
        for name, source in layer.files(ignore).items()
    }


def build_secrets(image: Image) -> dict[str, Secret]:
    """List the secrets that the build needs, by their ids in the Dockerfile."""
    return {secret_id(secret): secret for layer in image.layers for secret in layer.secrets}


def secret_id(secret: Secret) -> str:
    """Name a secret in a build; no two have the same name, because neither key nor group can hold a slash."""
    return f"{secret.group}/{secret.key}" if secret.group else secret.key


def _place(number: int) -> str:
    return f"layers/{number}/"


@singledispatch
def _steps(layer: layers.Layer, place: str, builder: _Builder) -> Iterator[str]:
    """Write the instructions of one layer, whose files are at ``place`` in the context."""
    del place, builder
    raise ImageBuildError(f"no instruction is known for {layer!r}")


@_steps.register
def _runtime(layer: layers.Runtime, place: str, builder: _Builder) -> Iterator[str]:
    del place
    yield "ENV PYTHONUNBUFFERED=1"
    yield "WORKDIR /workspace"
    yield _run(_pip(arguments(layer.packages), builder), builder, caches=(_PIP_CACHE,))


@_steps.register
def _pip_packages(layer: layers.PipPackages, place: str, builder: _Builder) -> Iterator[str]:
    del place
    words = _pip(arguments((*_pip_options(layer), *layer.packages)), builder)
    yield _run(words, builder, layer.secrets, (_PIP_CACHE,))


@_steps.register
def _requirements(layer: layers.Requirements, place: str, builder: _Builder) -> Iterator[str]:
    yield _copy(place, _there(place))
    words = _pip(arguments((*_pip_options(layer), "-r", f"{_there(place)}requirements.txt")), builder)
    yield _run(words, builder, layer.secrets, (_PIP_CACHE,))


@_steps.register
def _uv_project(layer: layers.UvProject, place: str, builder: _Builder) -> Iterator[str]:
    yield _copy(place, _there(place))
    which = "--no-editable" if layer.install_project else "--no-install-project"
    fixed = ["--locked"] if layer.lock else []
    words = arguments(
        ("--project", _there(place), "--inexact", "--no-dev", *fixed, which, *_uv_options(layer))
    )
    sync = f"{_UV} UV_PROJECT_ENVIRONMENT={_PREFIX} python3 -m uv sync {words}"
    yield _run(f"{_pip('uv', builder)} && {sync}", builder, layer.secrets, (_PIP_CACHE, _UV_CACHE))


@_steps.register
def _uv_script(layer: layers.UvScript, place: str, builder: _Builder) -> Iterator[str]:
    yield _copy(place, _there(place))
    words = arguments((*_uv_options(layer), "-r", f"{_there(place)}script.py"))
    install = f"{_UV} python3 -m uv pip install --python {_PREFIX} --break-system-packages {words}"
    yield _run(f"{_pip('uv', builder)} && {install}", builder, layer.secrets, (_PIP_CACHE, _UV_CACHE))


@_steps.register
def _apt(layer: layers.AptPackages, place: str, builder: _Builder) -> Iterator[str]:
    del place
    # Debian's images delete downloaded packages at once, which would empty the cache.
    first = "rm -f /etc/apt/apt.conf.d/docker-clean && " if builder.buildkit else ""
    last = "" if builder.buildkit else " && rm -rf /var/lib/apt/lists/*"
    install = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends"
    words = f"{first}apt-get update && {install} {arguments(layer.packages)}{last}"
    yield _run(words, builder, layer.secrets, _APT_CACHES)


@_steps.register
def _commands(layer: layers.Commands, place: str, builder: _Builder) -> Iterator[str]:
    del place
    yield from (_run(one, builder, layer.secrets) for one in layer.commands)


@_steps.register
def _env(layer: layers.EnvVars, place: str, builder: _Builder) -> Iterator[str]:
    del place, builder
    yield from (f"ENV {name}={env_value(value)}" for name, value in layer.variables)


@_steps.register
def _folder(layer: layers.SourceFolder, place: str, builder: _Builder) -> Iterator[str]:
    del builder
    yield _copy(place, "/".join(filter(None, (layer.dst.rstrip("/"), layer.name))) + "/")


@_steps.register
def _files(layer: layers.SourceFiles, place: str, builder: _Builder) -> Iterator[str]:
    del builder
    yield _copy(place, layer.dst.rstrip("/") + "/")


@_steps.register
def _workdir(layer: layers.Workdir, place: str, builder: _Builder) -> Iterator[str]:
    del place, builder
    yield f"WORKDIR {layer.path}"


@_steps.register
def _dockerignore(layer: layers.DockerIgnore, place: str, builder: _Builder) -> Iterator[str]:
    del layer, place, builder
    yield from ()


def _run(
    script: str, builder: _Builder, secrets: tuple[Secret, ...] = (), caches: tuple[str, ...] = ()
) -> str:
    """Write one RUN with its mounts; a secret that is a variable is one for this step only."""
    if secrets and not builder.buildkit:
        raise ImageBuildError(
            f"the build needs the secrets {', '.join(map(secret_id, secrets))}, and only BuildKit can hand "
            "them over without keeping them; install docker buildx, or a docker client with BuildKit"
        )
    mounts = [*caches, *map(_secret_mount, secrets)] if builder.buildkit else []
    exports = [
        f'export {secret.as_env_var}="$(cat {_target(secret)})"; ' for secret in secrets if secret.as_env_var
    ]
    if builder.ca_bundle:
        mounts += [f"type=secret,id={CA_BUNDLE},target={_CA_PATH},required=true"] if builder.buildkit else []
        path = _CA_PATH if builder.buildkit else _CA_COPY
        exports.insert(0, f"export {' '.join(f'{name}={path}' for name in _CA_VARIABLES)}; ")
    words = [f"--mount={mount}" for mount in mounts]
    return "RUN " + " \\\n    ".join([*words, command("".join(exports) + script)])


def _secret_mount(secret: Secret) -> str:
    return f"type=secret,id={secret_id(secret)},target={_target(secret)},required=true"


def _target(secret: Secret) -> str:
    return str(secret.file or f"/run/secrets/{secret.as_env_var}")


def _copy(place: str, target: str) -> str:
    return f"COPY {exec_form(place, target)}"


def _there(place: str) -> str:
    """Where an installer finds its files in the image."""
    return f"/opt/flyte/{place}"


def _pip(words: str, builder: _Builder) -> str:
    return f"{_PIP} {'' if builder.buildkit else '--no-cache-dir '}{words}"


def _pip_options(layer: layers.Installing) -> Iterator[str]:
    if layer.index_url is not None:
        yield from ("--index-url", layer.index_url)
    for url in layer.extra_index_urls:
        yield from ("--extra-index-url", url)
    if layer.pre:
        yield "--pre"
    yield from layer.extra_args


def _uv_options(layer: layers.Installing) -> Iterator[str]:
    if layer.index_url is not None:
        yield from ("--default-index", layer.index_url)
    for url in layer.extra_index_urls:
        yield from ("--index", url)
    if layer.pre:
        yield from ("--prerelease", "allow")
    yield from layer.extra_args
