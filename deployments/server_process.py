"""The local Prefect server's process: Prefect's own API and UI on SQLite, one writer at a time.

Prefect opens SQLite transactions in a mode that lets two readers both try to become the writer; one
of them fails at once, its client is told 503 and waits 2 s or more. Transactions that may write are
therefore opened as writers here, through the hook that Prefect has for its database configuration.
Measured in benchmarks/RESULTS.md.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import click
import uvicorn
from prefect.server.api.server import create_app
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.dependencies import set_database_config
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.ext.asyncio.session import AsyncSessionTransaction

from deployments import upkeep


class OneWriter(AioSqliteConfiguration):
    """SQLite whose transactions wait for their turn at the start instead of failing in the middle."""

    @asynccontextmanager
    async def begin_transaction(
        self, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncGenerator[AsyncSessionTransaction, None]:
        async with super().begin_transaction(session, with_for_update=True) as transaction:
            yield transaction


@click.command()
@click.option("--port", type=int, required=True)
def main(port: int) -> None:
    """Serve on loopback until told to stop."""
    upkeep.prepare(PREFECT_API_DATABASE_CONNECTION_URL.value())
    set_database_config(OneWriter(connection_url=PREFECT_API_DATABASE_CONNECTION_URL.value()))
    uvicorn.run(create_app(), host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=3)


if __name__ == "__main__":
    main()
