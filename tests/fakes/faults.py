"""What stands between us and an S3 server, or Prefect's: a proxy that can be told to be slow, to cut, to refuse, to
lie, or to die; a link that carries little, or falls silent; a server that is none.

The proxy passes WebSockets on too.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, WSMsgType, web
from yarl import URL

from tests import PATIENCE
from tests.fakes.gateway import free_port

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)
_ANSWERS: dict[str, dict[str, Any]] = {
    "fault": {
        "status": 500,
        "text": '{"exception_message": "Internal Server Error"}',
        "content_type": "application/json",
    },
    "unauthorized": {"status": 401, "text": '{"detail": "Unauthorized"}', "content_type": "application/json"},
    "denied": {"status": 403, "text": "<Error><Code>AccessDenied</Code></Error>", "content_type": "application/xml"},
    "page": {"text": "<html>Please sign in</html>", "content_type": "text/html"},
    "empty": {},
}
_PAUSES = {"hang": 30.0, "late": 3.0, "behind": 2.0}


class FaultyProxy:
    """Serves on a loopback port of its own until `stop`.

    Attributes:
        mode: "plain"; "refuse" (503); "hang"; "cut" (closes after half of a body); "die" (drops the
            connection); "flip" (one bit of a body is wrong); "slow" (2 MB a second); "fault" (500);
            "unauthorized" (401); "denied" (403); "page" (200 with HTML); "empty" (200 with nothing);
            "nothing" (the same, after what changes something was passed on); "lost" (passed on, and the
            answer is dropped); "late" (after 3 s); "behind" (after 2 s); or a function of the method and path
            that returns one of these.
        seen: method and path of every request.
    """

    def __init__(self, upstream: str, *, signed: bool = True) -> None:
        """Make one.

        Args:
            signed: callers sign the Host that they name, so it is passed on.
        """
        self.upstream = upstream
        self._kept_back = {"transfer-encoding"} | (set() if signed else {"host"})
        self.mode: str | Callable[[str, str], str] = "plain"
        self.seen: list[tuple[str, str]] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Be away: connections are refused until `open`."""
        asyncio.run_coroutine_threadsafe(self._site.stop(), self._loop).result(10)

    def close_soon(self) -> None:
        """Be away as soon as the call that is being answered is; called by `mode`."""
        self._loop.create_task(self._site.stop())

    def open(self) -> None:
        """Be there again, on the same port."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())

    async def _end(self) -> None:
        await self._session.close()
        await self._runner.cleanup()

    async def _start(self) -> None:
        self._session = ClientSession(
            connector=TCPConnector(limit=0), auto_decompress=False, timeout=ClientTimeout(total=PATIENCE)
        )
        app = web.Application(client_max_size=2**31)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        self.port = free_port()
        await self._listen()
        self._ready.set()

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await self._site.start()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except ClientError:
            # The server itself is away, or the caller is.
            return web.Response(status=502)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.split("?")[0]
        self.seen.append((request.method, path))
        mode = self.mode if isinstance(self.mode, str) else self.mode(request.method, path)
        if mode == "refuse":
            return web.Response(status=503, body=SLOW_DOWN, content_type="application/xml")
        if mode in _ANSWERS:
            return web.Response(**_ANSWERS[mode])
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._tunnel(request)
        if mode == "nothing" and request.method in ("GET", "HEAD"):
            return web.Response(**_ANSWERS["empty"])
        if mode in _PAUSES:
            await asyncio.sleep(_PAUSES[mode])
        if mode == "die":
            request.transport.abort()
            return web.Response()
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in self._kept_back]
        body = await request.read()
        async with self._session.request(
            request.method,
            URL(self.upstream + request.raw_path, encoded=True),
            headers=headers,
            data=body,
            allow_redirects=False,
        ) as answer:
            content = await answer.read()
            if mode == "lost":
                request.transport.abort()
                return web.Response()
            if mode == "nothing":
                return web.Response(status=answer.status, content_type="application/json")
            kept = [(k, v) for k, v in answer.headers.items() if k.lower() not in {"connection", "transfer-encoding"}]
            response = web.StreamResponse(status=answer.status, headers=dict(kept))
            await response.prepare(request)
            if mode == "cut":
                await response.write(content[: len(content) // 2])
                request.transport.close()
                return response
            if mode == "flip" and content:
                middle = len(content) // 2
                content = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            if mode == "slow":
                for at in range(0, len(content), 200_000):
                    await response.write(content[at : at + 200_000])
                    await asyncio.sleep(0.1)
            else:
                await response.write(content)
            await response.write_eof()
            return response

    async def _tunnel(self, request: web.Request) -> web.StreamResponse:
        protocols = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name]
        async with self._session.ws_connect(self.upstream + request.raw_path, protocols=protocols) as upstream:
            client = web.WebSocketResponse(protocols=protocols)
            await client.prepare(request)

            async def pass_on(one: Any, other: Any) -> None:
                async for message in one:
                    await (other.send_str if message.type is WSMsgType.TEXT else other.send_bytes)(message.data)
                await other.close()

            await asyncio.gather(pass_on(client, upstream), pass_on(upstream, client), return_exceptions=True)
        return client


class SlowLink:
    """A link to a loopback port that carries so many bytes a second each way, until `stop`.

    Attributes:
        rate: bytes a second, of all connections together; None for as many as there are.
        silent: whether nothing moves, on any connection.
        silent_once_at: after so many bytes the connection that brings the next ones falls silent, and only that.
        sent: bytes that went to the server.
    """

    def __init__(self, port: int, rate: float | None = None) -> None:
        self.rate, self.silent, self.sent = rate, False, 0
        self.silent_once_at: int | None = None
        self._upstream = port
        # Little fits in between, so that whoever sends feels how slow the link is.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        self.port: int = self._listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._turn = asyncio.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._connect, sock=self._listener, limit=16 * 1024))
        self._loop.run_forever()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._upstream, limit=16 * 1024)
        await asyncio.gather(self._carry(reader, back, up=True), self._carry(there, writer, up=False))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, up: bool) -> None:
        with suppress(OSError):
            while data := await source.read(max(4096, int(self.rate or 0) // 50)):
                if up and self.silent_once_at is not None and self.sent >= self.silent_once_at:
                    self.silent_once_at = None
                    await asyncio.Event().wait()
                while self.silent:
                    await asyncio.sleep(0.02)
                if self.rate:
                    async with self._turn:
                        await asyncio.sleep(len(data) / self.rate)
                if up:
                    self.sent += len(data)
                target.write(data)
                await target.drain()
        target.close()


class NoS3:
    """A server that gives one answer to whatever it is asked, until `stop`.

    Args:
        answer: bytes; or None to close at once.
    """

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._reply, args=(connection,), daemon=True).start()

    def _reply(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            if self._answer is not None:
                connection.sendall(self._answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
