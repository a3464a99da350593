"""The upkeep of the local Prefect server, in its own process and in the background.

Runs that ended more than KEEP_DAYS ago are removed by Prefect's own vacuum, which `retention.variables` configures.
If the database exceeds KEEP_MB before that, the oldest runs lose their steps, logs and artifacts; then events are
removed, and then runs. All of this is done a few rows at a time, so that nobody waits long for SQLite's only writer,
and freed space is returned to the disk. What killed processes left is swept (`deployments.local.sweep`), and the
server's log is limited in size.

Prefect finds the service below when this module is imported, and runs it like its own.
"""

# ruff: noqa: B008  Prefect's services declare their dependencies as defaults.

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import sqlalchemy as sa
from burner_redis import BurnerRedis, PubSub
from docket import Depends, Docket, Perpetual, Worker
from prefect.server.database import PrefectDBInterface, provide_database_interface
from prefect.server.schemas.states import TERMINAL_STATES
from prefect.server.services.perpetual_services import perpetual_service
from prefect.settings import PREFECT_SERVER_API_AUTH_STRING, PREFECT_UI_API_URL
from sqlalchemy.engine import make_url

from deployments.local.process_lock import abandoned
from speech.settings import environment, settings

__all__ = ["prepare", "sweep"]

_INCREMENTAL = 2
_BATCH = 10
_FREE_PAGES = 250
_MAX_LOG_BYTES = 6_000_000
_SWEEP_SECONDS = 5

# How often Docket, which starts Prefect's services, looks whether one is due, and says that it lives.
_DUE_SECONDS = 5
_ALIVE_SECONDS = 30

log = logging.getLogger("prefect.server.f5_flows")


class PatientPubSub(PubSub):  # type: ignore[misc]  # The package has no types.
    """What hears which of Docket's tasks are cancelled, of which Prefect cancels none.

    Docket asks for that ten times a second, and each time the base class has a thread wait for it. This one looks and
    sleeps: an idle server took 0.92 % of a core with the one and 0.57 % with the other, on a busy machine.
    """

    async def get_message(
        self, ignore_subscribe_messages: bool = False, timeout: float | None = 0.0
    ) -> dict[str, Any] | None:
        ready = timeout if timeout is None else 0.0
        message: dict[str, Any] | None = await super().get_message(ignore_subscribe_messages, ready)
        if message is None and timeout:
            await asyncio.sleep(_DUE_SECONDS)
        return message


def _pubsub(client: BurnerRedis, ignore_subscribe_messages: bool = False) -> PatientPubSub:
    return PatientPubSub(client, ignore_subscribe_messages)


# Docket, which Prefect makes, asks its client in memory for this, and has no setting for it.
BurnerRedis.pubsub = _pubsub


class Unhurried(Perpetual):
    """A service of this module; while there is one, Docket looks for what is due less often than by default."""

    @classmethod
    @asynccontextmanager
    async def worker_lifecycle(cls, docket: Docket, worker: Worker) -> AsyncIterator[None]:
        worker.minimum_check_interval = worker.scheduling_resolution = timedelta(seconds=_DUE_SECONDS)
        docket.heartbeat_interval = timedelta(seconds=_ALIVE_SECONDS)
        yield


def prepare(url: str) -> None:
    """Let a database, new or of an earlier version, return free space to the disk without being rewritten."""
    # The server itself reports a database that it cannot use.
    with suppress(sqlite3.Error), closing(_connect(url)) as connection:
        if connection.execute("PRAGMA auto_vacuum").fetchone() != (_INCREMENTAL,):
            connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
            connection.execute("VACUUM")


def _connect(url: str, seconds: float = 30) -> sqlite3.Connection:
    return sqlite3.connect(make_url(url).database or ":memory:", timeout=seconds, isolation_level=None)


@perpetual_service(enabled_getter=lambda: True)
async def keep_small(
    perpetual: Perpetual = Unhurried(automatic=True, every=timedelta(seconds=60)),
    db: PrefectDBInterface = Depends(provide_database_interface),
) -> None:
    """Keep the database below KEEP_MB, and the log below its limit."""
    total = 0
    while await _size(db) > settings().keep_mb * 1e6:
        count = await _strip(db) or await _forget(db) or await _remove(db)
        if not count:
            break
        total += count
        await asyncio.sleep(0.05)
    url, has_shrunk = db.database_config.connection_url, False
    while await asyncio.to_thread(_give_back, url):
        has_shrunk = True
        await asyncio.sleep(0.05)
    if has_shrunk or _has_long_wal(url):
        await asyncio.to_thread(_truncate, url)
    if total:
        log.info("The database was too large: %d old runs and events were trimmed or removed.", total)
    await asyncio.to_thread(_shorten_log)


async def sweep() -> NoReturn:
    """End what killed processes left, again and again, in a process of its own: that needs the flows and the store.

    Not one of Prefect's services, each call of which costs the server much more than this look.
    """
    while True:
        with suppress(OSError):
            if await asyncio.to_thread(abandoned):
                await _sweep_once()
        await asyncio.sleep(_SWEEP_SECONDS)


async def _sweep_once() -> None:
    variables = {"PREFECT_API_URL": PREFECT_UI_API_URL.value()}
    if secret := PREFECT_SERVER_API_AUTH_STRING.value():
        variables["PREFECT_API_AUTH_STRING"] = str(secret)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deployments.local.sweep", env=environment(**variables), stdin=asyncio.subprocess.DEVNULL
    )
    try:
        await child.wait()
    finally:
        with suppress(ProcessLookupError):
            child.kill()


async def _size(db: PrefectDBInterface) -> int:
    """Return the bytes in use."""
    async with db.session_context() as session:
        pages, free, size = [
            (await session.execute(sa.text(f"PRAGMA {name}"))).scalar_one()
            for name in ("page_count", "freelist_count", "page_size")
        ]
    return int((pages - free) * size)


async def _strip(db: PrefectDBInterface) -> int:
    """Remove steps, logs and artifacts of the oldest ended runs that still have them."""
    details = (db.TaskRun, db.Log, db.Artifact)
    has_details = sa.or_(*(sa.exists().where(kind.flow_run_id == db.FlowRun.id) for kind in details))
    async with db.session_context(begin_transaction=True, with_for_update=True) as session:
        runs = list(await session.scalars(_oldest(db).where(has_details)))
        for kind in details:
            await session.execute(sa.delete(kind).where(kind.flow_run_id.in_(runs)))
    return len(runs)


async def _forget(db: PrefectDBInterface) -> int:
    """Remove the oldest events, but none so recent that a page that lost its connection may ask for it."""
    is_old = db.Event.occurred < datetime.now(UTC) - timedelta(hours=1)
    async with db.session_context(begin_transaction=True, with_for_update=True) as session:
        events = list(
            await session.scalars(sa.select(db.Event.id).where(is_old).order_by(db.Event.occurred).limit(200))
        )
        await session.execute(sa.delete(db.EventResource).where(db.EventResource.event_id.in_(events)))
        await session.execute(sa.delete(db.Event).where(db.Event.id.in_(events)))
    return len(events)


async def _remove(db: PrefectDBInterface) -> int:
    """Remove the oldest ended runs."""
    async with db.session_context(begin_transaction=True, with_for_update=True) as session:
        runs = list(await session.scalars(_oldest(db)))
        await session.execute(sa.delete(db.FlowRun).where(db.FlowRun.id.in_(runs)))
    return len(runs)


def _oldest(db: PrefectDBInterface) -> sa.Select[tuple[UUID]]:
    is_final = db.FlowRun.state_type.in_(TERMINAL_STATES)
    return sa.select(db.FlowRun.id).where(is_final).order_by(db.FlowRun.end_time).limit(_BATCH)


def _give_back(url: str) -> bool:
    """Return some free pages to the disk; return False if there are too few."""
    with closing(_connect(url)) as connection:
        if connection.execute("PRAGMA freelist_count").fetchone()[0] < _FREE_PAGES:
            return False
        # SQLite frees one page per step, and only `executescript` steps a statement to its end.
        connection.executescript(f"PRAGMA incremental_vacuum({_FREE_PAGES})")
    return True


def _has_long_wal(url: str) -> bool:
    """Check whether the write-ahead log is long, as it is when a checkpoint was put off."""
    log = Path(f"{make_url(url).database}-wal")
    return log.exists() and log.stat().st_size > _MAX_LOG_BYTES


def _truncate(url: str) -> None:
    """Cut the database file after its last page, and empty the write-ahead log; busy readers delay this."""
    with closing(_connect(url, seconds=1)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _shorten_log() -> None:
    """Cut a server log that is too long down to its last tenth, if this process writes its output to it."""
    path = settings().f5_flows_home / "server.log"
    output = sys.stdout.fileno()
    if not _is_open_as(path, output) or os.fstat(output).st_size <= _MAX_LOG_BYTES:
        return
    with path.open("rb") as file:
        file.seek(-_MAX_LOG_BYTES // 10, os.SEEK_END)
        last = file.read()
    os.ftruncate(output, 0)
    os.lseek(output, 0, os.SEEK_SET)
    os.write(output, last)


def _is_open_as(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
