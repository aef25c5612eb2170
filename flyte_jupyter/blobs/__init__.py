"""Bytes by hash: content-addressed files that are written once and verified on read."""

from flyte_jupyter.blobs.paths import RawDataPath
from flyte_jupyter.blobs.store import BlobStore, Writer, digest_of, name_of, uri_of

__all__ = ["BlobStore", "RawDataPath", "Writer", "digest_of", "name_of", "uri_of"]
