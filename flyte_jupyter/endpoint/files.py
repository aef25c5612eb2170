"""Takes and gives files by signed links."""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyte_jupyter.endpoint.links import GET, PUT, Links
from flyte_jupyter.errors import DefinitionError

_CHUNK = 1 << 20


async def serve(scope: Any, receive: Any, send: Any, name: str, links: Links) -> None:
    """Answer a request for a file; ``name`` is what the link calls it."""
    method = "GET" if scope["method"] == "HEAD" else scope["method"]
    try:
        path = links.open(method, name, scope["query_string"].decode())
    except DefinitionError as refused:
        await answer(send, 403, str(refused))
        return
    if method == PUT:
        await _take(scope, receive, send, path)
    elif method == GET:
        await _give(send, path)


async def answer(send: Any, status: int, text: str = "", kind: str = "text/plain; charset=utf-8") -> None:
    """Send a whole answer."""
    await _begin(send, status, [(b"content-type", kind.encode())])
    await send({"type": "http.response.body", "body": text.encode()})


async def _take(scope: Any, receive: Any, send: Any, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.urandom(6).hex()}.draft")
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                file.write(message.get("body", b""))
                digest.update(message.get("body", b""))
                more = message.get("more_body", False)
        if not _agrees(scope, digest.digest()):
            await answer(send, 400, "the content's MD5 is not what Content-MD5 says; send it again")
            return
        draft.replace(path)
        await _begin(send, 200, [(b"etag", f'"{digest.hexdigest()}"'.encode())])
        await send({"type": "http.response.body", "body": b""})
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _agrees(scope: Any, digest: bytes) -> bool:
    said = dict(scope["headers"]).get(b"content-md5")
    if said is None:
        return True
    with suppress(binascii.Error):
        return base64.b64decode(said, validate=True) == digest
    return False


async def _give(send: Any, path: Path) -> None:
    size = _size(path)
    if size is None:
        await answer(send, 404, "there is no such file any more")
        return
    kind = b"text/html; charset=utf-8" if path.suffix == ".html" else b"application/octet-stream"
    await _begin(
        send, 200,
        [(b"content-type", kind), (b"content-length", str(size).encode()),
         (b"content-security-policy", b"sandbox allow-scripts"), (b"x-content-type-options", b"nosniff"),
         (b"referrer-policy", b"no-referrer")],
    )  # fmt: skip
    for chunk in _chunks(path):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


async def _begin(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
