"""Locks on files: the operating system frees them when their holder dies, however it dies."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int, *, wait: bool) -> None:
        msvcrt.locking(fd, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(fd: int, *, wait: bool) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def acquire(path: Path, *, wait: bool, create: bool = True) -> int | None:
    """Lock a file and return its descriptor, for ``release``; None if another holds it.

    A lock belongs to the descriptor, so it also keeps out other threads of this process.

    Args:
        path: the file.
        wait: whether to block until it is free.
        create: whether to make the file; without, a missing one gives None.
    """
    flags = os.O_RDWR | (os.O_CREAT if create else 0)
    while True:
        try:
            fd = os.open(path, flags, 0o600)
        except FileNotFoundError:
            if create:
                raise
            return None
        if not _taken(fd, wait=wait):
            os.close(fd)
            return None
        if _same(fd, path):
            return fd
        os.close(fd)  # its last holder removed the file between our opening it and our locking it


def release(fd: int, path: Path) -> None:
    """Remove the file and free the lock, in this order, so that nobody locks a file that is going."""
    path.unlink(missing_ok=True)
    os.close(fd)


def _taken(fd: int, *, wait: bool) -> bool:
    try:
        _lock(fd, wait=wait)
    except BlockingIOError:
        return False
    except OSError:
        os.close(fd)
        raise
    return True


def _same(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
