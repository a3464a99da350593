"""Folders for what is needed only while a process works; those of a process that was killed are cleared later.

A lock that the process holds on a file in the folder says that it lives: the system lets go of the lock
however the process ends, and neither the number of a process that is used again nor a clock that jumps
can make a dead one look alive.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from speech.errors import SettingsError

if TYPE_CHECKING:
    from filelock import FileLock

__all__ = ["clear", "scratch"]

_PREFIX, _LOCK = "f5-flows-", ".lock"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder of one's own, removed at the end whatever happens.

    Raises:
        SettingsError: none can be made; the text names the place.
    """
    folder, lock = _made()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _made() -> tuple[Path, FileLock]:
    """A new folder, and the lock that is held on it."""
    from filelock import FileLock

    place = tempfile.gettempdir()
    while True:
        try:
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
            lock = FileLock(folder / _LOCK)
            with suppress(FileNotFoundError):
                lock.acquire()
                # Whoever clears may have come in between, and taken it for a dead process's.
                if folder.is_dir():
                    return folder, lock
        except OSError as fault:
            raise _unusable(place, fault) from None


def clear(place: Path | None = None) -> list[Path]:
    """Remove what dead processes of this user have left; what a living one uses is never touched.

    Args:
        place: where to look. None: where temporary files lie.
    """
    found = (place or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*")
    return [folder for folder in found if _ours(folder) and _cleared(folder)]


def _ours(folder: Path) -> bool:
    """Whether it was made by `scratch`, for this user."""
    try:
        mine = folder.stat(follow_symlinks=False).st_uid == os.getuid()
        return mine and not folder.is_symlink() and (folder / _LOCK).is_file()
    except OSError:
        return False


def _cleared(folder: Path) -> bool:
    """Remove it, unless its process lives."""
    from filelock import FileLock, Timeout

    with suppress(OSError, Timeout), FileLock(folder / _LOCK, blocking=False):
        shutil.rmtree(folder, ignore_errors=True)
        return True
    return False


def _unusable(place: str, fault: OSError) -> SettingsError:
    return SettingsError(
        f"Temporary files cannot be written to {place}: {fault.strerror}; free some room there, or set TMPDIR to a "
        "folder on another disk."
    )
