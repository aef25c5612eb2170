"""Progress that an attempt saves and the next attempt of the same action loads."""

from dataclasses import dataclass
from pathlib import Path

from flyte_jupyter.loading import on_thread, shutil


@dataclass(frozen=True, slots=True)
class CheckpointPaths:
    """Where an attempt saves, and where the attempt before it saved (None in the first)."""

    prev_checkpoint_path: Path | None
    checkpoint_path: Path


class Checkpoint:
    """Save and load the progress of an action: bytes, a file or a folder.

    Args:
        checkpoint_dest: where this attempt saves.
        checkpoint_src: where the attempt before it saved.
    """

    def __init__(self, checkpoint_dest: Path | str, checkpoint_src: Path | str | None = None) -> None:
        self.path = Path(checkpoint_dest)
        self._source = Path(checkpoint_src) if checkpoint_src is not None else None

    def prev_exists(self) -> bool:
        """Whether an earlier attempt saved something."""
        return self._latest() is not None

    def load_sync(self) -> Path | None:
        """Give the file or folder that the latest earlier attempt saved; None if there is none."""
        return self._latest()

    def save_sync(self, data: bytes | bytearray | Path | str) -> Path:
        """Save bytes, a file or a folder; replaces what this attempt saved before, at once."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(f".{self.path.name}.new")
        _remove(fresh)
        _write(data, fresh)
        _remove(self.path)
        return fresh.rename(self.path)

    async def load(self) -> Path | None:
        """Load without blocking the event loop."""
        return await on_thread(self.load_sync)

    async def save(self, data: bytes | bytearray | Path | str) -> Path:
        """Save without blocking the event loop."""
        return await on_thread(self.save_sync, data)

    def _latest(self) -> Path | None:
        if self._source is None:
            return None
        # An attempt may fail before it saves: the newest of all earlier ones counts.
        if self._source.name.isdigit():
            for number in range(int(self._source.name), 0, -1):
                if (found := self._source.with_name(str(number))).exists():
                    return found
            return None
        return self._source if self._source.exists() else None


def latest_checkpoint(root: Path | str, pattern: str = "**/last.ckpt") -> Path | None:
    """Find the newest file below a folder that matches a pattern."""
    found = [p for p in Path(root).glob(pattern) if p.is_file()]
    return max(found, key=lambda p: p.stat().st_mtime_ns, default=None)


def _write(data: bytes | bytearray | Path | str, target: Path) -> None:
    if isinstance(data, bytes | bytearray):
        target.write_bytes(data)
    elif Path(data).is_dir():
        shutil.copytree(data, target)
    else:
        shutil.copyfile(data, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
