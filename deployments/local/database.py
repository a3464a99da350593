"""The local Prefect server's database, one SQLite file, and what can keep a server from using it."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

__all__ = ["find_problem", "migrations", "parts"]

# A new database takes 6 MB, and as much again for its journal while it is created.
_ROOM_MB = 30
_LOCK_SECONDS = 5
_RESET = "f5-flows server reset keeps it under another name and starts with a new one"


def parts(database: Path) -> list[Path]:
    """Return the database file and those that SQLite keeps beside it while it is in use, as far as they exist."""
    names = [database.name + end for end in ("", "-wal", "-shm", "-journal")]
    return [path for name in names if (path := database.with_name(name)).exists()]


def migrations() -> list[Path]:
    """Return the files of the installed Prefect's migrations, in no order; each has a revision in its name."""
    package = find_spec("prefect")
    assert package and package.origin
    folder = Path(package.origin).parent / "server" / "database" / "_migrations" / "versions" / "sqlite"
    return list(folder.glob("*.py"))


def find_problem(database: Path) -> str | None:
    """Return why no server can run on this file and what to do, in one sentence, or None if nothing is found.

    The file need not exist. Nothing is changed.
    """
    folder = next(parent for parent in database.parents if parent.exists())
    free = shutil.disk_usage(folder).free / 1e6
    if free < _ROOM_MB:
        return f"Only {free:.0f} MB are free at {folder}, {_ROOM_MB} are needed; free some, or set F5_FLOWS_HOME."
    if not database.exists():
        return None
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(database))}?mode=rw", timeout=_LOCK_SECONDS, uri=True)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            damage: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            revision = _revision(connection)
    except sqlite3.DatabaseError as fault:
        if fault.sqlite_errorname.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            return f"The database {database} is damaged ({fault}); {_RESET}."
        if fault.sqlite_errorname.startswith("SQLITE_BUSY"):
            return f"Another program holds the database {database}; end that program and try again."
        return f"The database {database} cannot be used ({fault}); make yourself its owner, or set F5_FLOWS_HOME."
    if damage != "ok":
        return f"The database {database} is damaged ({' '.join(damage.split())[:100]}); {_RESET}."
    if revision and not _is_known(revision):
        return (
            f"The database {database} was made by a later Prefect than the installed one (its revision is "
            f"{revision[:40]!r}); install the later one again, or {_RESET}."
        )
    return None


def _revision(connection: sqlite3.Connection) -> str | None:
    """Return the revision of the tables; None if there are none yet."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def _is_known(revision: str) -> bool:
    """Check whether the installed Prefect can upgrade tables of this revision."""
    line = re.compile(rf"^revision\b.*=\s*['\"]{re.escape(revision)}['\"]", re.MULTILINE)
    return any(line.search(path.read_text(encoding="utf-8")) for path in migrations())
