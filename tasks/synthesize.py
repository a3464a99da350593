"""Second step: turn the script into a recording."""

from __future__ import annotations

import time
from pathlib import Path

from prefect.logging import get_run_logger

from speech.audio import Recording
from speech.engines import SynthesisOptions
from speech.request import SpeechRequest
from speech.settings import settings
from speech.stores import Store
from speech.synthesis import Synthesis
from tasks.prepare import PreparedRequest
from tasks.progress import Progress
from tasks.step import step

__all__ = ["synthesize"]


@step("synthesize", timeout="processing_timeout", gpu=True)
def synthesize(
    request: SpeechRequest, prepared: PreparedRequest, store: Store, folder: Path, progress: Progress
) -> tuple[Recording, tuple[str, ...]]:
    """Speak every chunk and write one WAV file at the requested rate; return it with notes for the user."""
    began = time.perf_counter()
    reading, references = prepared.reading, prepared.references
    synthesis = Synthesis(
        prepared.engine,
        reading.chunks,
        SynthesisOptions(reading.language, request.speed, reading.seed, references.get(None), request.quality),
        references,
        retakes=settings().max_retakes,
        on_progress=lambda done, total: progress.advance("synthesize", done, total),
        store=store if request.reuse_takes else None,
    )
    recording = synthesis.record(folder / "speech.wav", request.sample_rate)
    get_run_logger().info(
        "%s spoke %d chunks: %.2f s of audio at %d Hz, in %.2f s",
        prepared.engine.name,
        len(reading.chunks),
        recording.duration_ms / 1000,
        recording.rate,
        time.perf_counter() - began,
    )
    return recording, synthesis.notes
