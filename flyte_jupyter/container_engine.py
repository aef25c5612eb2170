"""Connections to container engines, found as Docker's own tools find them; what fails is said in one line."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flyte_jupyter.errors import Error, InitializationError, RuntimeSystemError
from flyte_jupyter.loading import load

_PATIENCE = 60
"""Seconds that an engine may take for an answer."""


class _Connections:
    """Those of this process, each for an address and the variables that say how to reach it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[object, ...], Any] = {}

    def get(self, address: str) -> Any:
        """Give a connection; made when first asked for, once for each process."""
        variables = (
            "DOCKER_HOST",
            "DOCKER_CONTEXT",
            "DOCKER_CERT_PATH",
            "DOCKER_TLS_VERIFY",
            "DOCKER_CONFIG",
        )
        key = (os.getpid(), address, *map(os.environ.get, variables))
        with self._lock:
            found = self._open.get(key)
            if found is None:
                found = self._open[key] = _connected(address)
            return found

    def forget(self, client: Any) -> None:
        """Let go of a connection that does not answer."""
        with self._lock:
            for key, one in self._open.copy().items():
                if one is client:
                    del self._open[key]
                    client.close()


_connections = _Connections()


def engine(address: str = "") -> Any:
    """Connect to an engine; a docker-py client.

    Args:
        address: as in DOCKER_HOST; found by Docker's own settings if empty.

    Raises:
        InitializationError: none answers.
    """
    return _connections.get(address)


def place_of(client: Any) -> str:
    """Tell where an engine is, as in DOCKER_HOST."""
    adapter = getattr(client.api, "_custom_adapter", None)
    if path := getattr(adapter, "socket_path", ""):
        return f"unix://{path}"
    host = getattr(adapter, "ssh_host", "")
    return f"ssh://{host}" if host else str(client.api.base_url)


def is_here(client: Any) -> bool:
    """Whether an engine is reached by a socket of this machine."""
    return place_of(client).startswith("unix://")


@contextmanager
def said(client: Any, doing: str) -> Iterator[None]:
    """Turn what an engine or its connection raises into one error that says what was being done.

    Raises:
        RuntimeSystemError: the engine refused, or it does not answer any more.
    """
    docker, requests = load("docker.errors"), load("requests.exceptions")
    urllib3 = load("urllib3.exceptions")
    try:
        yield
    except Error:
        raise
    except docker.APIError as error:
        raise RuntimeSystemError("ContainerEngine", f"{doing}: {explained(error)}", "container") from None
    except (docker.DockerException, requests.RequestException, urllib3.HTTPError, OSError) as error:
        _connections.forget(client)
        raise RuntimeSystemError(
            "ContainerEngine",
            f"{doing}: the container engine at {place_of(client)} no longer answers ({_root(error)}); start "
            "it again",
            "container",
        ) from None


def remove(client: Any, container: str) -> None:
    """Remove a container, whatever it does; one that cannot be removed now is left."""
    with suppress(RuntimeSystemError), said(client, "removing a container"):
        client.api.remove_container(container, force=True, v=True)


def explained(error: Any) -> str:
    """Give what an engine said, without the frame that docker-py puts around it."""
    return str(error.explanation or error).strip()


def _connected(address: str) -> Any:
    docker = load("docker")
    try:
        environment = {**os.environ, "DOCKER_HOST": address} if address else None
        return docker.from_env(environment=environment, timeout=_PATIENCE)
    except (docker.errors.DockerException, OSError, ValueError) as error:
        where = address or os.environ.get("DOCKER_HOST") or "the usual place"
        raise InitializationError(
            f"no container engine answers at {where} ({_root(error)}). Start Docker, or name its address in "
            "DOCKER_HOST"
        ) from None


def _root(error: BaseException) -> str:
    """Say what a connection's error comes from, in a few words."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = str(error)
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}"[:200]
