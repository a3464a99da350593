"""The gate in front of the local Prefect server: who is admitted, and how a browser gets the password.

Prefect asks for the password itself (PREFECT_SERVER_API_AUTH_STRING). The gate refuses requests from pages of
other origins, and requests for host names that were made to point here (DNS rebinding). `f5-flows server ui`
opens a link that works once: its token follows the `#`, a part of the URL that browsers never send, and the page
at that link stores the password where Prefect's UI looks for it.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.local.server import LINK

__all__ = ["Gate", "SignIn", "guarded", "has_password"]

Handler = Callable[[Request], Awaitable[Response]]

_PAGE = "/f5-flows/sign-in"
_LINK_SECONDS = 120

_HTML = """<!doctype html><meta charset="utf-8"><title>f5-flows</title><body><script>
fetch(location.pathname, {method: "POST", body: location.hash.slice(1)}).then(async answer => {
  const text = await answer.text();
  if (!answer.ok) { document.body.textContent = text; return; }
  localStorage.setItem("prefect-password", text);
  location.replace("/");
});
</script>"""
_GUARDED = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'"
    ),
}


class Gate:
    """Admits requests for the server's own host name that come from no page but its own; WebSockets likewise.

    Args:
        origins: the server's own origins.
    """

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        self._app = app
        self._origins = origins
        self._hosts = [origin.removeprefix("http://") for origin in origins]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not all(host.lower() in self._hosts for host in headers.getlist("host") or [""]):
            await PlainTextResponse("The host name is not one of this server's.\n", 400)(scope, receive, send)
        elif not all(origin in self._origins for origin in headers.getlist("origin")):
            await PlainTextResponse("Requests from pages of other origins are refused.\n", 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def has_password(password: str, headers: Headers) -> bool:
    """Check whether a request brings the password."""
    expected = f"Basic {b64encode(password.encode()).decode()}".encode()
    return compare_digest(headers.get("authorization", "").encode(), expected)


def guarded(password: str, handler: Handler) -> Handler:
    """Return a handler that answers callers that have the password, and no others."""

    async def handle(request: Request) -> Response:
        if not has_password(password, request.headers):
            return PlainTextResponse("The password is missing or wrong.\n", 401)
        return await handler(request)

    return handle


class SignIn:
    """Links that give a browser the password; each works once, within two minutes."""

    def __init__(self, password: str) -> None:
        self._password = b64encode(password.encode()).decode()
        self._tokens: dict[str, float] = {}
        self.routes = [
            Route(LINK, guarded(password, self._link), methods=["POST"]),
            Route(_PAGE, self._page, methods=["GET"]),
            Route(_PAGE, self._exchange, methods=["POST"]),
        ]

    async def _link(self, request: Request) -> Response:
        """Return a new link."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.monotonic() + _LINK_SECONDS
        return PlainTextResponse(f"{_PAGE}#{token}", headers=_GUARDED)

    async def _page(self, request: Request) -> Response:
        return HTMLResponse(_HTML, headers=_GUARDED)

    async def _exchange(self, request: Request) -> Response:
        """Return the password for a token, but not to other users, who can read a link on a browser's command line."""
        if _is_another_users(request.scope):
            return PlainTextResponse("This server belongs to another user of this machine.\n", 403)
        token = (await request.body()).decode(errors="replace")
        if self._tokens.pop(token, 0) < time.monotonic():
            message = "This link has been used, or is older than two minutes; run this again: f5-flows server ui\n"
            return PlainTextResponse(message, 403)
        return PlainTextResponse(self._password, headers=_GUARDED)


def _is_another_users(scope: Scope) -> bool:
    """Check whether the other end of a connection belongs to a user other than this one or root, if Linux tells."""
    host, port = scope["client"]
    other_end = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
    try:
        connections = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    except OSError:
        return False
    owners = {int(connection[7]) for connection in connections if connection[1] == other_end}
    return bool(owners - {os.getuid(), 0})
