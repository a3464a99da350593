"""Our home on this machine: who may read it, the password of the local server, and where the database lies."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from speech.errors import ServerError
from speech.settings import settings

__all__ = ["database_file", "is_same", "owner_only", "password", "restrict"]

# Folders of our home that only the owner may read, like the server's own files.
_PRIVATE_FOLDERS = ("prefect", "running")
# Further folders of our home, whose modes are not changed here.
_OTHER_FOLDERS = {"storage", "models", "runtime"}


def password() -> str:
    """Return our server's password, as PREFECT_API_AUTH_STRING expects it; it is made on first use.

    Raises:
        OSError: the password cannot be stored.
    """
    path = settings().f5_flows_home / "server.auth"
    if stored := _read(path):
        return stored
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(path.with_name("server.auth.lock"), mode=0o600):
        if stored := _read(path):
            return stored
        path.unlink(missing_ok=True)
        generated = f"f5-flows:{secrets.token_urlsafe(32)}"
        with open(path, "x", opener=owner_only) as file:
            file.write(generated)
        return generated


def restrict(home: Path) -> None:
    """Create our home, and make it and what an earlier version left in it unreadable for others."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    entries = {path.name: path for path in home.iterdir()}
    ours = [path for name, path in entries.items() if name in _PRIVATE_FOLDERS or name.startswith("server.")]
    is_mixed = len(ours) < len(entries.keys() - _OTHER_FOLDERS)
    if home.resolve() == Path("/") or (is_mixed and home.stat().st_mode & stat.S_ISVTX):
        raise ServerError(f"F5_FLOWS_HOME is {home}, which all users share; name a folder of your own.")
    file = database_file()
    file.parent.mkdir(exist_ok=True)
    # Do not change the mode of a folder that holds only other things, and nothing of ours yet.
    if not entries or entries.keys() & {"prefect", "server.auth", "server.json"}:
        ours.append(home)
    for path in (*ours, file.parent, *file.parent.iterdir()):
        # SQLite's files come and go while a server starts or ends.
        with suppress(FileNotFoundError):
            if not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)


def owner_only(path: str, flags: int) -> int:
    """Open a new file that only its owner may read."""
    return os.open(path, flags, 0o600)


def _read(path: Path) -> str | None:
    """Return the content of a file, if it can be a password."""
    try:
        text = path.read_text().strip()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if text.isprintable() and ":" in text else None


def database_file() -> Path:
    return settings().f5_flows_home / "prefect" / "prefect.db"


def is_same(path: Path, state: os.stat_result) -> bool:
    """Check whether a path still leads to what it led to; if the system cannot tell, it does."""
    try:
        return os.path.samestat(path.stat(), state)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
