"""State hooks: they write the durable record of a run at each change of its state."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import PrefectException
from prefect.logging.loggers import flow_run_logger, get_run_logger
from prefect.settings import PREFECT_API_URL
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from blocks.storage import aopen_store
from speech import errors
from speech.errors import InvalidRequest, SpeechError, Unreachable
from speech.records import Record, Status, public, save
from speech.request import SpeechRequest
from speech.result import SpeechResult
from speech.settings import settings
from speech.stores import Store

__all__ = ["HOOKS", "STATUSES", "keep_result", "reason", "record_of", "record_state", "value_of", "write"]

STATUSES: dict[StateType, Status] = {
    StateType.SCHEDULED: "QUEUED",
    StateType.PENDING: "QUEUED",
    StateType.RUNNING: "PROCESSING",
    StateType.COMPLETED: "COMPLETED",
    StateType.FAILED: "ERROR",
    StateType.CRASHED: "ERROR",
    StateType.CANCELLING: "CANCELLED",
    StateType.CANCELLED: "CANCELLED",
}

# The prefix that Prefect adds to an exception's message; messages of our own errors do not need it.
_OUR_ERRORS = "|".join(name for name in errors.__all__ if isinstance(getattr(errors, name), type))
_PREFIX = re.compile(rf"Flow run encountered an exception: (?:{_OUR_ERRORS}): ")


async def record_state(flow: Flow[..., Any] | None, flow_run: FlowRun, state: State[Any]) -> None:
    """Write `jobs/<flow run>.json`; a failure is logged and does not change the outcome of the run."""
    try:
        store = await aopen_store(flow_run.parameters.get("storage"))
        await write(store, record_of(flow_run, state, await value_of(state)))
    except Exception as fault:
        flow_run_logger(flow_run, flow).error("The record of this job could not be written: %s", fault)


HOOKS: dict[str, Any] = {
    f"on_{event}": [record_state] for event in ("running", "completion", "failure", "cancellation", "crashed")
}


async def keep_result(store: Store, request: SpeechRequest, result: SpeechResult) -> None:
    """Write the result into the record of the running job.

    Prefect stores no results. If this process dies once the run has completed, the result is read from the record.
    """
    record = Record(
        job_id=result.job_id, status="PROCESSING", state="Running", request=public(request), result=result.reply()
    )
    try:
        await write(store, record)
    except SpeechError as fault:
        get_run_logger().warning("The result could not be written to the record before the run ended: %s", fault)


def record_of(run: FlowRun, state: State[Any], value: Any = None) -> Record:
    """Return the record of a run in that state.

    Args:
        value: what the flow returned or raised; None if that is not known.
    """
    has_failed = state.is_failed() or state.is_crashed()
    return Record(
        job_id=str(run.id),
        status=STATUSES[state.type],
        state=state.name or state.type.value,
        request=_request(run.parameters.get("request")),
        result=value if state.is_completed() and isinstance(value, dict) else None,
        error_message=reason(state, value) if has_failed else None,
    )


async def write(store: Store, record: Record, *, overrule: bool = False) -> bool:
    """Save a record, with retries while the store is unreachable; see `speech.records.save`."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(Unreachable),
        wait=wait_exponential(max=30),
        stop=stop_after_attempt(settings().step_retries + 1),
        reraise=True,
    ):
        with attempt:
            return await asyncio.to_thread(save, store, record, overrule=overrule)
    raise AssertionError("unreachable")


async def value_of(state: State[Any]) -> Any:
    """Return what a flow returned or raised, or None: a state that was read from Prefect does not hold it."""
    if not state.is_final():
        return None
    try:
        return await state.aresult(raise_on_failure=False)
    except PrefectException:
        return None


def reason(state: State[Any], value: Any = None) -> str:
    """Return why a run failed, as the client sees it: the error's message, without what Prefect adds to it."""
    if isinstance(value, SpeechError):
        return str(value)
    message = state.message or f"The run ended as {state.name}."
    if (api := PREFECT_API_URL.value()) and api in message:
        return "The Prefect server did not answer during the run; run it again."
    return _PREFIX.sub("", message, count=1)


def _request(value: Any) -> dict[str, Any]:
    """Return the request in the form that may be stored; empty for an invalid one, whose content is unchecked."""
    try:
        request = value if isinstance(value, SpeechRequest) else SpeechRequest.parse(dict(value or {}))
    except (InvalidRequest, TypeError, ValueError):
        return {}
    return public(request)
