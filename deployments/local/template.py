"""The template of the local server's database: what Prefect's migrations make of an empty file, kept for later homes.

The migrations take several seconds of computing, and the same versions make the same tables each time. So their
result is kept in F5_FLOWS_CACHE, and a new database is a copy of it. It is taken before a server has used the
database, when it holds tables and nothing else.

The name of a template holds a digest of what decides its tables, and one of its content. It is used only if it has
that content and is a file that this user alone can read and write; otherwise it is made again. A cache that cannot be
used is skipped: Prefect's own migrations run instead.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock

from deployments.local.database import migrations, parts
from deployments.local.home import owner_only
from speech.files import replacing
from speech.settings import settings

__all__ = ["create", "read"]

# How long other starts wait for a template that one is making, before they run the migrations themselves.
_WAIT_SECONDS = 60
_MAKERS = ("prefect", "sqlalchemy", "alembic")


def create(database: Path, migrate: Callable[[], None]) -> None:
    """Create a database with Prefect's tables: a copy of the template, or else what `migrate` makes of the file.

    Of several processes that find no template, one makes it, and the others wait for it.
    """
    if _copy_template(database):
        return
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(FileLock(_own_folder() / "lock", timeout=_WAIT_SECONDS, mode=0o600))
            if _copy_template(database):
                return
        migrate()
        with suppress(OSError, sqlite3.Error):
            _keep(database)


def read() -> bytes | None:
    """Return the template for the installed versions; None if there is none that can be trusted."""
    with suppress(OSError):
        folder = _own_folder()
        for path in folder.glob(f"{_maker()}-*.db"):
            with suppress(OSError), open(path, "rb", opener=_no_link) as file:
                state = os.fstat(file.fileno())
                content = file.read() if stat.S_ISREG(state.st_mode) and _is_own(state) else b""
                if content and path == _path(folder, content):
                    return content
    return None


def _copy_template(database: Path) -> bool:
    """Make the database a copy of the template; return False if that is not possible."""
    content = read()
    if content is None:
        return False
    try:
        # SQLite would take a journal that an earlier database left for one of this.
        for part in parts(database):
            part.unlink()
        with replacing(database) as partial:
            _write(partial, content)
    except OSError:
        return False
    return True


def _keep(database: Path) -> None:
    """Keep a database as the template, in place of any other for the same versions."""
    folder = _own_folder()
    with closing(sqlite3.connect(database)) as connection:
        # All of it is then in the one file.
        [[is_busy, *_]] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if is_busy:
        return
    content = database.read_bytes()
    path = _path(folder, content)
    with replacing(path) as partial:
        _write(partial, content)
    for other in set(folder.glob(f"*{_maker()}-*")) - {path}:
        with suppress(OSError):
            other.unlink()


def _write(path: Path, content: bytes) -> None:
    with open(path, "xb", opener=owner_only) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _path(folder: Path, content: bytes) -> Path:
    return folder / f"{_maker()}-{sha256(content).hexdigest()}.db"


def _maker() -> str:
    """Return a name for what makes the tables: the installed versions, and Prefect's migrations."""
    made_by = [*map(version, _MAKERS), sqlite3.sqlite_version, *sorted(path.name for path in migrations())]
    return f"prefect-{version('prefect')}-{sha256(repr(made_by).encode()).hexdigest()[:16]}"


def _own_folder() -> Path:
    """Create the folder of the templates.

    Raises:
        OSError: it cannot be created, or is another user's.
    """
    folder = settings().f5_flows_cache / "server"
    if not folder.is_absolute():
        raise FileNotFoundError(f"There is no home folder in {folder}.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_own(folder.lstat()):
        raise PermissionError(f"{folder} is open to other users.")
    return folder


def _is_own(state: os.stat_result) -> bool:
    """Check whether what was found is this user's and closed to all others; links are not, as they are open."""
    return state.st_uid == os.geteuid() and not state.st_mode & 0o077


def _no_link(path: str, flags: int) -> int:
    """Open a file that is no symbolic link, without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
