"""Who uses the local server: a file in F5_FLOWS_HOME that every client holds locked, shared, for as long as it lives.

A server takes the lock for itself before it ends, and keeps it until its process is gone. So it never ends while a
client lives, and a client that comes while it ends waits for that, and then starts another server. The system
releases the lock of a process that dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from deployments.local.home import owner_only

__all__ = ["announce", "claim", "last_use"]

_NAME = "server.clients"
_WAIT_SECONDS = 0.02

# The file that this process holds, by its home.
_held: dict[Path, int] = {}


def announce(home: Path, seconds: float) -> bool:
    """Hold the home's server for as long as this process lives, and mark this moment as a use of it.

    Args:
        seconds: how long to wait for a server that is ending.

    Returns:
        Whether it is held; False if the server that is ending takes longer.

    Raises:
        OSError: the file cannot be opened.
    """
    file = _held.get(home)
    if file is not None and not _is_at(home / _NAME, file):
        os.close(_held.pop(home))
        file = None
    if file is None:
        file = _open(home)
        deadline = time.monotonic() + seconds
        while not _lock(file, fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                os.close(file)
                return False
            time.sleep(_WAIT_SECONDS)
        _held[home] = file
    os.utime(file)
    return True


def claim(home: Path) -> int | None:
    """Return a file descriptor that keeps all clients away until it is closed; None if there is a client.

    Raises:
        OSError: the file cannot be opened.
    """
    file = _open(home)
    if _lock(file, fcntl.LOCK_EX):
        return file
    os.close(file)
    return None


def last_use(home: Path) -> int:
    """Return a number that is another one after each use; 0 if there has been none."""
    try:
        return (home / _NAME).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _open(home: Path) -> int:
    return owner_only(str(home / _NAME), os.O_RDWR | os.O_CREAT)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, file: int) -> bool:
    """Check whether an open file is still the one at a path, not one that was deleted."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except OSError:
        return False
