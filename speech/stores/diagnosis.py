"""Translating the errors of obstore and botocore into store errors that say what to do."""

from __future__ import annotations

import re
from typing import Any

from speech.errors import Denied, NotFound, StoreError, StoreFull, Unreachable

__all__ = ["diagnose"]

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")

# Names of obstore and botocore for a failed connection, and for a stalled one.
_KIND = re.compile(r"kind: (\w+),")
_CONNECTING = {"Connect", "ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"}
_STALLED = {"Timeout", "ReadTimeoutError"}

_FULL = ("InsufficientCapacity", "QuotaExceeded")
_DENIED = {
    "SignatureDoesNotMatch": "the secret key is wrong",
    "InvalidAccessKeyId": "the access key is not known there",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "ExpiredToken": "the session token has expired",
    "InvalidToken": "the session token is not accepted",
}
# Transient error codes, including those with a status below 500.
_TRANSIENT = ("RequestTimeout", "SlowDown", "OperationAborted", "InternalError", "ServiceUnavailable", "NoSuchUpload")
_ELSEWHERE = ("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint")


def diagnose(fault: Exception, key: str, name: str, timeout: float) -> StoreError:
    """Translate an exception of obstore or botocore.

    Both raise the same class for most answers of a bucket, so the HTTP status and S3's error code decide.
    The exception's text is not passed on, as it can hold a signed URL.

    Args:
        name: the store's name for people.
        timeout: seconds for which a connection may stall.
    """
    text = str(fault)
    status, code = _answer(fault, text)
    if code == "NoSuchBucket" or (status == 404 and "list request" in text):
        return StoreError(f"{name} does not exist; create the bucket or correct S3_BUCKET.")
    if code in _FULL or status == 507 or _mentions(text, "quota exceeded"):
        return StoreFull(f"{name} has no space left; {key} was not stored.")
    if code in _TRANSIENT or status >= 500 or status in (408, 429):
        return Unreachable(f"{name} cannot serve {key} now: it answers {status or code}.")
    if code in _ELSEWHERE or 300 <= status < 400:
        return StoreError(f"{name} is in another region (it answers {status}); correct AWS_REGION or AWS_ENDPOINT_URL.")
    if status in (401, 403) or code in _DENIED:
        advice = _DENIED.get(code, "check the keys and the bucket's permissions (list, get, put)")
        return Denied(f"{name} refused access to {key}: {advice}.")
    if isinstance(fault, FileNotFoundError) or status == 404:
        return NotFound(f"There is no {key} in {name}.")
    if 400 <= status < 500:
        return StoreError(f"{name} refused {key}: it answers {status} {code}".rstrip() + ".")
    return _unanswered(fault, text, key, name, timeout)


def _answer(fault: Exception, text: str) -> tuple[int, str]:
    """Return the HTTP status and S3's error code; 0 and "" if there was no answer."""
    response: dict[str, Any] | None = getattr(fault, "response", None)
    if isinstance(response, dict):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return int(status), str(response.get("Error", {}).get("Code", ""))
    match = _STATUS.search(text)
    return int(match[1]) if match else 0, next(iter(_CODE.findall(text)), "")


def _unanswered(fault: Exception, text: str, key: str, name: str, timeout: float) -> StoreError:
    """Translate an error without a complete S3 answer; most of these are transient."""
    kind = type(fault).__name__
    # botocore does not put the cause into the text.
    text = f"{text} {getattr(fault, 'kwargs', {}).get('error', '')}"
    if kind.endswith(("CredentialsError", "CredentialRetrievalError")) or _mentions(text, "169.254.", "no credentials"):
        return Denied(f"{name} cannot be used: no credentials were found; set AWS_ACCESS_KEY_ID and its secret.")
    if _mentions(text, "dns error", "failed to resolve", "failed to lookup", "name resolution", "name or service"):
        return Unreachable(f"The host of {name} cannot be resolved (at {key}); check AWS_ENDPOINT_URL and DNS.")
    if kind == "SSLError" or _mentions(text, "certificate"):
        return Unreachable(f"{name} shows a certificate that is not trusted (at {key}); check AWS_CA_BUNDLE.")
    if _CONNECTING & {kind, *_KIND.findall(text)}:
        return Unreachable(f"{name} does not answer (at {key}); check AWS_ENDPOINT_URL and the network.")
    if _STALLED & {kind, *_KIND.findall(text)} or _mentions(text, "timed out", "timedout"):
        return Unreachable(f"The connection to {name} stalled at {key}: no data was transferred for {timeout:g} s.")
    if isinstance(fault, OSError) and fault.strerror:
        return StoreError(f"{name} failed at {key}: {fault.strerror}.")
    return Unreachable(f"{name} broke off the connection at {key}, or its answer is not that of S3 ({kind}).")


def _mentions(text: str, *words: str) -> bool:
    low = text.lower()
    return any(word.lower() in low for word in words)
