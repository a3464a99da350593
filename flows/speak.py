"""Speak: one request becomes speech, word times, subtitles and files in a store."""

from typing import Any

from prefect import flow

from blocks.google import aload_account
from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.captions import Captions, caption
from flows.hooks import HOOKS, keep_result
from flows.workspace import RESULTS, job_id, run_url, workspace
from speech.request import SpeechRequest, SpeechResult
from speech.requirements import requirements_of
from speech.settings import EngineName
from tasks.encode_audio import Delivered, encode_audio
from tasks.ensure_runtime import ensure_runtime
from tasks.persist import persist_audio
from tasks.prepare import prepare
from tasks.progress import Progress
from tasks.report import report
from tasks.sync_models import sync_models
from tasks.synthesize import synthesize

__all__ = ["speak"]


@flow(name="speak", validate_parameters=True, persist_result=False, result_storage=RESULTS, **HOOKS)
@cancellable
async def speak(
    request: SpeechRequest, engine: EngineName | None = None, storage: str | None = None, google: str | None = None
) -> dict[str, Any]:
    """Turn a script into speech, with subtitles where they are asked for.

    Args:
        request: what to say, and how.
        engine: auto, f5-tts or espeak. Empty: what the worker is set up for.
        storage: a storage block, such as s3-bucket/prod. Empty: what the worker is set up for.
        google: a Google Speech block. Empty: what the worker is set up for.
    """
    progress = await Progress.begin()
    store = await aopen_store(storage)
    account = await aload_account(google) if request.return_word_timings else None
    notes: list[str] = []
    with workspace() as folder:
        if required := requirements_of(request, engine):
            await progress.start_step("set up")
            notes += await ensure_runtime(required, request, store)
            notes += await sync_models(required, store)
        await progress.start_step("prepare")
        prepared = await prepare(request, engine, store, folder)
        await progress.start_step("synthesize")
        recording, takes = await synthesize(request, prepared, folder, progress)
        audio = Delivered(recording.path, recording.rate)
        if request.audio_format != "wav":
            audio = await encode_audio(recording, request.audio_format)
        audio_url = await persist_audio(store, job_id(), audio.path)
        captions = Captions()
        if request.return_word_timings:
            captions = await caption(request, prepared.script, recording, audio, account, store, folder, progress)
    result = SpeechResult(
        job_id=job_id(),
        text=request.text,
        seed=prepared.script.seed,
        audio_url=audio_url,
        duration=recording.duration_ms / 1000,
        sample_rate=audio.rate,
        audio_format=audio.kind,
        flow_run_id=job_id(),
        flow_run_url=run_url(),
        warnings=[*notes, *prepared.warnings, *takes, *audio.warnings, *captions.warnings],
        **captions.fields,
    )
    await keep_result(store, request, result)
    await report(result, captions.subtitles, progress)
    return result.reply()
