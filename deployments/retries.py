"""The retry policy for calls to Prefect, shared by the endpoint, its child, the worker and the command line.

Prefect's own client gives up at once if it has never reached the server before, if the server answers 500
because its database is unavailable, or if a proxy answers with a page. With this policy every call is retried
for `PREFECT_PATIENCE` seconds while the server does not answer, or sends something that cannot be its answer.
A certificate that is not trusted will not be a moment later, so such a call fails at once.

Calls that change something are retried too, as in Prefect's own client: a state carries the id of its
transition, by which the server recognises it; a run created for a RunPod job has an idempotency key; any other
write repeats the same value, or at worst creates an artifact twice.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from typing import Any

import httpx
from prefect._internal.concurrency.threads import in_global_loop
from prefect.client import orchestration
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.concurrency import _leases
from prefect.exceptions import PrefectException
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_delay,
    stop_any,
    wait_random_exponential,
)
from tenacity.stop import stop_base

from deployments.tls import shared_ssl
from speech.errors import ServerError, SpeechError
from speech.settings import settings

__all__ = ["explained", "install"]

_WAIT = wait_random_exponential(multiplier=0.3, max=10)
_LONGEST_PAUSE = 15.0
# Prefect's engine blocks its event loop while it looks up the default result storage, which it can do without.
_LONGEST_BLOCK = 5.0
# A process that is exiting waits for Prefect's services.
_LONGEST_PAUSE_OF_SERVICES = 1.0

log = logging.getLogger("f5_flows.prefect")


def install() -> None:
    """Make every client that Prefect creates in this process follow the policy, and share a TLS context.

    Calling it again does no harm.
    """
    for module, name, ours in (
        (orchestration, "PrefectHttpxAsyncClient", _AsyncClient),
        (orchestration, "PrefectHttpxSyncClient", _SyncClient),
        (orchestration, "ssl", shared_ssl),
        (_leases, "_handle_lease_renewal_failure", _keep_running),
    ):
        setattr(module, name, ours)


def explained(fault: BaseException) -> SpeechError:
    """Translate the error of a call to Prefect into a sentence that does not contain the server's address."""
    if isinstance(fault, SpeechError):
        return fault
    if isinstance(fault, httpx.HTTPStatusError):
        status = fault.response.status_code
        if status in (401, 403):
            return ServerError(f"The Prefect server does not accept this machine's credentials ({status}).")
        return ServerError(f"The Prefect server refused a call ({status}); try again in a moment.")
    if _is_untrusted(fault):
        remedy = "set PREFECT_API_SSL_CERT_FILE to the file of its authority"
        return ServerError(f"The Prefect server's certificate is not trusted; {remedy}.")
    if isinstance(fault, httpx.HTTPError):
        return ServerError(f"The Prefect server does not answer ({type(fault).__name__}); try again in a moment.")
    if isinstance(fault, PrefectException | ValueError | RuntimeError):
        return ServerError(f"The Prefect server gave an answer that cannot be used ({type(fault).__name__}).")
    return ServerError(f"The call to Prefect failed ({type(fault).__name__}).")


class _AsyncClient(PrefectHttpxAsyncClient):
    async def _send_with_retry(self, request: httpx.Request, send: Any, *_: Any, **options: Any) -> Any:
        async def send_with_retry(request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
            async def send_once() -> httpx.Response:
                return _require_json(await send(request, *args, **kwargs))

            return await AsyncRetrying(**_policy(settings().prefect_patience))(send_once)

        return await super()._send_with_retry(request, send_with_retry, **_without_retries(options))


class _SyncClient(PrefectHttpxSyncClient):
    def _send_with_retry(self, request: httpx.Request, send: Any, *_: Any, **options: Any) -> Any:
        def send_with_retry(request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
            patience = settings().prefect_patience
            seconds = min(patience, _LONGEST_BLOCK) if _would_block_event_loop() else patience
            return Retrying(**_policy(seconds))(lambda: _require_json(send(request, *args, **kwargs)))

        return super()._send_with_retry(request, send_with_retry, **_without_retries(options))


def _without_retries(options: dict[str, Any]) -> dict[str, Any]:
    """Switch off the retries of Prefect's own loop, which then only renews the CSRF token."""
    return {**options, "retry_codes": set(), "retry_exceptions": ()}


def _policy(seconds: float) -> dict[str, Any]:
    return {
        "stop": stop_any(stop_after_delay(seconds), _StopOnExit()),
        "wait": _pause,
        "retry": retry_if_exception(_is_transient) | retry_if_result(_is_busy),
        "before_sleep": _log_retry,
        # Return the last answer, or raise the last error.
        "retry_error_callback": lambda state: state.outcome.result(),
    }


class _StopOnExit(stop_base):
    def __call__(self, retry_state: RetryCallState) -> bool:
        return _is_exiting()


def _would_block_event_loop() -> bool:
    """Check whether this thread runs an event loop, which a waiting call would block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _is_exiting() -> bool:
    """Check whether this process is exiting; Prefect's services then send the last log lines, perhaps to nobody."""
    return bool(getattr(threading, "_SHUTTING_DOWN", False))


def _is_transient(fault: BaseException) -> bool:
    if isinstance(fault, httpx.UnsupportedProtocol) or _is_untrusted(fault):
        return False
    return isinstance(fault, httpx.TransportError | httpx.DecodingError)


def _is_untrusted(fault: BaseException | None) -> bool:
    """Check whether the fault behind a failed call is a certificate that could not be verified."""
    while fault and not isinstance(fault, ssl.SSLCertVerificationError):
        fault = fault.__cause__ or fault.__context__
    return fault is not None


def _is_busy(answer: httpx.Response) -> bool:
    return answer.status_code in (408, 429) or answer.status_code >= 500


def _require_json(answer: httpx.Response) -> httpx.Response:
    """Return an answer if it can be Prefect's: a success is JSON, or has no content.

    Raises:
        DecodingError: a success is not JSON.
    """
    if answer.is_success and answer.status_code != 204:
        try:
            answer.json()
        except (ValueError, RecursionError):
            raise httpx.DecodingError("The answer is not JSON.", request=answer.request) from None
    return answer


def _pause(state: RetryCallState) -> float:
    """Return the seconds that the server asked for, within limits, or else a growing pause."""
    retry_after = ""
    if state.outcome and not state.outcome.failed:
        retry_after = state.outcome.result().headers.get("Retry-After", "")
    if _is_exiting():
        return 0
    is_given = retry_after.isascii() and retry_after.isdigit()
    pause = min(float(retry_after), _LONGEST_PAUSE) if is_given else _WAIT(state)
    return min(pause, _LONGEST_PAUSE_OF_SERVICES) if in_global_loop() else pause


def _log_retry(state: RetryCallState) -> None:
    if state.attempt_number == 3 and state.outcome and not _is_exiting():
        fault = state.outcome.exception()
        reason = type(fault).__name__ if fault else str(state.outcome.result().status_code)
        log.warning("The Prefect server does not answer (%s); still retrying", reason)


def _keep_running(exc: BaseException, lease_id: Any, *_: Any) -> None:
    """Let a run continue when its lease cannot be renewed, because a restarted server knows no leases."""
    log.info("A run no longer holds its place in its deployment's concurrency limit: %s", type(exc).__name__)
