"""Files from URLs that clients name: only over https, only from public addresses, only so large.

A host's addresses are checked and the connection then goes to the address that was checked, so that a
name cannot turn into a private address in between. Each redirect is checked like the first URL.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from speech.errors import FetchError
from speech.files import replacing
from speech.settings import settings

__all__ = ["MOST_BYTES", "fetch"]

MOST_BYTES = 50_000_000
_REDIRECTS = 3
_REASON = {401: "it needs a password", 403: "it refuses access", 404: "it is not there", 410: "it is gone"}


def fetch(url: str, path: Path, most: int = MOST_BYTES) -> None:
    """Fetch a URL into a file.

    Args:
        most: bytes.

    Raises:
        FetchError: it cannot be fetched, or may not be; the text says why and shows no query.
    """
    import httpx

    seconds = settings().request_timeout
    until = time.monotonic() + seconds
    context = ssl.create_default_context(cafile=settings().fetch_ca_bundle)
    for _ in range(_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise FetchError("only https URLs are fetched.")
        address = _address(parts.hostname)
        try:
            target = httpx.URL(url).copy_with(host=address, userinfo=b"")
            with (
                httpx.Client(timeout=seconds, verify=context, trust_env=False) as client,
                client.stream(
                    "GET", target, headers={"Host": parts.netloc.rpartition("@")[2]},
                    extensions={"sni_hostname": parts.hostname},
                ) as answer,
            ):  # fmt: skip
                if answer.is_redirect:
                    url = urljoin(url, answer.headers["location"])
                    continue
                if answer.status_code != 200:
                    raise FetchError(f"{_REASON.get(answer.status_code, f'it answers {answer.status_code}')}.")
                with replacing(path) as partial, partial.open("wb") as file:
                    for data in answer.iter_bytes():
                        file.write(data)
                        if file.tell() > most:
                            raise FetchError(f"it is larger than {most / 1e6:.0f} MB.")
                        if time.monotonic() > until:
                            raise FetchError(f"it did not come within {seconds:g} s.")
                return
        except httpx.TimeoutException:
            raise FetchError(f"{parts.hostname} did not answer within {seconds:g} s.") from None
        except (httpx.HTTPError, httpx.InvalidURL, KeyError) as fault:
            raise FetchError(f"{parts.hostname} cannot be reached ({type(fault).__name__}).") from None
    raise FetchError(f"it redirects more than {_REDIRECTS} times.")


def _address(host: str) -> str:
    """A public address of a host; all of its addresses have to be public."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise FetchError(f"there is no host {host[:80]!r}.") from None
    for address in found:
        if not ipaddress.ip_address(address.split("%")[0]).is_global and not settings().fetch_private:
            raise FetchError("its host is not a public one.")
    return sorted(found)[0]
