"""The subtitles of a recording: timing its words, and writing the subtitle files into the store."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from prefect.exceptions import CancelledRun

from flows.workspace import job_id
from speech.alignment.google import Account
from speech.audio import Recording
from speech.errors import AlignmentError, message_of
from speech.outputs import PIECES, PREVIEW
from speech.request import SpeechRequest
from speech.script import Reading
from speech.stores import Store
from speech.subtitles import Subtitles, make, summary
from speech.subtitles.speakers import remark
from speech.words import delay
from tasks.align_words import align_words
from tasks.encode_audio import DeliveredAudio
from tasks.persist import persist_files
from tasks.progress import Progress
from tasks.render_subtitles import render_subtitles

__all__ = ["SubtitleResult", "add_subtitles"]


@dataclass(frozen=True, slots=True)
class SubtitleResult:
    """What the subtitles add to a result.

    Attributes:
        subtitles: the subtitles; None if there are none.
        fields: fields of `SpeechResult`.
        warnings: notes for the user.
    """

    subtitles: Subtitles | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


async def add_subtitles(
    request: SpeechRequest,
    reading: Reading,
    recording: Recording,
    audio: DeliveredAudio,
    account: Account | None,
    store: Store,
    folder: Path,
    progress: Progress,
) -> SubtitleResult:
    """Add subtitles to a recording whose audio is already stored; a failure becomes a warning, and the audio is kept.

    Args:
        audio: the audio file that the client receives.
        account: the Google account; None if there is none.
        folder: the working folder of the run.
    """
    try:
        await progress.start_step("align")
        alignment = await align_words(recording, reading, request.timing_method, account)
        await progress.start_step("render")
        subtitles = make(
            delay(alignment.words, audio.delay_ms, recording.duration_ms),
            text=reading.text,
            language=reading.language,
            duration_ms=recording.duration_ms,
            method=alignment.method,
            job_id=job_id(),
            passages=reading.script.passages,
            **request.presentation(),
        )
        problems = subtitles.violations()
        rendered = await render_subtitles(subtitles, request, recording, audio.path, folder)
        await progress.start_step("persist")
        urls = await persist_files(store, job_id(), rendered.paths, request.title)
        fields = {
            "timing_files": {name: urls[name] for name in request.formats},
            "preview_url": urls.get(PREVIEW),
            "cues_url": urls.get(PIECES),
            "timing_format": request.timing_format,
            "timing_method": alignment.method,
            "word_count": len(alignment.words),
            "timing_confidence": subtitles.confidence,
            "timing_cost_usd": alignment.cost_usd or None,
            "subtitle_problems": [asdict(violation) for violation in problems] or None,
        }
        unseen = [note] if (note := remark(subtitles, request.formats)) else []
        return SubtitleResult(subtitles, fields, (*alignment.warnings, *rendered.warnings, *summary(problems), *unseen))
    except CancelledRun:
        raise
    except Exception as fault:
        problem = "The words could not be timed" if isinstance(fault, AlignmentError) else "There are no subtitles"
        return SubtitleResult(warnings=(f"{problem}: {message_of(fault)}",))
