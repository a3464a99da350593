"""How long the local Prefect server lives: until its home is gone, or nobody has used it for SERVER_IDLE_HOURS.

A use is a request with the password, an open connection that was let in with it, or a client that lives
(`deployments.local.clients`); to ask whether the server is there is none. Runs that have not ended, and active
schedules, keep it as well. Before it ends, requests wait until that is decided, so that no run is created on a server
that ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from prefect.server.database import provide_database_interface
from prefect.server.schemas.states import TERMINAL_STATES
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deployments.local import clients
from deployments.local.gate import has_password
from deployments.local.home import is_same
from deployments.local.probe import LOOKS
from deployments.local.server import LIFE

__all__ = ["Attendance", "Life"]

_LOOK_SECONDS = 5.0
# What keeps an idle server, such as a schedule, is looked for again after this time.
_KEPT_SECONDS = 60.0

log = logging.getLogger("prefect.server.f5_flows")


class Life:
    """Decides when the server ends.

    Args:
        database: its file; when that is gone, so is the home.
        idle: seconds without a use after which it ends; 0: it does not.
        end: stops the server.
    """

    def __init__(self, home: Path, database: Path, idle: float, end: Callable[[], None]) -> None:
        self._home, self._idle, self._end = home, idle, end
        self._stats = {path: path.stat() for path in (home, database)}
        self._mark, self._last = 0, time.monotonic()
        self._in_use, self._ended = 0, False
        self._decided = asyncio.Event()
        self._decided.set()
        self._claim: int | None = None

    async def watch(self) -> None:
        """Look after the server until it has to end, and end it."""
        pause = min(_LOOK_SECONDS, self._idle / 4 or _LOOK_SECONDS)
        next_check = 0.0
        while True:
            await asyncio.sleep(pause)
            if self._is_homeless():
                log.warning("The server ends: %s is gone.", self._home)
                break
            self._note_clients()
            if self._seconds_left() == 0 and time.monotonic() >= next_check:
                next_check = time.monotonic() + min(_KEPT_SECONDS, self._idle)
                if await self._is_over():
                    log.warning("The server ends: nobody has used it for %g hours.", self._idle / 3600)
                    break
        self._ended = True
        self._end()

    @asynccontextmanager
    async def use(self) -> AsyncIterator[bool]:
        """Mark a use for the length of the block; the value is whether the server goes on."""
        await self._decided.wait()
        self._in_use += 1
        try:
            yield not self._ended
        finally:
            self._in_use -= 1
            self._last = time.monotonic()

    async def report(self, request: Request) -> Response:
        """Say in how many seconds the server ends, and what keeps it; both null or empty where there is nothing."""
        self._note_clients()
        kept_by = await _needs()
        if self._is_attended():
            kept_by = ["a running f5-flows command, or an open page, uses it", *kept_by]
        return JSONResponse({"seconds": self._seconds_left(), "kept_by": kept_by})

    def _seconds_left(self) -> float | None:
        """Return the seconds that an unused server has left; None if it does not end."""
        return max(0.0, self._idle - (time.monotonic() - self._last)) if self._idle else None

    def _note_clients(self) -> None:
        mark = clients.last_use(self._home)
        if mark != self._mark or self._is_attended():
            self._mark, self._last = mark, time.monotonic()

    def _is_attended(self) -> bool:
        """Check whether a request or a client is there."""
        if self._in_use:
            return True
        try:
            file = clients.claim(self._home)
        except OSError:
            return True
        if file is not None:
            os.close(file)
        return file is None

    async def _is_over(self) -> bool:
        """Decide whether the server ends; if it does, no client can come any more."""
        file = clients.claim(self._home)
        if file is None:
            return False
        self._decided.clear()
        try:
            if not self._in_use and clients.last_use(self._home) == self._mark and not await _needs():
                self._claim, self._ended = file, True
        except sa.exc.SQLAlchemyError:
            log.warning("The server does not know whether it is needed, and goes on.", exc_info=True)
        finally:
            self._decided.set()
            if self._claim is None:
                os.close(file)
        return self._ended

    def _is_homeless(self) -> bool:
        return not all(is_same(path, state) for path, state in self._stats.items())


class Attendance:
    """Tells `Life` of the requests and connections that are uses: those that have the password.

    A stream brings it in its first message; Prefect answers nothing before that, so its first answer begins the use.
    """

    _looks = (LIFE, *(f"/api{path}" for path in LOOKS))

    def __init__(self, app: ASGIApp, life: Life, password: str) -> None:
        self._app, self._life, self._password = app, life, password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send)
        elif scope["type"] != "http" or scope["path"] in self._looks or not self._is_known(scope):
            await self._app(scope, receive, send)
        else:
            async with self._life.use() as goes_on:
                ending = PlainTextResponse("This server is ending.\n", 503)
                await (self._app if goes_on else ending)(scope, receive, send)

    def _is_known(self, scope: Scope) -> bool:
        return has_password(self._password, Headers(scope=scope))

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as uses:
            is_used = False

            async def answer(message: Message) -> None:
                nonlocal is_used
                if message["type"] == "websocket.send" and not is_used:
                    is_used = True
                    await uses.enter_async_context(self._life.use())
                await send(message)

            await self._app(scope, receive, answer)


async def _needs() -> list[str]:
    """Return what needs the server, though nobody may be there: runs, and schedules."""
    db = provide_database_interface()
    is_open = sa.or_(db.FlowRun.state_type.is_(None), db.FlowRun.state_type.not_in(TERMINAL_STATES))
    async with db.session_context() as session:
        runs = await session.scalar(sa.select(sa.func.count()).select_from(db.FlowRun).where(is_open))
        scheduled = list(
            await session.scalars(
                sa.select(db.Deployment.name)
                .join(db.DeploymentSchedule, db.DeploymentSchedule.deployment_id == db.Deployment.id)
                .where(db.DeploymentSchedule.active, sa.not_(db.Deployment.paused))
                .distinct()
                .order_by(db.Deployment.name)
            )
        )
    reasons = [f"{'a run is' if runs == 1 else f'{runs} runs are'} queued or running"] if runs else []
    return [*reasons, f"there are schedules: {', '.join(scheduled)}"] if scheduled else reasons
