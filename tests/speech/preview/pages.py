"""Pages of scripts, with real speech or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from speech import preview
from speech.alignment import align
from speech.audio import Recording
from speech.script import Passage, Script
from speech.script.chunks import cut
from speech.subtitles import Subtitles, make
from speech.words import Word
from tests.spoken import RATE, speak

__all__ = ["load", "seek", "settle", "shown", "spoken", "timed", "write"]


def spoken(passages: Sequence[Passage], folder: Path, **presentation: Any) -> tuple[Subtitles, Path]:
    """Subtitles of passages as espeak-ng speaks them, and the recording."""
    script = Script(tuple(passages))
    chunks = cut(script, "en", 300)
    samples, _, _ = speak(chunks)
    soundfile.write(folder / "a.wav", samples, RATE)
    recording = Recording(folder / "a.wav", RATE, len(samples) * 1000 // RATE)
    aligned = align(recording, chunks, "en", "embedded")
    words = [replace(word, confidence=0.9, interpolated=False) for word in aligned.words]
    return _made(words, script, recording.duration_ms, **presentation), recording.path


def timed(passages: Sequence[Passage], each_ms: int = 300, **presentation: Any) -> Subtitles:
    """Subtitles of passages whose words are heard one after the other, each for as long."""
    words: list[Word] = []
    for passage in passages:
        for text in passage.text.split():
            start = len(words) * each_ms
            words.append(Word(text, start, start + each_ms, voice=passage.voice))
        if passage.text:
            words[-1] = replace(words[-1], space="\n")
    return _made(words, Script(tuple(passages)), len(words) * each_ms, **presentation)


def _made(words: Sequence[Word], script: Script, duration_ms: int, **presentation: Any) -> Subtitles:
    return make(
        words, text=script.text, language="en", duration_ms=duration_ms, method="embedded", job_id="job",
        passages=script.passages, **presentation,
    )  # fmt: skip


def write(subtitles: Subtitles, folder: Path, **more: Any) -> Path:
    """The page of subtitles, with a second of silence as its recording."""
    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "silence.wav", np.zeros(8_000), 8_000)
    return preview.write(subtitles, folder / "silence.wav", {}, folder / "p.html", **more)


def load(page: Any) -> None:
    """Wait until the page knows its recording. Polling is not open to a page whose policy allows no evaluation."""
    page.evaluate(
        "() => new Promise((done) => audio.readyState ? done() : audio.addEventListener('loadedmetadata', done))"
    )


def settle(page: Any) -> None:
    page.evaluate("() => new Promise((done) => audio.seeking ? audio.addEventListener('seeked', done) : done())")


def seek(page: Any, ms: float) -> None:
    page.evaluate(
        "(at) => new Promise((done) => { audio.addEventListener('seeked', done, { once: true }); "
        "audio.currentTime = at; })",
        ms / 1000,
    )


def shown(page: Any, selector: str) -> bool:
    """Whether an element is within the window and not behind the player."""
    found: bool = page.evaluate(
        "(selector) => { const box = document.querySelector(selector).getBoundingClientRect(); "
        "return box.top >= at('player').getBoundingClientRect().bottom && box.bottom <= innerHeight; }",
        selector,
    )
    return found
