"""Registries: whether an image is there, by their HTTP API, with the credentials of Docker's own settings."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flyte_jupyter.errors import ImageBuildError
from flyte_jupyter.loading import load

HUB = "docker.io"
"""The registry of names without one."""

_HUB_API = "registry-1.docker.io"
_HUB_ACCOUNT = "https://index.docker.io/v1/"
_KINDS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
)
_PATIENCE = 20
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
_OK, _UNAUTHORIZED, _FORBIDDEN, _MISSING = 200, 401, 403, 404


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an image's name.

    Args:
        registry: the host, with its port.
        repository: the name there.
        tag: the tag or digest.
    """

    registry: str
    repository: str
    tag: str

    @classmethod
    def of(cls, uri: str) -> "Reference":
        """Take a name apart, as Docker does."""
        first, slash, rest = uri.partition("/")
        known = bool(slash) and ("." in first or ":" in first or first == "localhost")
        registry, name = (first, rest) if known else (HUB, uri)
        name, at, digest = name.partition("@")
        head, colon, tag = name.rpartition(":")
        repository = head if colon else name
        if registry == HUB and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry, repository, digest if at else (tag if colon else "latest"))


def digest_of(uri: str, credentials: Mapping[str, str] | None = None) -> str | None:
    """Ask a registry for an image; gives its digest, or None if it is not there.

    Args:
        uri: the image's name.
        credentials: "username" and "password"; those of Docker's settings if None.

    Raises:
        ImageBuildError: the registry does not answer, or refuses.
    """
    reference = Reference.of(uri)
    answer = _Session(reference, credentials).head()
    if answer.status_code == _OK:
        return str(answer.headers.get("Docker-Content-Digest", "unknown"))
    if answer.status_code == _MISSING:
        return None
    if answer.status_code in (_UNAUTHORIZED, _FORBIDDEN):
        raise ImageBuildError(
            f"the registry {reference.registry} refuses to say whether it has {reference.repository}: log in "
            f"with 'docker login {reference.registry}', or give Image(registry_secret=...)"
        )
    raise ImageBuildError(
        f"the registry {reference.registry} answered {answer.status_code} when asked for {uri}"
    )


def credentials_for(registry: str) -> dict[str, str]:
    """Find what Docker's settings know for a registry, credential helpers included; empty if nothing.

    Raises:
        ImageBuildError: the settings cannot be read, or a helper fails.
    """
    auth, errors = load("docker.auth"), load("docker.errors")
    try:
        config = auth.load_config()
        found = config.resolve_authconfig(_HUB_ACCOUNT if registry == HUB else registry) or {}
    except (errors.DockerException, OSError, ValueError) as error:
        raise ImageBuildError(f"Docker's credentials for {registry} cannot be read: {error}") from None
    names = {"username": "username", "password": "password", "identitytoken": "identitytoken"}
    return {names[key.lower()]: value for key, value in found.items() if key.lower() in names and value}


def credentials_of(secret: str, registry: str) -> dict[str, str]:
    """Read credentials that came as a secret: ``user:password``, or the JSON of Docker's config.json.

    Raises:
        ImageBuildError: they are neither, or not for this registry.
    """
    if not secret.lstrip().startswith("{"):
        user, colon, password = secret.strip().partition(":")
        if not colon:
            raise ImageBuildError(
                f"the secret for the registry {registry} is neither 'user:password' nor Docker's config.json"
            )
        return {"username": user, "password": password}
    try:
        auths = json.loads(secret)["auths"]
        entry = auths.get(registry) or auths.get(f"https://{registry}") or auths[f"http://{registry}"]
        pair = base64.b64decode(entry["auth"]).decode() if "auth" in entry else ""
        user, _, password = pair.partition(":")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ImageBuildError(f"the secret for the registry {registry} holds no credentials for it") from None
    return {"username": entry.get("username", user), "password": entry.get("password", password)}


class _Session:
    """Requests about one image.

    Args:
        reference: the image.
        credentials: as in ``digest_of``.
    """

    def __init__(self, reference: Reference, credentials: Mapping[str, str] | None) -> None:
        self._reference = reference
        self._given = credentials
        self._requests = load("requests")

    def head(self) -> Any:
        """Ask for the manifest; with credentials if the registry wants some."""
        reference, last = self._reference, None
        for scheme in ("http", "https") if _LOCAL.fullmatch(reference.registry) else ("https",):
            host = _HUB_API if reference.registry == HUB else reference.registry
            url = f"{scheme}://{host}/v2/{reference.repository}/manifests/{reference.tag}"
            try:
                answer = self._ask(url, {})
                if answer.status_code == _UNAUTHORIZED:
                    answer = self._ask(url, self._authorized(answer.headers.get("WWW-Authenticate", "")))
            except self._requests.RequestException as error:
                last = error
            else:
                return answer
        raise ImageBuildError(
            f"the registry {reference.registry} does not answer ({type(last).__name__}); is it running, "
            "and is its name right?"
        )

    def _ask(self, url: str, headers: Mapping[str, str]) -> Any:
        return self._requests.head(
            url, headers={"Accept": ", ".join(_KINDS), **headers}, timeout=_PATIENCE, allow_redirects=True
        )

    def _authorized(self, challenge: str) -> dict[str, str]:
        """Answer a challenge: with name and password, or with a token that is given for them."""
        given = self._given if self._given is not None else credentials_for(self._reference.registry)
        pair = f"{given.get('username', '')}:{given.get('password', '')}"
        basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        kind, _, rest = challenge.partition(" ")
        if kind.lower() != "bearer":
            return basic if given else {}
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = wanted.pop("realm", "")
        if urlsplit(realm).scheme not in ("http", "https"):
            return {}
        wanted.setdefault("client_id", "flyte-jupyter")
        wanted.setdefault("scope", f"repository:{self._reference.repository}:pull")
        if token := given.get("identitytoken"):
            form = {"grant_type": "refresh_token", "refresh_token": token, **wanted}
            answer = self._requests.post(realm, data=form, timeout=_PATIENCE)
        else:
            answer = self._requests.get(
                realm, params=wanted, headers=basic if given else {}, timeout=_PATIENCE
            )
        body = answer.json() if answer.ok else {}
        found = body.get("token") or body.get("access_token")
        return {"Authorization": f"Bearer {found}"} if found else {}
