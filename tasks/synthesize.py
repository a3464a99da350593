"""Second step: the script becomes a recording."""

from __future__ import annotations

import time
from pathlib import Path

from prefect.logging import get_run_logger

from speech.audio import Recording, record
from speech.engines import Manner
from speech.request import SpeechRequest
from speech.settings import settings
from speech.takes import perform
from tasks.prepare import Plan
from tasks.progress import Progress
from tasks.step import step

__all__ = ["synthesize"]


@step("synthesize", timeout=settings().processing_timeout, gpu=True)
def synthesize(
    request: SpeechRequest, plan: Plan, folder: Path, progress: Progress
) -> tuple[Recording, tuple[str, ...]]:
    """Speak every chunk and write one WAV file at the requested rate; with it, what the user should know of it."""
    began = time.perf_counter()
    speech = perform(
        plan.engine,
        plan.script.chunks,
        Manner(plan.script.language, request.speed, plan.script.seed, plan.reference, request.quality),
        retakes=settings().max_retakes,
        progress=lambda done, total: progress.inside("synthesize", done, total),
    )
    recording = record(speech.samples, speech.rate, speech.spans, folder / "speech.wav", request.sample_rate)
    get_run_logger().info(
        "%s spoke %d chunks: %.2f s of audio at %d Hz, in %.2f s",
        plan.engine.name,
        len(plan.script.chunks),
        recording.duration_ms / 1000,
        recording.rate,
        time.perf_counter() - began,
    )
    return recording, speech.notes
