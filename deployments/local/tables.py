"""The tables of a new local database, as SQL that ships with the package.

Prefect's migrations take several seconds of computing to reach them, on the first start of all, while somebody waits
for the first sentence. The SQL is what they made of an empty file: for one version of Prefect, and used for that only.

    python -m deployments.local.tables DATABASE     write the SQL that ships from a database of the installed Prefect
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

__all__ = ["FILE", "dump", "fit", "make"]

FILE = Path(__file__).with_name("tables.sql")


def fit(file: Path = FILE) -> bool:
    """Check whether the SQL is for the installed Prefect."""
    with file.open(encoding="utf-8") as lines:
        return lines.readline().rstrip() == _heading()


def make(database: Path, file: Path = FILE) -> bool:
    """Make the tables in an empty database; return False, with nothing done, if the SQL is for another Prefect."""
    if not fit(file):
        return False
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        # One transaction: a start that is killed leaves all tables or none, and Prefect makes those that are missing.
        connection.executescript(file.read_text(encoding="utf-8"))
    return True


def dump(database: Path) -> str:
    """Return the SQL that makes the tables and rows of a database."""
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join((_heading(), *connection.iterdump())) + "\n"


def _heading() -> str:
    return f"-- What the migrations of Prefect {version('prefect')} make of an empty file."


if __name__ == "__main__":
    FILE.write_text(dump(Path(sys.argv[1])), encoding="utf-8")
