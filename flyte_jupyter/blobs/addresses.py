"""The addresses of blobs: ``blob://`` and the hash of the content, with a name for people if there is one."""

from urllib.parse import quote, unquote

_SCHEME = "blob://"
_DIGEST = 32
_HEX = frozenset("0123456789abcdef")


def uri_of(digest: str, name: str = "") -> str:
    """Write a blob's address; ``name`` is for people and programs that go by a file's ending."""
    return f"{_SCHEME}{digest}/{quote(name, safe='')}" if name else _SCHEME + digest


def digest_of(uri: str) -> str | None:
    """Read a blob's digest from its address; None for any other address."""
    digest = uri.removeprefix(_SCHEME).partition("/")[0]
    return digest if uri.startswith(_SCHEME) and is_digest(digest) else None


def name_of(uri: str) -> str:
    """Read the name from a blob's address; empty if it has none."""
    return unquote(uri.removeprefix(_SCHEME).partition("/")[2]) if uri.startswith(_SCHEME) else ""


def is_digest(digest: str) -> bool:
    """Say whether a text has the form of a digest."""
    return len(digest) == _DIGEST and _HEX.issuperset(digest)
