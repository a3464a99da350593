"""Files from URLs that clients name: only over https, only from public addresses, only so large, only so long.

A URL is read once, strictly, and taken apart for good: no part of it is read by a second parser that
might see another host. A host's addresses are checked and the connection then goes to an address that
was checked, so that a name cannot turn into a private address in between. Each redirect is checked
like the first URL. One deadline holds for all of it.
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
_REASON = {401: "it needs a password", 403: "it refuses access", 404: "it is not there", 410: "it is gone"}

_HTTPS = re.compile(r"https://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:%]+))(?::(?P<port>[0-9]{1,5})?)?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# What some programs read as a number, and so as an address.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Location:
    """Where a URL leads.

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
    """What is known of hosts.

    Attributes:
        resolve: the addresses of a name; raises OSError where there are none.
        admits: whether an address may be connected to.
    """

    resolve: Callable[[str], Iterable[str]] = _resolve
    admits: Callable[[Address], bool] = is_public


def locate(url: str) -> Location:
    """Where a URL leads, if every program reads it alike.

    Raises:
        FetchError: it is not https, holds a password, or could be read in two ways.

    >>> locate("https://Example.com:8443/a.wav?x=1#top")
    Location(host='example.com', port=8443, target='/a.wav?x=1')
    """
    found = _HTTPS.fullmatch(url)
    if found is None and not url.lower().startswith("https://"):
        raise FetchError("only https URLs are fetched.")
    if found is None or "\\" in url or not url.isprintable() or url != url.strip():
        raise FetchError("the URL holds backslashes or control characters; expected them percent-encoded.")
    authority, target = found["authority"], found["target"]
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
        most: bytes.
        network: how hosts are found and judged; by default by the system, and public ones only.

    Raises:
        FetchError: it cannot be fetched, or may not be; the text says why and shows no query.
        SettingsError: FETCH_CA_BUNDLE cannot be read.
    """
    done: Future[None] = Future()

    def work() -> None:
        # In a loop of its own: whoever calls may have a loop that this would block.
        try:
            asyncio.run(_fetch_in_time(url, path, most, network or Network()))
        except BaseException as fault:
            done.set_exception(fault)
        else:
            done.set_result(None)

    logging.getLogger("httpcore.http11").addFilter(_quiet)
    Thread(target=work, name=_THREAD, daemon=True).start()
    done.result()


async def _fetch_in_time(url: str, path: Path, most: int, network: Network) -> None:
    seconds = settings().request_timeout
    try:
        async with asyncio.timeout(seconds):
            await _fetch(url, path, most, network)
    except TimeoutError:
        raise FetchError(f"it did not come within {seconds:g} s.") from None


async def _fetch(url: str, path: Path, most: int, network: Network) -> None:
    for _ in range(_REDIRECTS + 1):
        place = locate(url)
        async with _ask(place, await _addresses(place.host, network)) as answer:
            if answer.has_redirect_location:
                url = _onward(place, answer.headers["location"])
                continue
            await _keep(answer, path, most)
            return
    raise FetchError(f"it redirects more than {_REDIRECTS} times.")


@asynccontextmanager
async def _ask(place: Location, addresses: list[Address]) -> AsyncIterator[httpx.Response]:
    """The answer of the first address that can be connected to."""
    import httpx

    # The deadline ends everything else; an address that is silent must leave time for the next one.
    timeout = {"connect": settings().request_timeout / len(addresses)}
    host = _bracketed(place.host)
    headers = {
        "Host": f"{host}:{place.port}" if place.port != 443 else host,
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": "f5-flows",
    }
    try:
        # Not a client: that would log the URL.
        async with httpx.AsyncHTTPTransport(verify=_trusted(), trust_env=False) as transport:
            for number, address in enumerate(addresses, 1):
                request = httpx.Request(
                    "GET", f"https://{_bracketed(str(address))}:{place.port}{place.target}", headers=headers,
                    extensions={"sni_hostname": place.host, "timeout": timeout},
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
        raise FetchError(f"{place.host[:80]} cannot be reached ({type(fault).__name__}).") from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _quiet(record: logging.LogRecord) -> bool:
    """Whether a line of the HTTP library may be logged; one of ours would show where a redirect leads."""
    return record.threadName != _THREAD


def _trusted() -> ssl.SSLContext:
    bundle = settings().fetch_ca_bundle
    try:
        return ssl.create_default_context(cafile=bundle)
    except OSError as fault:
        raise SettingsError(f"FETCH_CA_BUNDLE: {bundle} cannot be read as certificates ({fault.strerror}).") from None


def _onward(place: Location, location: str) -> str:
    try:
        return urljoin(f"https://{_bracketed(place.host)}:{place.port}{place.target}", location)
    except ValueError:
        raise FetchError("it redirects to something that is no URL.") from None


async def _keep(answer: httpx.Response, path: Path, most: int) -> None:
    if answer.status_code != 200:
        raise FetchError(f"{_REASON.get(answer.status_code, f'it answers {answer.status_code}')}.")
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise FetchError(f"its reply is encoded ({encoding[:40]}), which was not asked for; expected the file itself.")
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
        raise FetchError(f"it cannot be kept: {fault.strerror}.") from None


async def _addresses(host: str, network: Network) -> list[Address]:
    """The addresses of a host; all of them have to be admitted."""
    try:
        found = [ip_address(host)]
    except ValueError:
        found = [ip_address(text.split("%")[0]) for text in dict.fromkeys(await _lookup(host, network))]
    if not found:
        raise FetchError(f"there is no host {host[:80]!r}.")
    if not (settings().fetch_private or all(map(network.admits, found))):
        raise FetchError("its host is not a public one.")
    return found


async def _lookup(host: str, network: Network) -> list[str]:
    """In a thread that is left behind at the deadline: a name server that is silent cannot be interrupted."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def tell(found: list[str]) -> None:
        if not answer.done():
            answer.set_result(found)

    def work() -> None:
        try:
            found = list(network.resolve(host))
        except (OSError, ValueError):
            found = []
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(tell, found)

    Thread(target=work, name="lookup", daemon=True).start()
    return await answer
