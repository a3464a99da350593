"""The inbox: texts that were put into the store, each spoken once.

The flow run of a text is found by the text's key and content, so a text that was begun by a process
that died is gone on with under the same id, and one that was spoken but not filed is only filed. Visits
take turns, so that no text is spoken by two at once. A text that cannot be spoken is filed with the
reason; whatever becomes of one text, the visit goes on to the next.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.concurrency.asyncio import concurrency
from prefect.exceptions import CancelledRun, ObjectAlreadyExists, ObjectNotFound
from prefect.flow_engine import run_flow_async
from prefect.states import Pending

from blocks.storage import akeepable
from speech.errors import InvalidRequest, NotFound, NotText, SpeechError, StoreError
from speech.outputs import content_type, key
from speech.records import kinds, load
from speech.request import SpeechRequest
from speech.settings import settings
from speech.stores import Store
from tasks.step import step

__all__ = ["Outcome", "Text", "Waiting", "file_away", "new_texts", "perform", "read", "turn"]

_INBOX, _DONE, _FAILED = "inbox/", "inbox/done/", "inbox/failed/"
# A run that failed for a reason that may pass is tried again by the next visits, but not for ever.
_MOST_TRIES = 3
_BYTES_A_CHARACTER = 4
_ODD = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
# Bytes: disks hold 255 in a name, and stores 1024 in a key, of which some are for folders and endings.
_LONGEST, _LONGEST_KEY = 200, 900


@dataclass(frozen=True, slots=True)
class Waiting:
    """A text that waits in the inbox, or what was found in its place.

    Attributes:
        flaw: why it cannot even be read, as a sentence.
    """

    key: str
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the inbox; `content` is None where it cannot be spoken, for the reason that `flaw` tells."""

    key: str
    content: str | None
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a text: the job that spoke it, or why it cannot be spoken."""

    job_id: str | None = None
    reason: str | None = None


@asynccontextmanager
async def turn(store: Store) -> AsyncIterator[None]:
    """One visit to a store's inbox at a time; the others wait. A visit that dies gives up its turn in a minute."""
    name = f"inbox-{hashlib.sha256(str(store).encode()).hexdigest()[:16]}"
    async with get_client() as client:
        with suppress(ObjectAlreadyExists):  # Another visit made it just now.
            await client.upsert_global_concurrency_limit_by_name(name, 1)
    async with concurrency(name, occupy=1, lease_duration=60, raise_on_lease_renewal_failure=False):
        yield


@step("look into the inbox", timeout=settings().request_timeout * 4)
def new_texts(store: Store) -> list[Waiting]:
    """What waits: first what is no text for reasons of its name or place, then the texts, the oldest first."""
    entries = sorted(store.list(_INBOX), key=lambda entry: entry.modified)
    most = settings().max_text_chars * _BYTES_A_CHARACTER
    found = [Waiting(stray.key, stray.reason) for stray in store.strays(_INBOX)]
    for entry in entries:
        large = f"It has {entry.size / 1e6:.1f} MB; at most {most / 1e6:g} MB are read. Use narrate for longer scripts."
        found.append(Waiting(entry.key, large if entry.size > most else None))
    return [one for one in found if one.key.endswith(".txt") and not one.key.startswith((_DONE, _FAILED))]


@step("read a text", timeout=settings().request_timeout * 4)
def read(store: Store, waiting: Waiting) -> Text | None:
    """The text; None where it is gone."""
    if waiting.flaw:
        return Text(waiting.key, None, waiting.flaw)
    try:
        return Text(waiting.key, store.read(waiting.key))
    except NotText:
        return Text(waiting.key, None, "It is not UTF-8 text; save it as UTF-8.")
    except NotFound:
        return None
    except StoreError as fault:
        if fault.transient:
            raise
        return Text(waiting.key, None, f"It cannot be read: {fault}")


async def perform(speak: Flow[..., Any], text: Text, asked: dict[str, Any], where: dict[str, Any]) -> Outcome | None:
    """Speak a text, unless it was spoken already; None where the next visit should try again.

    Args:
        asked: fields of the request beside the text; None means the default.
        where: the other parameters of the speak flow.
    """
    if text.content is None:
        return Outcome(reason=text.flaw)
    fields = {name: value for name, value in asked.items() if value is not None}
    try:
        request = SpeechRequest.parse({"text": text.content, **fields})
    except InvalidRequest as fault:
        return Outcome(reason=str(fault))
    parameters = {"request": request.model_dump(mode="json", exclude_unset=True), **where}
    digest = hashlib.sha256(json.dumps([text.key, text.content, parameters]).encode()).hexdigest()
    # Sealing the same request twice gives two texts, so it is left out of what tells runs apart.
    kept = await akeepable(request, where.get("storage"))
    parameters["request"] = kept.model_dump(mode="json", exclude_unset=True)
    async with get_client() as client:
        run = await _flow_run(client, speak, parameters, f"inbox-{digest}")
        state = run.state
        if state is None or not state.is_completed():
            if run.run_count >= _MOST_TRIES:
                return Outcome(reason=f"It failed {run.run_count} times; last: {state.message if state else ''}")
            if state and (state.is_final() or state.is_cancelling()):
                await client.set_flow_run_state(run.id, Pending(name="Claimed", message="inbox"), force=True)
                run = await client.read_flow_run(run.id)
            state = await run_flow_async(speak, flow_run=run, parameters=run.parameters, return_type="state")
        return await _judge(state, str(run.id))


@step("file away", timeout="setup_timeout")
def file_away(text: Text, outcome: Outcome, store: Store, folder: Path) -> str:
    """Put a text, and what was made of it, where they belong; the text leaves the inbox last.

    One that was changed or taken away while it was spoken stays as it is, for the next visit.
    """
    if text.content is not None and _content(store, text.key) != text.content:
        return text.key
    name = text.key.removeprefix(_INBOX).removesuffix(".txt")
    try:
        return _file(text, outcome, store, folder, _fitting(name))
    except StoreError as fault:
        if fault.transient:
            raise
        # Something may stand there already that is no file.
        return _file(text, outcome, store, folder, _fitting(name, always=True))


def _content(store: Store, key: str) -> str | None:
    try:
        return store.read(key)
    except (NotFound, NotText):
        return None


def _file(text: Text, outcome: Outcome, store: Store, folder: Path, name: str) -> str:
    if outcome.job_id is None:
        stem = f"{_FAILED}{name}"
        store.write(f"{stem}.reason.txt", f"{outcome.reason}\n", "text/plain")
    else:
        stem = f"{_DONE}{name}"
        record = load(store, outcome.job_id)
        for kind in kinds(record.result or {}):
            _copy(store, key(outcome.job_id, kind), f"{stem}.{kind}", content_type(kind), folder)
        # The subtitles may hold a .json of their own.
        store.write(f"{stem}.result.json", json.dumps(record.result, ensure_ascii=False, indent=1), "application/json")
    store.move(text.key, f"{stem}.txt")
    return f"{stem}.txt"


def _fitting(name: str, *, always: bool = False) -> str:
    """A name that any store can hold with a longer ending; one that is changed, or `always`, carries a digest.

    >>> _fitting("letters/mine")
    'letters/mine'
    """
    parts = []
    for part in name.split("/"):
        kept = _ODD.sub("_", part).encode()[:_LONGEST].decode(errors="ignore").strip(".") or "_"
        parts.append(kept)
    fitting = "/".join(parts)
    if len(fitting.encode()) > _LONGEST_KEY:
        fitting = parts[-1]
    if fitting == name and not always:
        return name
    return f"{fitting}-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:8]}"


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


def _copy(store: Store, source: str, target: str, content_type: str, folder: Path) -> None:
    path = folder / "copy"
    store.get(source, path)
    store.put(target, path, content_type)
