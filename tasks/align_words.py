"""Third step: time every word of the script."""

from __future__ import annotations

from prefect.logging import get_run_logger

from speech.alignment import Alignment, align
from speech.alignment.google import Account
from speech.audio import Recording
from speech.script import Reading
from tasks.step import step

__all__ = ["align_words"]


@step("align words", timeout="processing_timeout")
def align_words(recording: Recording, reading: Reading, method: str, account: Account | None = None) -> Alignment:
    """Time the words with the first aligner of the chain that succeeds, starting with the requested one."""
    options = {"google": {"account": account}} if account else {}
    alignment = align(recording, reading.chunks, reading.language, method, options)
    log = get_run_logger()
    for reason in alignment.warnings:
        log.info("%s", reason)
    log.info("%s timed %d words", alignment.method, len(alignment.words))
    return alignment
