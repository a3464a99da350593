"""The one policy of retries for Prefect, of the endpoint, its child, the worker and the command line.

Prefect's own client gives up at once where it never reached the server before, where the server answers
500 because its database is away, and where a proxy answers with a page. Here every call is tried again
for `PREFECT_PATIENCE` seconds while the server does not answer, or answers with what cannot be an answer.

Calls that change something are repeated too, as Prefect's own client does: a state carries the id of its
transition, by which the server knows it again; a run that RunPod's jobs make has an idempotency key;
what else is written is the same value once more, or an artifact that is then there twice.
"""

from __future__ import annotations

import asyncio
import logging
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

from speech.errors import ServerError, SpeechError
from speech.settings import settings

__all__ = ["explained", "install"]

_WAIT = wait_random_exponential(multiplier=0.3, max=10)
_LONGEST_PAUSE = 15.0
# Prefect's engine asks for the default storage of results, which it can do without, in the middle of its event loop.
_LONGEST_BLOCK = 5.0
# A process that ends waits for it.
_LONGEST_PAUSE_OF_A_SERVICE = 1.0

log = logging.getLogger("f5_flows.prefect")


def install() -> None:
    """Have every client that Prefect makes in this process follow the policy; once more does no harm."""
    orchestration.PrefectHttpxAsyncClient = _AsyncClient  # type: ignore[misc,assignment]
    orchestration.PrefectHttpxSyncClient = _SyncClient  # type: ignore[misc,assignment]
    _leases._handle_lease_renewal_failure = _keep_running


def explained(fault: BaseException) -> SpeechError:
    """What a fault of a call to Prefect means, in a sentence without the server's address."""
    if isinstance(fault, SpeechError):
        return fault
    if isinstance(fault, httpx.HTTPStatusError):
        status = fault.response.status_code
        if status in (401, 403):
            return ServerError(f"The Prefect server does not accept this machine's credentials ({status}).")
        return ServerError(f"The Prefect server refused a call ({status}); try again in a moment.")
    if isinstance(fault, httpx.HTTPError):
        return ServerError(f"The Prefect server does not answer ({type(fault).__name__}); try again in a moment.")
    if isinstance(fault, PrefectException | ValueError | RuntimeError):
        return ServerError(f"The Prefect server gave an answer that cannot be used ({type(fault).__name__}).")
    return ServerError(f"Prefect could not be asked ({type(fault).__name__}).")


class _AsyncClient(PrefectHttpxAsyncClient):
    async def _send_with_retry(self, request: httpx.Request, send: Any, *_: Any, **given: Any) -> Any:
        async def patiently(request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
            async def once() -> httpx.Response:
                return _checked(await send(request, *args, **kwargs))

            return await AsyncRetrying(**_policy(settings().prefect_patience))(once)

        return await super()._send_with_retry(request, patiently, **_without_retries(given))


class _SyncClient(PrefectHttpxSyncClient):
    def _send_with_retry(self, request: httpx.Request, send: Any, *_: Any, **given: Any) -> Any:
        def patiently(request: httpx.Request, *args: Any, **kwargs: Any) -> httpx.Response:
            patience = settings().prefect_patience
            seconds = min(patience, _LONGEST_BLOCK) if _holds_up_a_loop() else patience
            return Retrying(**_policy(seconds))(lambda: _checked(send(request, *args, **kwargs)))

        return super()._send_with_retry(request, patiently, **_without_retries(given))


def _without_retries(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of Prefect's own loop, which is left to renew the token against forgery and no more."""
    return {**given, "retry_codes": set(), "retry_exceptions": ()}


def _policy(seconds: float) -> dict[str, Any]:
    return {
        "stop": stop_any(stop_after_delay(seconds), lambda _: _leaving()),
        "wait": _pause,
        "retry": retry_if_exception(_may_pass) | retry_if_result(_is_busy),
        "before_sleep": _say,
        # The last answer, or the last fault.
        "retry_error_callback": lambda state: state.outcome.result(),
    }


def _holds_up_a_loop() -> bool:
    """Whether this thread runs an event loop, which a call that waits would keep from everything else."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _leaving() -> bool:
    """Whether this process ends: Prefect's services send the last lines of the log then, perhaps to nobody."""
    return bool(getattr(threading, "_SHUTTING_DOWN", False))


def _may_pass(fault: BaseException) -> bool:
    return isinstance(fault, httpx.TransportError | httpx.DecodingError) and not isinstance(
        fault, httpx.UnsupportedProtocol
    )


def _is_busy(answer: httpx.Response) -> bool:
    return answer.status_code in (408, 429) or answer.status_code >= 500


def _checked(answer: httpx.Response) -> httpx.Response:
    """An answer, if it can be one of Prefect's: a success is JSON, or has nothing to say."""
    if answer.is_success and answer.status_code != 204:
        try:
            answer.json()
        except (ValueError, RecursionError):
            raise httpx.DecodingError("The answer is not JSON.", request=answer.request) from None
    return answer


def _pause(state: RetryCallState) -> float:
    """As long as the server asked for, within reason, else a growing while."""
    asked = ""
    if state.outcome and not state.outcome.failed:
        asked = state.outcome.result().headers.get("Retry-After", "")
    if _leaving():
        return 0
    pause = min(float(asked), _LONGEST_PAUSE) if asked.isascii() and asked.isdigit() else _WAIT(state)
    return min(pause, _LONGEST_PAUSE_OF_A_SERVICE) if in_global_loop() else pause


def _say(state: RetryCallState) -> None:
    if state.attempt_number == 3 and state.outcome and not _leaving():
        fault = state.outcome.exception()
        what = type(fault).__name__ if fault else str(state.outcome.result().status_code)
        log.warning("The Prefect server does not answer (%s); it is asked again for a while", what)


def _keep_running(exc: BaseException, lease_id: Any, *_: Any) -> None:
    """A server that was started anew knows no leases; a run is not ended for that."""
    log.info("The place of a run within its deployment's limit is not held any more: %s", type(exc).__name__)
