"""Speak: turn one request into speech, word times, subtitles and files in a store."""

from typing import Annotated, Any

from prefect import flow

from blocks.google import aload_account
from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.form import Form
from flows.hooks import HOOKS, keep_result
from flows.subtitles import SubtitleResult, add_subtitles
from flows.workspace import RESULTS, job_id, run_name, run_url, workspace
from speech.notes import kinds
from speech.request import SpeechRequest
from speech.result import SpeechResult
from speech.settings import EngineName
from tasks.encode_audio import DeliveredAudio, encode_audio
from tasks.ensure_runtime import ensure_runtime
from tasks.persist import persist_audio
from tasks.prepare import prepare
from tasks.progress import Progress
from tasks.report import report
from tasks.resolve import resolve
from tasks.step import allow_for
from tasks.sync_models import sync_models
from tasks.synthesize import synthesize

__all__ = ["speak"]


@flow(
    name="speak",
    flow_run_name=run_name,
    validate_parameters=True,
    persist_result=False,
    result_storage=RESULTS,
    **HOOKS,
)
@cancellable
async def speak(
    request: Annotated[SpeechRequest, Form(hidden=("wait",))],
    engine: Annotated[EngineName | None, Form()] = None,
    storage: Annotated[str | None, Form()] = None,
    google: Annotated[str | None, Form()] = None,
) -> dict[str, Any]:
    """Turn a script into speech, with subtitles if they are requested.

    Args:
        request: what to say, and how.
        engine: auto, f5-tts or espeak. Empty: the worker's default.
        storage: a storage block, such as s3-bucket/prod. Empty: the worker's default.
        google: a Google Speech block. Empty: the worker's default.
    """
    progress = Progress.begin()
    allow_for(len(request.text))
    store = await aopen_store(storage)
    account = await aload_account(google) if request.return_word_timings else None
    notes: list[str] = []
    with workspace() as folder:
        resolved = await resolve(request, engine, store)
        if resolved.requirements:
            await progress.start_step("set up")
            notes += await ensure_runtime(resolved.requirements)
            notes += await sync_models(resolved.requirements, store)
        await progress.start_step("prepare")
        prepared = await prepare(resolved, store, folder)
        await progress.start_step("synthesize")
        recording, takes = await synthesize(request, prepared, store, folder, progress)
        audio = DeliveredAudio(recording.path, recording.rate)
        if request.audio_format != "wav":
            audio = await encode_audio(recording, request.audio_format)
        audio_url = await persist_audio(store, job_id(), audio.path, request.title)
        added = SubtitleResult()
        if request.return_word_timings:
            added = await add_subtitles(request, prepared.reading, recording, audio, account, store, folder, progress)
    warnings = [*notes, *prepared.warnings, *takes, *audio.warnings, *added.warnings]
    result = SpeechResult(
        job_id=job_id(),
        text=request.text,
        seed=prepared.reading.seed,
        audio_url=audio_url,
        duration=recording.duration_ms / 1000,
        sample_rate=audio.rate,
        audio_format=audio.kind,
        flow_run_id=job_id(),
        flow_run_url=run_url(),
        warnings=[str(warning) for warning in warnings],
        warning_kinds=kinds(warnings) or None,
        **added.fields,
    )
    await keep_result(store, request, result)
    await report(result, added.subtitles, store, progress)
    return result.reply()
