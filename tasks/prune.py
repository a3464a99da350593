"""Removing what is old from a store: whole jobs, each job's record last, and takes that no book in the store has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from prefect.artifacts import acreate_markdown_artifact
from prefect.logging import get_run_logger

from speech.books.stored import kept_keys
from speech.books.take_store import TAKES, WORDS
from speech.errors import InvalidRequest
from speech.stores import Entry, Store
from tasks.step import step

__all__ = ["Outdated", "old_jobs", "old_takes", "remove", "report_prune"]

# In the order in which they are removed.
_PREFIXES = ("previews/", "timings/", "output/", "jobs/")
_ID = re.compile(r"^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")
_KEY = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True, slots=True)
class Outdated:
    """A job or a take and its files, in the order in which they are removed."""

    name: str
    files: tuple[Entry, ...]


@step("find old jobs", timeout="setup_timeout")
def old_jobs(store: Store, keep_days: float) -> list[Outdated]:
    """Return the jobs whose newest file is older than `keep_days`; files not named by a job's id are ignored."""
    return _older(keep_days, _named(store, _PREFIXES, _ID))


@step("find old takes", timeout="setup_timeout")
def old_takes(store: Store, keep_days: float) -> list[Outdated]:
    """Return the takes and word times that are older than `keep_days` and that no edition of a book refers to.

    There are none while the plan of a book is damaged, since nobody knows what that refers to.
    """
    try:
        keys = kept_keys(store)
    except InvalidRequest as fault:
        get_run_logger().warning("No takes are removed: %s", fault)
        return []
    # The record goes first, for a take is there if its record is.
    files = sorted(_named(store, (TAKES, WORDS), _KEY), key=lambda file: not file[1].key.endswith(".json"))
    return _older(keep_days, (file for file in files if file[0] not in keys))


def _named(store: Store, prefixes: Iterable[str], pattern: re.Pattern[str]) -> Iterable[tuple[str, Entry]]:
    """Yield the files under prefixes whose name, up to its first dot, has a pattern, with that name."""
    for prefix in prefixes:
        for entry in store.list(prefix):
            name = PurePosixPath(entry.key).name.partition(".")[0]
            if pattern.match(name):
                yield name, entry


def _older(keep_days: float, files: Iterable[tuple[str, Entry]]) -> list[Outdated]:
    cutoff = datetime.now(UTC) - timedelta(days=keep_days)
    entries_by_name: dict[str, list[Entry]] = {}
    for name, entry in files:
        entries_by_name.setdefault(name, []).append(entry)
    return [
        Outdated(name, tuple(entries))
        for name, entries in sorted(entries_by_name.items())
        if max(entry.modified for entry in entries) < cutoff
    ]


@step("remove", timeout="setup_timeout")
def remove(store: Store, outdated: list[Outdated]) -> None:
    """Remove the files of jobs and takes; files that no longer exist are no error."""
    for each in outdated:
        for file in each.files:
            store.delete(file.key)


async def report_prune(
    jobs: list[Outdated], takes: list[Outdated], keep_days: float, *, dry_run: bool
) -> dict[str, Any]:
    """Write an artifact that says what was removed, or would be, and return the numbers."""
    files = [file for each in (*jobs, *takes) for file in each.files]
    size = sum(file.size for file in files)
    verb = "would be removed" if dry_run else "were removed"
    text = f"{len(jobs)} jobs and {len(takes)} takes older than {keep_days:g} days {verb}: {size / 1e6:.1f} MB."
    await acreate_markdown_artifact(text, key="pruned", description="What was removed.")
    return {"jobs": len(jobs), "takes": len(takes), "files": len(files), "bytes": size, "dry_run": dry_run}
