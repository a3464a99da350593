"""State hooks: they write the durable record of a run, whatever becomes of it."""

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
from speech.request import SpeechRequest, SpeechResult
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

# What Prefect puts before the text of an exception; ours are sentences of their own.
_OURS = "|".join(name for name in errors.__all__ if isinstance(getattr(errors, name), type))
_WRAPPING = re.compile(rf"Flow run encountered an exception: (?:{_OURS}): ")


async def record_state(flow: Flow[..., Any] | None, flow_run: FlowRun, state: State[Any]) -> None:
    """Write `jobs/<flow run>.json`. A store that fails here is logged: the run's outcome stands."""
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

    Prefect keeps no results, so whoever finds the run completed, should this process say no more, has it from here.
    """
    record = Record(
        job_id=result.job_id, status="PROCESSING", state="Running", request=public(request), result=result.reply()
    )
    try:
        await write(store, record)
    except SpeechError as fault:
        get_run_logger().warning("The result could not be kept ahead of the run's end: %s", fault)


def record_of(run: FlowRun, state: State[Any], value: Any = None) -> Record:
    """The record of a run in that state, whoever brought it there.

    Args:
        value: what the flow returned or raised, where that is known.
    """
    failed = state.is_failed() or state.is_crashed()
    return Record(
        job_id=str(run.id),
        status=STATUSES[state.type],
        state=state.name or state.type.value,
        request=_request(run.parameters.get("request")),
        result=value if state.is_completed() and isinstance(value, dict) else None,
        error_message=reason(state, value) if failed else None,
    )


async def write(store: Store, record: Record, *, overrule: bool = False) -> bool:
    """Save a record, waiting for a store that is away for a minute; see `speech.records.save`."""
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
    """What a flow returned or raised, if this state holds it: a state that Prefect tells of does not."""
    if not state.is_final():
        return None
    try:
        return await state.aresult(raise_on_failure=False)
    except PrefectException:
        return None


def reason(state: State[Any], value: Any = None) -> str:
    """Why a run failed, for its client: the sentence of the fault, without what Prefect puts around it."""
    if isinstance(value, SpeechError):
        return str(value)
    message = state.message or f"The run ended as {state.name}."
    if (api := PREFECT_API_URL.value()) and api in message:
        return "The Prefect server did not answer while the run was at work; run it again."
    return _WRAPPING.sub("", message, count=1)


def _request(given: Any) -> dict[str, Any]:
    """The request as it may be kept; nothing of one that is not valid, since nobody checked what it holds."""
    try:
        request = given if isinstance(given, SpeechRequest) else SpeechRequest.parse(dict(given or {}))
    except (InvalidRequest, TypeError, ValueError):
        return {}
    return public(request)
