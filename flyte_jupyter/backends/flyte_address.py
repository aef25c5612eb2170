"""Where an endpoint is: its URL, project and domain; free of the SDK."""

import asyncio
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from flyte_jupyter.errors import DefinitionError, InitializationError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"http": 80, "https": 443, "dns": 443}
PATIENCE = 3.0
"""Seconds within which an endpoint has to take a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An endpoint and what is meant in it.

    Args:
        url: ``http://host:port/path`` without encryption, ``https://host`` or ``dns:///host`` with it.
        project: the project.
        domain: the domain.
        org: the organisation; None for the endpoint's own.

    Raises:
        DefinitionError: it is no such URL.
    """

    url: str
    project: str = "flytesnacks"
    domain: str = "development"
    org: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in _PORTS or not self.host:
            raise DefinitionError(
                f"endpoint={self.shown!r} is no address of an endpoint; give http://host:port, https://host "
                "or dns:///host"
            )

    @property
    def host(self) -> str:
        """The name of its machine."""
        parts = urlsplit(self.url)
        return parts.hostname or (urlsplit(f"//{parts.path.lstrip('/')}").hostname or "")

    @property
    def port(self) -> int:
        """Its port."""
        parts = urlsplit(self.url)
        found = (
            parts.port or urlsplit(f"//{parts.path.lstrip('/')}").port
            if parts.scheme == "dns"
            else parts.port
        )
        return found or _PORTS[parts.scheme]

    @property
    def is_plain(self) -> bool:
        """Whether it is reached without encryption."""
        return self.url.startswith("http://")

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return self.host in _LOOPBACK

    @property
    def shown(self) -> str:
        """The URL for people: a path may be a secret."""
        return re.sub(r"^(\w+:///?[^/]+).*", r"\1", self.url)

    async def check(self) -> None:
        """See that something answers there.

        Raises:
            InitializationError: nothing does.
        """
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(self.host, self.port), PATIENCE)
            writer.close()
        except (OSError, TimeoutError, socket.gaierror) as error:
            why = f"no answer within {PATIENCE:g} s" if isinstance(error, TimeoutError) else str(error)
            raise InitializationError(
                f"no endpoint answers at {self.shown} ({why}). Start one with: flyte-jupyter serve, or "
                'connect to another: flyte.init(endpoint="http://...")'
            ) from None
