"""An S3 client that tolerates slow connections but not stalled ones."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.errors import SettingsError

if TYPE_CHECKING:
    import boto3

    from speech.stores.s3 import Bucket

__all__ = ["connect", "session_of"]

# Maximum unsent bytes in the system's buffer. With more, a slow link would still be sending long after the
# last write, and the wait for an answer would look like a stalled connection.
_UNSENT = 128 * 1024
_CONNECTIONS = 32
_LARGE = 1024 * 1024


def session_of(bucket: Bucket) -> boto3.Session:
    """Return the boto3 session that provides a bucket's credentials."""
    import boto3

    if bucket.session is not None:
        return bucket.session
    if bucket.access_key is None or bucket.secret_key is None:
        return boto3.Session()
    return boto3.Session(
        aws_access_key_id=bucket.access_key.get_secret_value(),
        aws_secret_access_key=bucket.secret_key.get_secret_value(),
        aws_session_token=bucket.session_token.get_secret_value() if bucket.session_token else None,
    )


def connect(bucket: Bucket, region: str) -> Any:
    """Create botocore's client for a bucket; it can be shared between threads.

    There is no limit on a whole request. A connection on which no byte moves for `bucket.timeout` seconds is
    closed, and the request, which is one part of a large object, is sent again.

    Raises:
        SettingsError: the endpoint is not a valid URL.
    """
    from botocore.exceptions import HTTPClientError

    client = _client(bucket, region)
    http = _http_session(bucket, client.meta.endpoint_url)

    def send(request: Any, **_: Any) -> Any:
        # A service that does not support Expect delays the request by a second: acceptable only for large bodies.
        if int(request.headers.get("Content-Length") or 0) < _LARGE:
            request.headers.pop("Expect", None)
        answer = http.send(request)
        # botocore does not parse the body of some answers, so a proxy's or router's web page would look like success.
        if answer.status_code < 300 and answer.content.lstrip()[:9].lower().startswith((b"<html", b"<!doctype")):
            raise HTTPClientError(error="a web page")
        return answer

    client.meta.events.register("before-send.s3", send)
    return client


def _client(bucket: Bucket, region: str) -> Any:
    from botocore.config import Config

    try:
        return session_of(bucket).client(
            "s3",
            region_name=region,
            endpoint_url=bucket.endpoint,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "virtual" if bucket.endpoint is None else "path"},
                # Checksum trailers are refused by older and by many compatible services.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"mode": "standard", "total_max_attempts": bucket.retries + 1},
                ignore_configured_endpoint_urls=True,
            ),
        )
    except ValueError as fault:
        raise SettingsError(f"AWS_ENDPOINT_URL: {bucket.endpoint} is not accepted ({fault}).") from None


def _http_session(bucket: Bucket, url: str) -> Any:
    """Return the session in which the requests to a URL are sent, with its time limits, proxies and certificates."""
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        options.append((socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT))
    return URLLib3Session(
        verify=str(bucket.ca_bundle) if bucket.ca_bundle else _roots(),
        proxies=get_environ_proxies(url),
        # Connect and read timeout. The first also applies to each write; a file is written in pieces of 16 KB.
        timeout=(bucket.timeout, bucket.timeout),
        max_pool_connections=_CONNECTIONS,
        socket_options=options,
    )


def _roots() -> str | bool:
    """Return the path of the system's CA certificates, as used elsewhere here; True for those of botocore."""
    candidates = (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem")
    return next((path for path in candidates if path and Path(path).is_file()), True)
