"""A proxy that notes every call to a server, and answers the ones that it is told badly, once."""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter

from aiohttp import ClientSession, ClientTimeout, ClientWebSocketResponse, TCPConnector, WSMsgType, web
from yarl import URL

__all__ = ["KINDS", "Tap"]

# What an answer can be instead of itself; after `cut`, and after `empty` to what is not a GET, the call was done.
KINDS = ("page", "cut", "empty", "500", "401", "slow")
_NAMES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}(-u1)?|(?<=/)b\d+(?=/|$)")
_SLOW_SECONDS = 3.0
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Tap:
    """Serves on a loopback port of its own until `stop`.

    Attributes:
        calls: how often each call was made since `listen`, as method and path with `*` for each id.
        broken: the calls that were answered badly since then, and how.
    """

    def __init__(self, upstream: str, *, signed: bool = False) -> None:
        """Make one.

        Args:
            signed: callers sign the Host that they name, so it is passed on.
        """
        self.upstream, self._kept_back = upstream, {"transfer-encoding"} | (set() if signed else {"host"})
        self.calls: Counter[str] = Counter()
        self.broken: list[tuple[str, str]] = []
        self._wanted: dict[tuple[str, int], str] = {}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def listen(self, wanted: dict[tuple[str, int], str] | None = None) -> None:
        """Count anew, and break the calls of these names and numbers, counted from 1."""
        self.calls, self.broken, self._wanted = Counter(), [], dict(wanted or {})

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())

    async def _start(self) -> None:
        self._session = ClientSession(
            connector=TCPConnector(limit=0), auto_decompress=False, timeout=ClientTimeout(total=600)
        )
        app = web.Application(client_max_size=2**31)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        self._ready.set()

    async def _end(self) -> None:
        await self._session.close()
        await self._runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._connect(request)
        name = f"{request.method} {_NAMES.sub('*', request.path)}"
        self.calls[name] += 1
        kind = self._wanted.pop((name, self.calls[name]), None)
        body = await request.read()
        if kind:
            self.broken.append((name, kind))
        if kind == "page":
            return web.Response(text="<html>One moment, please.</html>", content_type="text/html")
        if kind in ("500", "401"):
            return web.Response(status=int(kind), text='{"error": "as told"}', content_type="application/json")
        if kind == "empty" and request.method in ("GET", "HEAD"):
            return web.Response(content_type="application/json")
        if kind == "slow":
            await asyncio.sleep(_SLOW_SECONDS)
        headers = [(key, value) for key, value in request.headers.items() if key.lower() not in self._kept_back]
        where = URL(self.upstream + request.raw_path, encoded=True)
        async with self._session.request(
            request.method, where, headers=headers, data=body, allow_redirects=False
        ) as answer:
            content = await answer.read()
            kept = [(key, value) for key, value in answer.headers.items() if key.lower() not in _HOP_BY_HOP]
            if kind == "empty":
                return web.Response(status=answer.status, content_type="application/json")
            if kind == "cut" and content:
                broken = web.StreamResponse(status=answer.status, headers=kept)
                broken.content_length = len(content)
                await broken.prepare(request)
                await broken.write(content[: len(content) // 2])
                if request.transport:
                    request.transport.close()
                return broken
            whole = web.Response(status=answer.status, headers=kept, body=content)
            if request.method == "HEAD" and "Content-Length" in answer.headers:
                whole.content_length = int(answer.headers["Content-Length"])
            return whole

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        """Prefect's events come over a socket, which is passed through as it is."""
        protocols = [part.strip() for part in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if part]
        ours = web.WebSocketResponse(protocols=protocols)
        await ours.prepare(request)
        async with self._session.ws_connect(self.upstream + request.raw_path, protocols=protocols) as theirs:
            await asyncio.wait(
                {asyncio.ensure_future(_copy(ours, theirs)), asyncio.ensure_future(_copy(theirs, ours))},
                return_when=asyncio.FIRST_COMPLETED,
            )
        return ours


_Socket = web.WebSocketResponse | ClientWebSocketResponse


async def _copy(source: _Socket, target: _Socket) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await target.send_bytes(message.data)
