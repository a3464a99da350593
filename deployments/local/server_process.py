"""The local Prefect server's process: Prefect's own API and UI on SQLite, one writer at a time, behind a gate.

Prefect opens SQLite transactions in a mode that lets two readers both try to become the writer; one
of them fails at once, its client is told 503 and waits 2 s or more. Transactions that may write are
therefore opened as writers here, through the hook that Prefect has for its database configuration.
Measured in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import uvicorn
from filelock import FileLock, Timeout
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
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
from starlette.routing import Mount
from uvicorn.config import STARTUP_FAILURE

from deployments.local import upkeep
from deployments.local.gate import Gate, SignIn


class OneWriter(AioSqliteConfiguration):
    """SQLite whose transactions wait for their turn at the start instead of failing in the middle."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


def application() -> Starlette:
    """Prefect's application, and what a server that is one user's own has around it."""
    prefect = create_app()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with prefect.router.lifespan_context(prefect):
            yield

    return Starlette(
        routes=[*SignIn(PREFECT_SERVER_API_AUTH_STRING.value()).routes, Mount("/", prefect)],
        middleware=[Middleware(Gate, PREFECT_SERVER_CORS_ALLOWED_ORIGINS.value().split(","))],
        lifespan=lifespan,
    )


@click.command()
@click.option("--fd", type=int, required=True, help="A socket that is bound on loopback.")
@click.option("--mark", required=True, help="By which this process is known again.")
def main(fd: int, mark: str) -> None:
    """Serve until told to stop."""
    url = PREFECT_API_DATABASE_CONNECTION_URL.value()
    database = Path(str(make_url(url).database))
    set_database_config(OneWriter(connection_url=url))
    try:
        with FileLock(database.with_name(f"{database.name}.lock"), timeout=0), socket.socket(fileno=fd) as listener:
            listener.set_inheritable(False)
            upkeep.prepare(url)
            server = uvicorn.Server(uvicorn.Config(application(), log_level="warning", timeout_graceful_shutdown=3))
            server.run(sockets=[listener])
    except Timeout:
        sys.exit(f"Another server that is not known here uses the database {database}; end it and try again.")
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
