"""Third step: every word of the script gets its time."""

from __future__ import annotations

from prefect.logging import get_run_logger

from speech.alignment import Alignment, align
from speech.alignment.google import Account
from speech.audio import Recording
from speech.script import Script
from tasks.step import step

__all__ = ["align_words"]


@step("align words", timeout="processing_timeout")
def align_words(recording: Recording, script: Script, method: str, account: Account | None = None) -> Alignment:
    """Walk the chain of aligners, the requested one first."""
    options = {"google": {"account": account}} if account else {}
    alignment = align(recording, script.chunks, script.language, method, options)
    log = get_run_logger()
    for reason in alignment.warnings:
        log.info("%s", reason)
    log.info("%s timed %d words", alignment.method, len(alignment.words))
    return alignment
