"""Second step: the script becomes a recording."""

from __future__ import annotations

import time
from pathlib import Path

from prefect.logging import get_run_logger

from speech import takes
from speech.audio import Recording, record
from speech.engines import SynthesisOptions
from speech.request import SpeechRequest
from speech.settings import settings
from tasks.prepare import PreparedRequest
from tasks.progress import Progress
from tasks.step import step

__all__ = ["synthesize"]


@step("synthesize", timeout="processing_timeout", gpu=True)
def synthesize(
    request: SpeechRequest, prepared: PreparedRequest, folder: Path, progress: Progress
) -> tuple[Recording, tuple[str, ...]]:
    """Speak every chunk and write one WAV file at the requested rate; with it, what the user should know of it."""
    began = time.perf_counter()
    speech = takes.synthesize(
        prepared.engine,
        prepared.script.chunks,
        SynthesisOptions(
            prepared.script.language, request.speed, prepared.script.seed, prepared.reference, request.quality
        ),
        retakes=settings().max_retakes,
        progress=lambda done, total: progress.advance("synthesize", done, total),
    )
    recording = record(speech.samples, speech.rate, speech.spans, folder / "speech.wav", request.sample_rate)
    get_run_logger().info(
        "%s spoke %d chunks: %.2f s of audio at %d Hz, in %.2f s",
        prepared.engine.name,
        len(prepared.script.chunks),
        recording.duration_ms / 1000,
        recording.rate,
        time.perf_counter() - began,
    )
    return recording, speech.notes
