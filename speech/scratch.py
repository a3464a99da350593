"""Temporary folders, and the removal of those that killed processes left behind.

A process holds a lock on a file in each of its folders. The system releases the lock however the process
ends, so a dead process never looks alive, even if its process id is reused or the clock jumps.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from speech.errors import SettingsError

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["clear", "scratch", "unusable"]

_PREFIX, _LOCK, _ENDED = "f5-flows-", ".lock", "-ended"
# As `tempfile` completes the prefix.
_NAME = re.compile(rf"{_PREFIX}\w{{8}}(?:{_ENDED})?")


@contextmanager
def scratch() -> Iterator[Path]:
    """Create a temporary folder, and remove it when the block ends.

    Raises:
        SettingsError: the folder cannot be created; the text names its parent folder.
    """
    folder, lock = _create()
    try:
        yield folder
    finally:
        _remove(folder)
        lock.release()


def _create() -> tuple[Path, FileLock]:
    """Create a folder; return it and the lock that is held on it."""
    from filelock import FileLock

    parent = tempfile.gettempdir()
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            lock = FileLock(folder / _LOCK)
            with suppress(FileNotFoundError):
                lock.acquire()
                # A concurrent `clear` may have removed the folder before it was locked; FileLock creates it anew, open
                # to others.
                folder.chmod(0o700)
                return folder, lock
        except OSError as fault:
            raise unusable(parent, fault) from None


def clear(parent: Path | None = None) -> list[Path]:
    """Remove the folders that dead processes of this user left behind; return those removed.

    Args:
        parent: the folder to search; by default the one for temporary files.
    """
    folders = (parent or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*")
    return [folder for folder in folders if _is_mine(folder) and (_remove_empty(folder) or _remove_unlocked(folder))]


def _is_mine(folder: Path) -> bool:
    """Check whether this is a folder of this user."""
    try:
        return folder.stat(follow_symlinks=False).st_uid == os.getuid() and not folder.is_symlink()
    except OSError:
        return False


def _remove_empty(folder: Path) -> bool:
    """Remove a folder whose process died before it had its lock, or after its lock was gone."""
    with suppress(OSError):
        if _NAME.fullmatch(folder.name):
            folder.rmdir()
            return True
    return False


def _remove_unlocked(folder: Path) -> bool:
    """Remove a folder unless its process is alive; return whether it was removed."""
    from filelock import FileLock, Timeout

    if (folder / _LOCK).is_file():
        with suppress(OSError, Timeout), FileLock(folder / _LOCK, blocking=False):
            _remove(folder)
            return True
    return False


def _remove(folder: Path) -> None:
    """Remove a folder whose lock is held, or as much of it as can be removed now.

    Under another name, no thread that is still at work can create anything in it. The lock goes last, so that `clear`
    recognises what is left if this process dies halfway.
    """
    with suppress(OSError):
        folder = folder.rename(folder.with_name(f"{folder.name}{_ENDED}"))
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK:
                path.unlink(missing_ok=True)
        (folder / _LOCK).unlink(missing_ok=True)
        folder.rmdir()


def unusable(parent: str, fault: OSError) -> SettingsError:
    """Return the error that says that no temporary file can be written to a folder."""
    return SettingsError(
        f"Temporary files cannot be written to {parent}: {fault.strerror}; free some space there, or set TMPDIR to a "
        "folder on another disk."
    )
