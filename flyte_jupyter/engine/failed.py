"""The inputs of actions that failed, kept whole so that the failure can be reproduced."""

from flyte_jupyter.blobs.store import BlobStore
from flyte_jupyter.engine.keeping import content, settled, size_of
from flyte_jupyter.runs.values import AT_FAILURE, KEPT, is_kept
from flyte_jupyter.tasks.spec import ActionSpec
from flyte_jupyter.types.literal import Literal
from flyte_jupyter.types.packed import pack, unpack

LIMIT = 256 * 1024 * 1024
"""Bytes of inputs that the failed actions of one run may keep in all, beyond what every action keeps."""


class FailedInputs:
    """Keeps the inputs of one run's failed actions.

    Args:
        blobs: where they go.
        limit: bytes in all.
    """

    def __init__(self, blobs: BlobStore, limit: int = LIMIT) -> None:
        self._blobs = blobs
        self._left = limit

    def keep(self, spec: ActionSpec) -> bytes | None:
        """Give the inputs packed and as whole as can be; None if there is nothing to add to the record."""
        if spec.packed is None or KEPT.encode() not in spec.packed:
            return None
        try:
            then = unpack(spec.packed)
            whole = {name: self._whole(known, spec.inputs[name]) for name, known in then.items()}
            changed = any(whole[name] is not known for name, known in then.items())
            return pack(whole) if changed else None
        except Exception:  # noqa: BLE001 - values of the user's; the failure itself must be told
            return None

    def _whole(self, known: Literal, literal: Literal) -> Literal:
        """Write one input; not if the task is known to have changed it in place before it failed."""
        if is_kept(known) or (size := size_of(literal)) > self._left:
            return known
        if known.hash and not literal.hash and content(literal) != known.hash:
            return known
        self._left -= size
        found = settled(literal, self._blobs, None)
        if not is_kept(found):
            return known
        if known.hash:
            return found
        return Literal(found.value, found.hash, {**found.metadata, **AT_FAILURE})
