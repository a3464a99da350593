"""Fetching files from URLs that clients name: over https, from public addresses, limited in size and time.

A URL is parsed once, strictly, so that no second parser can see a different host in it. The addresses of
the host are checked, and the connection is made to one of the checked addresses, so that the name cannot
resolve to a private address in between. Each redirect is checked like the first URL. One deadline covers
the whole fetch.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from speech.addresses import Address, is_public
from speech.errors import FetchError, SettingsError
from speech.files import replacing
from speech.settings import settings

if TYPE_CHECKING:
    import httpx

__all__ = ["MOST_BYTES", "Location", "Network", "fetch", "locate"]

MOST_BYTES = 50_000_000
_REDIRECTS = 3
_THREAD = "fetch"
_REASON = {401: "it needs a password", 403: "it refuses access", 404: "it does not exist", 410: "it no longer exists"}

_HTTPS = re.compile(r"https://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:%]+))(?::(?P<port>[0-9]{1,5})?)?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# Last labels that some programs parse as a number, and the host therefore as an address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Location:
    """A parsed URL.

    Attributes:
        host: a name in ASCII, or an address without brackets.
        target: path and query.
    """

    host: str
    port: int
    target: str


def _resolve(host: str) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Network:
    """How hosts are resolved, and which addresses are allowed.

    Attributes:
        resolve: returns the addresses of a name; raises OSError if there are none.
        admits: returns whether connecting to an address is allowed.
    """

    resolve: Callable[[str], Iterable[str]] = _resolve
    admits: Callable[[Address], bool] = is_public


def locate(url: str) -> Location:
    """Parse a URL, if it is unambiguous.

    Raises:
        FetchError: the URL is not https, holds a user name or password, or is ambiguous.

    >>> locate("https://Example.com:8443/a.wav?x=1#top")
    Location(host='example.com', port=8443, target='/a.wav?x=1')
    """
    match = _HTTPS.fullmatch(url)
    if match is None and not url.lower().startswith("https://"):
        raise FetchError("only https URLs are fetched.")
    if match is None or "\\" in url or not url.isprintable() or url != url.strip():
        raise FetchError("the URL holds backslashes or control characters; expected them percent-encoded.")
    authority, target = match["authority"], match["target"]
    if "@" in authority:
        raise FetchError("the URL holds a user name or a password; expected one without.")
    parts = _AUTHORITY.fullmatch(authority)
    host = _host(parts["name"], parts["six"]) if parts else None
    port = int(parts["port"] or 443) if parts else 0
    if host is None or not 0 < port < 65536:
        raise FetchError(
            f"the URL's host {authority[:80]!r} is not accepted; expected a name or an address as it is usually "
            "written, and a port from 1 to 65535."
        )
    return Location(host, port, target if target.startswith("/") else f"/{target}")


def _host(name: str | None, six: str | None) -> str | None:
    try:
        if six is not None:
            return str(IPv6Address(six))
        host = _ascii(name or "").lower().removesuffix(".")
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]):
            return str(IPv4Address(host))
    except ValueError:
        return None
    return host if len(host) <= 253 and all(map(_LABEL.fullmatch, labels)) else None


def _ascii(name: str) -> str:
    if name.isascii():
        return name
    import httpx

    try:
        return httpx.URL(f"https://{name}/").raw_host.decode()
    except httpx.InvalidURL as fault:
        raise ValueError from fault


def fetch(url: str, path: Path, most: int = MOST_BYTES, network: Network | None = None) -> None:
    """Fetch a URL into a file, within `REQUEST_TIMEOUT` seconds.

    Args:
        most: the maximum size in bytes.
        network: how hosts are resolved and checked; by default the system's resolver and public addresses only.

    Raises:
        FetchError: the URL cannot be fetched, or is not allowed; the text says why, without the URL's query.
        SettingsError: FETCH_CA_BUNDLE cannot be read.
    """
    outcome: Future[None] = Future()

    def work() -> None:
        # In a separate event loop: the caller may be running one already.
        try:
            asyncio.run(_fetch_with_deadline(url, path, most, network or Network()))
        except BaseException as fault:
            outcome.set_exception(fault)
        else:
            outcome.set_result(None)

    logging.getLogger("httpcore.http11").addFilter(_quiet)
    Thread(target=work, name=_THREAD, daemon=True).start()
    outcome.result()


async def _fetch_with_deadline(url: str, path: Path, most: int, network: Network) -> None:
    seconds = settings().request_timeout
    try:
        async with asyncio.timeout(seconds):
            await _fetch(url, path, most, network)
    except TimeoutError:
        raise FetchError(f"it took longer than {seconds:g} s (REQUEST_TIMEOUT).") from None


async def _fetch(url: str, path: Path, most: int, network: Network) -> None:
    for _ in range(_REDIRECTS + 1):
        location = locate(url)
        async with _open(location, await _addresses(location.host, network)) as answer:
            if answer.has_redirect_location:
                url = _redirected(location, answer.headers["location"])
                continue
            await _save(answer, path, most)
            return
    raise FetchError(f"it redirects more than {_REDIRECTS} times.")


@asynccontextmanager
async def _open(location: Location, addresses: list[Address]) -> AsyncIterator[httpx.Response]:
    """Yield the response of the first address that accepts a connection."""
    import httpx

    # The overall deadline bounds everything else; a silent address must leave time to try the next one.
    timeout = {"connect": settings().request_timeout / len(addresses)}
    host = _bracketed(location.host)
    headers = {
        "Host": f"{host}:{location.port}" if location.port != 443 else host,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "f5-flows",
    }
    try:
        # A bare transport, because httpx's client would log the URL.
        async with httpx.AsyncHTTPTransport(verify=_trusted(), trust_env=False) as transport:
            for number, address in enumerate(addresses, 1):
                request = httpx.Request(
                    "GET", f"https://{_bracketed(str(address))}:{location.port}{location.target}", headers=headers,
                    extensions={"sni_hostname": location.host, "timeout": timeout},
                )  # fmt: skip
                try:
                    answer = await transport.handle_async_request(request)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if number == len(addresses):
                        raise
                    continue
                try:
                    yield answer
                finally:
                    await answer.aclose()
                return
    except httpx.TimeoutException:
        raise TimeoutError from None
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise FetchError(f"{location.host[:80]} cannot be reached ({type(fault).__name__}).") from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _quiet(record: logging.LogRecord) -> bool:
    """Drop the HTTP library's log lines from the fetch thread, which would show the target of a redirect."""
    return record.threadName != _THREAD


def _trusted() -> ssl.SSLContext:
    bundle = settings().fetch_ca_bundle
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as fault:
        raise SettingsError(f"FETCH_CA_BUNDLE: {bundle} cannot be read as certificates ({fault.strerror}).") from None


def _redirected(origin: Location, location: str) -> str:
    try:
        return urljoin(f"https://{_bracketed(origin.host)}:{origin.port}{origin.target}", location)
    except ValueError:
        raise FetchError("it redirects to an invalid URL.") from None


async def _save(answer: httpx.Response, path: Path, most: int) -> None:
    if answer.status_code != 200:
        raise FetchError(f"{_REASON.get(answer.status_code, f'it answers {answer.status_code}')}.")
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise FetchError(f"its reply is encoded ({encoding[:40]}), which was not requested; expected the file itself.")
    too_large = FetchError(f"it is larger than {most / 1e6:.0f} MB.")
    length = answer.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length) > most:
        raise too_large
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            async for data in answer.aiter_raw():
                if file.tell() + len(data) > most:
                    raise too_large
                file.write(data)
    except OSError as fault:
        raise FetchError(f"it cannot be saved: {fault.strerror}.") from None


async def _addresses(host: str, network: Network) -> list[Address]:
    """Return the addresses of a host, all of which must be allowed."""
    try:
        addresses = [ip_address(host)]
    except ValueError:
        addresses = [ip_address(text.split("%")[0]) for text in dict.fromkeys(await _lookup(host, network))]
    if not addresses:
        raise FetchError(f"there is no host {host[:80]!r}.")
    if not (settings().fetch_private or all(map(network.admits, addresses))):
        raise FetchError("its host is not public.")
    return addresses


async def _lookup(host: str, network: Network) -> list[str]:
    """Resolve a host in a thread that is abandoned at the deadline, since a DNS lookup cannot be interrupted."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def set_answer(addresses: list[str]) -> None:
        if not answer.done():
            answer.set_result(addresses)

    def work() -> None:
        try:
            addresses = list(network.resolve(host))
        except (OSError, ValueError):
            addresses = []
        with suppress(RuntimeError):  # The loop is closed: nothing waits for the answer.
            loop.call_soon_threadsafe(set_answer, addresses)

    Thread(target=work, name="lookup", daemon=True).start()
    return await answer
