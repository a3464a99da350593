"""The inbox: texts that were put into the store, each spoken once.

The flow run of a text is identified by the text's key, content and parameters. So a text that was started
by a process that died is continued under the same id, and one that was spoken but not filed is only filed.
Visits take turns, so that no text is spoken twice at once. A text that cannot be spoken is filed with the
reason, and the visit continues with the next text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.concurrency.asyncio import concurrency
from prefect.exceptions import CancelledRun, ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.flow_engine import run_flow_async

from blocks.storage import akeepable
from speech import inbox
from speech.errors import InvalidRequest, SpeechError, StoreError
from speech.inbox import InboxEntry, Outcome, Text
from speech.request import SpeechRequest
from speech.stores import Store
from tasks.claims import claim_state
from tasks.step import step

__all__ = ["file_away", "lock", "new_texts", "perform", "read"]

_HOLDER = "inbox"
# A run that failed for a transient reason is tried again by the next visits, up to this many tries in all.
_MAX_TRIES = 3


@step("look into the inbox", timeout="processing_timeout")
def new_texts(store: Store) -> list[InboxEntry]:
    """Return the entries that wait; see `speech.inbox`."""
    return inbox.new_texts(store)


@step("read a text", timeout="processing_timeout")
def read(store: Store, entry: InboxEntry) -> Text | None:
    """Read a text; return None if it no longer exists."""
    return inbox.read(store, entry)


@step("file away", timeout="setup_timeout")
def file_away(text: Text, outcome: Outcome, store: Store, folder: Path) -> str:
    """File a text and what was made of it; return the text's new key."""
    return inbox.file_away(text, outcome, store, folder)


@asynccontextmanager
async def lock(store: Store) -> AsyncIterator[None]:
    """Hold the lock on a store's inbox; other visits wait. The lock of a visit that dies expires within a minute."""
    name = f"inbox-{hashlib.sha256(str(store).encode()).hexdigest()[:16]}"
    async with get_client() as client:
        with suppress(ObjectAlreadyExists):  # Another visit has just created it.
            await client.upsert_global_concurrency_limit_by_name(name, 1)
    async with concurrency(name, occupy=1, lease_duration=60, raise_on_lease_renewal_failure=False):
        yield


async def perform(speak: Flow[..., Any], text: Text, asked: dict[str, Any], where: dict[str, Any]) -> Outcome | None:
    """Speak a text unless it was spoken already; return None if the next visit should try again.

    Args:
        speak: the flow that speaks it.
        asked: fields of the request other than the text; None means the default.
        where: the other parameters of the speak flow.
    """
    if text.content is None:
        return Outcome(reason=text.flaw)
    asked = {"script_format": text.script_format, **asked}
    fields = {name: value for name, value in asked.items() if value is not None}
    try:
        request = SpeechRequest.parse({"text": text.content, **fields})
    except InvalidRequest as fault:
        return Outcome(reason=str(fault))
    parameters = {"request": request.model_dump(mode="json", exclude_unset=True), **where}
    digest = hashlib.sha256(json.dumps([text.key, text.content, parameters]).encode()).hexdigest()
    # Sealing a request gives a different text each time, so the digest is taken before.
    sealed = await akeepable(request, where.get("storage"))
    parameters["request"] = sealed.model_dump(mode="json", exclude_unset=True)
    async with get_client() as client:
        try:
            run = await _flow_run(client, speak, parameters, f"inbox-{digest}")
        except PrefectHTTPStatusError as fault:
            if fault.response.status_code != httpx.codes.UNPROCESSABLE_ENTITY:
                raise
            # Most likely it is longer than PREFECT_SERVER_API_MAX_PARAMETER_SIZE allows.
            return Outcome(reason=f"The Prefect server refuses it: {fault.response.text[:300]}")
        state = run.state
        if state is None or not state.is_completed():
            if run.run_count >= _MAX_TRIES:
                return Outcome(reason=f"It failed {run.run_count} times; last: {state.message if state else ''}")
            if state and (state.is_final() or state.is_cancelling()):
                await client.set_flow_run_state(run.id, claim_state(_HOLDER), force=True)
                run = await client.read_flow_run(run.id)
            state = await run_flow_async(speak, flow_run=run, parameters=run.parameters, return_type="state")
        return await _outcome(state, str(run.id))


async def _flow_run(client: PrefectClient, speak: Flow[..., Any], parameters: dict[str, Any], key: str) -> FlowRun:
    """Create the flow run with this idempotency key, already claimed, or return the one that exists."""
    state = claim_state(_HOLDER)
    try:
        deployment = await client.read_deployment_by_name("speak/speak")
    except ObjectNotFound:
        flow_id = await client.create_flow_from_name(speak.name)
        answer = await client.request(
            "POST",
            "/flow_runs/",
            json={"flow_id": str(flow_id), "parameters": parameters, "idempotency_key": key,
                  "state": {"type": state.type.value, "name": state.name, "message": state.message}, "tags": ["inbox"]},
        )  # fmt: skip
        return FlowRun.model_validate(answer.json())
    # Prefect's server refuses null for a choice of values.
    parameters_set = {name: value for name, value in parameters.items() if value is not None}
    return await client.create_flow_run_from_deployment(
        deployment.id, parameters=parameters_set, state=state, idempotency_key=key, tags=["inbox"]
    )


async def _outcome(state: State[Any] | None, job: str) -> Outcome | None:
    """Return the outcome of a text from the state of its run; None if the next visit should try again."""
    if state is None:
        return None
    if state.is_completed():
        return Outcome(job_id=job)
    if state.is_cancelled():
        raise CancelledRun
    if not state.is_final():
        return None
    fault = await state.aresult(raise_on_failure=False)
    if isinstance(fault, StoreError) or (isinstance(fault, SpeechError) and fault.transient):
        return None
    if isinstance(fault, SpeechError):
        return Outcome(reason=str(fault))
    return None
