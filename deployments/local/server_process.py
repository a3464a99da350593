"""The local Prefect server's process: Prefect's own API and UI on SQLite, with one writer at a time, behind a gate.

Prefect opens SQLite transactions in a mode that lets two readers both try to become the writer. One of them fails
at once, and its client gets a 503 and waits 2 s or more. Here, transactions that may write are opened as writers,
through Prefect's hook for its database configuration. Measured in benchmarks/RESULTS.md.
"""

# ruff: noqa: E402  The collector is off while the modules are imported.

from __future__ import annotations

import gc

# Imported modules are never freed; collecting garbage while they load would only make the start a tenth slower.
gc.disable()

import asyncio
import os
import socket
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import uvicorn
from filelock import FileLock, Timeout
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import provide_database_interface, set_database_config
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_SERVER_API_AUTH_STRING,
    PREFECT_SERVER_CORS_ALLOWED_ORIGINS,
)
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio.session import AsyncSessionTransaction
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from uvicorn.config import STARTUP_FAILURE

from deployments.local import tables, upkeep
from deployments.local.gate import Gate, SignIn, guarded
from deployments.local.life import Attendance, Life
from deployments.local.server import LIFE
from speech.settings import settings

_END_SECONDS = 20


class OneWriter(AioSqliteConfiguration):
    """SQLite whose transactions wait for the write lock at the start instead of failing halfway."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def application(life: Life) -> Starlette:
    """Return Prefect's application with the gate and the sign-in links around it."""
    prefect, password = create_app(), PREFECT_SERVER_API_AUTH_STRING.value()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with prefect.router.lifespan_context(prefect):
            gc.collect()
            gc.freeze()
            gc.enable()
            tasks = [asyncio.create_task(life.watch()), asyncio.create_task(upkeep.sweep())]
            yield
            for task in tasks:
                task.cancel()

    return Starlette(
        routes=[*SignIn(password).routes, Route(LIFE, guarded(password, life.report)), Mount("/", prefect)],
        middleware=[
            Middleware(Gate, PREFECT_SERVER_CORS_ALLOWED_ORIGINS.value().split(",")),
            Middleware(Attendance, life, password),
        ],
        lifespan=lifespan,
    )


def create(database: Path, url: str) -> None:
    """Create a database with Prefect's tables."""
    upkeep.prepare(url)
    if not tables.make(database):
        asyncio.run(provide_database_interface().create_db())


def end(server: uvicorn.Server) -> None:
    """Stop a server, and this process even if something in it does not stop."""
    server.should_exit = True
    last = threading.Timer(_END_SECONDS, os._exit, [os.EX_OK])
    last.daemon = True
    last.start()


@click.command()
@click.option("--fd", type=int, required=True, help="File descriptor of a socket that is bound to loopback.")
@click.option("--mark", required=True, help="Text by which this process is recognised.")
def main(fd: int, mark: str) -> None:
    """Serve until stopped."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    database = Path(str(make_url(url).database))
    set_database_config(OneWriter(connection_url=url))
    try:
        with FileLock(database.with_name(f"{database.name}.lock"), timeout=0), socket.socket(fileno=fd) as listener:
            listener.set_inheritable(False)
            if not database.exists():
                create(database, url)
            upkeep.prepare(url)
            life = Life(Path.cwd(), database, settings().server_idle_hours * 3600, lambda: end(server))
            server = uvicorn.Server(uvicorn.Config(application(life), log_level="warning", timeout_graceful_shutdown=3))
            server.run(sockets=[listener])
    except Timeout:
        sys.exit(f"Another, unknown server uses the database {database}; stop it and try again.")
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
