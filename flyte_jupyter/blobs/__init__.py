"""Bytes by hash: content-addressed files that are written once and verified on read."""

from flyte_jupyter.blobs.addresses import digest_of, name_of, uri_of
from flyte_jupyter.blobs.paths import RawDataPath
from flyte_jupyter.blobs.store import BlobStore, Writer

__all__ = ["BlobStore", "RawDataPath", "Writer", "digest_of", "name_of", "uri_of"]
