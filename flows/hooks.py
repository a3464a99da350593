"""State hooks: they write the durable record of a run, whatever becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.logging.loggers import flow_run_logger
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from blocks.storage import aopen_store
from speech.errors import InvalidRequest, SpeechError, Unreachable
from speech.records import Record, Status, public, save
from speech.request import SpeechRequest
from speech.settings import settings

__all__ = ["HOOKS", "STATUSES", "record_state"]

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


async def record_state(flow: Flow[..., Any] | None, flow_run: FlowRun, state: State[Any]) -> None:
    """Write `jobs/<flow run>.json`. A store that fails here is logged: the run's outcome stands."""
    try:
        store = await aopen_store(flow_run.parameters.get("storage"))
        result = await state.aresult(raise_on_failure=False) if state.is_completed() else None
        record = Record(
            job_id=str(flow_run.id),
            status=STATUSES[state.type],
            state=state.name or state.type.value,
            request=_request(flow_run.parameters.get("request")),
            result=result if isinstance(result, dict) else None,
            error_message=await _message(state),
        )
        # The result is made: a store that is away for a minute must not lose its record.
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Unreachable),
            wait=wait_exponential(max=30),
            stop=stop_after_attempt(settings().step_retries + 1),
            reraise=True,
        ):
            with attempt:
                await asyncio.to_thread(save, store, record)
    except SpeechError as fault:
        flow_run_logger(flow_run, flow).error("The record of this job could not be written: %s", fault)


HOOKS: dict[str, Any] = {
    f"on_{event}": [record_state] for event in ("running", "completion", "failure", "cancellation", "crashed")
}


def _request(given: Any) -> dict[str, Any]:
    """The request as it may be kept; nothing of one that is not valid, since nobody checked what it holds."""
    try:
        request = given if isinstance(given, SpeechRequest) else SpeechRequest.parse(dict(given or {}))
    except (InvalidRequest, TypeError, ValueError):
        return {}
    return public(request)


async def _message(state: State[Any]) -> str | None:
    if not (state.is_failed() or state.is_crashed()):
        return None
    fault = await state.aresult(raise_on_failure=False)
    if isinstance(fault, SpeechError):
        return str(fault)
    return state.message or "The run crashed."
