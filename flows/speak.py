"""Speak: one request becomes speech, word times, subtitles and files in a store."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.exceptions import CancelledRun

from blocks.google import aload_account
from blocks.storage import aopen_store
from flows.cancellation import cancellable
from flows.hooks import HOOKS, keep_result
from flows.workspace import job_id, run_url, workspace
from speech.alignment.google import Account
from speech.audio import Recording
from speech.errors import AlignmentError, told
from speech.needs import needs
from speech.outputs import PIECES, PREVIEW
from speech.request import SpeechRequest, SpeechResult
from speech.settings import EngineName
from speech.stores import Store
from speech.subtitles import Subtitles, make, summary
from speech.words import delay
from tasks.align_words import align_words
from tasks.encode_audio import Delivered, encode_audio
from tasks.ensure_runtime import ensure_runtime
from tasks.persist import persist_audio, persist_files
from tasks.prepare import Plan, prepare
from tasks.progress import Progress
from tasks.render_subtitles import render_subtitles
from tasks.report import report
from tasks.sync_models import sync_models
from tasks.synthesize import synthesize

__all__ = ["speak"]


@flow(name="speak", validate_parameters=True, persist_result=False, **HOOKS)
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
        if needed := needs(request, engine):
            await progress.reach("set up")
            notes += await ensure_runtime(needed, request, store)
            notes += await sync_models(needed, store)
        await progress.reach("prepare")
        plan = await prepare(request, engine, store, folder)
        await progress.reach("synthesize")
        recording, about = await synthesize(request, plan, folder, progress)
        audio = Delivered(recording.path, recording.rate)
        if request.audio_format != "wav":
            audio = await encode_audio(recording, request.audio_format)
        result = SpeechResult(
            job_id=job_id(),
            text=request.text,
            seed=plan.script.seed,
            audio_url=await persist_audio(store, job_id(), audio.path),
            duration=recording.duration_ms / 1000,
            sample_rate=audio.rate,
            audio_format=audio.kind,
            flow_run_id=job_id(),
            flow_run_url=run_url(),
            warnings=[*notes, *plan.warnings, *about, *audio.warnings],
        )
        subtitles: Subtitles | None = None
        if request.return_word_timings:
            try:
                subtitles = await _subtitle(request, plan, recording, audio, account, store, folder, progress, result)
            except CancelledRun:
                raise
            except Exception as fault:
                # The audio is stored, and is never lost to what becomes of its subtitles.
                what = "The words could not be timed" if isinstance(fault, AlignmentError) else "There are no subtitles"
                result.warnings.append(f"{what}: {told(fault)}")
    await keep_result(store, request, result)
    await report(result, subtitles, progress)
    return result.reply()


async def _subtitle(
    request: SpeechRequest,
    plan: Plan,
    recording: Recording,
    audio: Delivered,
    account: Account | None,
    store: Store,
    folder: Path,
    progress: Progress,
    result: SpeechResult,
) -> Subtitles:
    """Time the words, make the files, store them; only when all of it is done the result tells of them."""
    await progress.reach("align")
    alignment = await align_words(recording, plan.script, request.timing_method, account)
    await progress.reach("render")
    subtitles = make(
        delay(alignment.words, audio.delay_ms, recording.duration_ms),
        text=plan.script.text,
        language=plan.script.language,
        duration_ms=recording.duration_ms,
        method=alignment.method,
        job_id=job_id(),
        **request.presentation(),
    )
    broken = subtitles.broken()
    rendered = await render_subtitles(subtitles, request, recording, audio.path, folder)
    await progress.reach("persist")
    urls = await persist_files(store, job_id(), rendered.paths)
    result.timing_files = {name: urls[name] for name in request.formats}
    result.preview_url, result.cues_url = urls.get(PREVIEW), urls.get(PIECES)
    result.timing_format = request.timing_format
    result.timing_method = alignment.method
    result.word_count = len(alignment.words)
    result.timing_confidence = subtitles.confidence
    result.timing_cost_usd = alignment.cost_usd or None
    result.subtitle_problems = [asdict(problem) for problem in broken] or None
    result.warnings += [*alignment.warnings, *rendered.warnings, *summary(broken)]
    return subtitles
