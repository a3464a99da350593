"""The inbox: texts that were put into the store, each spoken once.

The flow run of a text is found by the text's key and content, so a text that was begun by a process
that died is gone on with under the same id, and one that was spoken but not filed is only filed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.flow_engine import run_flow_async
from prefect.states import Pending

from speech.errors import InvalidRequest, NotFound, NotText, SpeechError, StoreError
from speech.outputs import content_type, key
from speech.records import kinds, load
from speech.request import SpeechRequest
from speech.settings import settings
from speech.stores import Store
from tasks.step import step

__all__ = ["Outcome", "Text", "file_away", "new_texts", "perform"]

_INBOX, _DONE, _FAILED = "inbox/", "inbox/done/", "inbox/failed/"
# A run that failed for a reason that may pass is tried again by the next visits, but not for ever.
_MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the inbox; `content` is None where it cannot be read as UTF-8."""

    key: str
    content: str | None

    @property
    def name(self) -> str:
        return self.key.removeprefix(_INBOX)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a text: the job that spoke it, or why it cannot be spoken."""

    job_id: str | None = None
    reason: str | None = None


@step("look into the inbox", timeout=settings().request_timeout * 4)
def new_texts(store: Store, most: int) -> list[Text]:
    """The texts that wait, the oldest first."""
    entries = [
        entry
        for entry in store.list(_INBOX)
        if entry.key.endswith(".txt") and not entry.key.startswith((_DONE, _FAILED))
    ]
    texts = []
    for entry in sorted(entries, key=lambda entry: entry.modified)[:most]:
        try:
            texts.append(Text(entry.key, store.read(entry.key)))
        except NotText:
            texts.append(Text(entry.key, None))
        except NotFound:
            continue
    return texts


async def perform(speak: Flow[..., Any], text: Text, asked: dict[str, Any], where: dict[str, Any]) -> Outcome | None:
    """Speak a text, unless it was spoken already; None where the next visit should try again.

    Args:
        asked: fields of the request beside the text; None means the default.
        where: the other parameters of the speak flow.
    """
    if text.content is None:
        return Outcome(reason="It is not UTF-8 text; save it as UTF-8.")
    fields = {name: value for name, value in asked.items() if value is not None}
    try:
        request = SpeechRequest.parse({"text": text.content, **fields})
    except InvalidRequest as fault:
        return Outcome(reason=str(fault))
    parameters = {"request": request.model_dump(mode="json", exclude_unset=True), **where}
    async with get_client() as client:
        digest = hashlib.sha256(json.dumps([text.key, text.content, parameters]).encode()).hexdigest()
        run = await _flow_run(client, speak, parameters, f"inbox-{digest}")
        state = run.state
        if state is None or not state.is_completed():
            if run.run_count >= _MOST_TRIES:
                return Outcome(reason=f"It failed {run.run_count} times; last: {state.message if state else ''}")
            if state and state.is_final():
                await client.set_flow_run_state(run.id, Pending(name="Claimed", message="inbox"), force=True)
                run = await client.read_flow_run(run.id)
            state = await run_flow_async(speak, flow_run=run, parameters=run.parameters, return_type="state")
        return await _judge(state, str(run.id))


@step("file away", timeout=settings().processing_timeout)
def file_away(text: Text, outcome: Outcome, store: Store, folder: Path) -> str:
    """Put a text, and what was made of it, where they belong; the text leaves the inbox last."""
    if outcome.job_id is None:
        stem = f"{_FAILED}{text.name.removesuffix('.txt')}"
        store.write(f"{stem}.reason.txt", f"{outcome.reason}\n", "text/plain")
        place = f"{stem}.txt"
    else:
        stem = f"{_DONE}{text.name.removesuffix('.txt')}"
        record = load(store, outcome.job_id)
        for kind in kinds(record.result or {}):
            _copy(store, key(outcome.job_id, kind), f"{stem}.{kind}", content_type(kind), folder)
        # The subtitles may hold a .json of their own.
        store.write(f"{stem}.result.json", json.dumps(record.result, ensure_ascii=False, indent=1), "application/json")
        place = f"{stem}.txt"
    original = folder / "text"
    store.get(text.key, original)
    store.put(place, original, "text/plain")
    store.delete(text.key)
    return place


async def _flow_run(client: Any, speak: Flow[..., Any], parameters: dict[str, Any], key: str) -> FlowRun:
    claimed = Pending(name="Claimed", message="inbox")
    try:
        deployment = await client.read_deployment_by_name("speak/speak")
    except ObjectNotFound:
        flow_id = await client.create_flow_from_name(speak.name)
        answer = await client.request(
            "POST",
            "/flow_runs/",
            json={"flow_id": str(flow_id), "parameters": parameters, "idempotency_key": key,
                  "state": {"type": "PENDING", "name": "Claimed"}, "tags": ["inbox"]},
        )  # fmt: skip
        return FlowRun.model_validate(answer.json())
    return await client.create_flow_run_from_deployment(
        deployment.id, parameters=parameters, state=claimed, idempotency_key=key, tags=["inbox"]
    )


async def _judge(state: State[Any], job: str) -> Outcome | None:
    if state.is_completed():
        return Outcome(job_id=job)
    fault = await state.aresult(raise_on_failure=False)
    if isinstance(fault, StoreError) or (isinstance(fault, SpeechError) and fault.transient):
        return None
    if isinstance(fault, SpeechError):
        return Outcome(reason=str(fault))
    return None


def _copy(store: Store, source: str, target: str, content_type: str, folder: Path) -> None:
    path = folder / "copy"
    store.get(source, path)
    store.put(target, path, content_type)
