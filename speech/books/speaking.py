"""Speaking the lines of a book, and timing their words; what is finished is kept at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from speech import takes
from speech.alignment import align
from speech.audio import Recording, Samples, Span, write_wav
from speech.books.edition import Edition
from speech.books.lines import Line
from speech.books.take_store import TakeStore
from speech.engines import ChunkProgress
from speech.errors import AlignmentError, EngineError
from speech.settings import settings
from speech.takes import Take
from speech.words import Word, place

__all__ = ["speak", "time_words", "windows"]

# About two minutes of speech: the work of one step, and the most that a killed process loses.
_WINDOW_CHARS = 2_000
_ALIGNED_RATE = 16_000
_UNTIMED = "interpolated"
_HANDS = 4


def windows(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Yield the lines in runs of a few minutes of speech."""
    first = length = 0
    for index, line in enumerate(lines, 1):
        length += len(line.chunk.spoken)
        if length >= _WINDOW_CHARS or index == len(lines):
            yield lines[first:index]
            first, length = index, 0


def speak(
    edition: Edition, lines: Sequence[Line], take_store: TakeStore, on_progress: ChunkProgress | None = None
) -> None:
    """Speak lines, and keep each take as soon as it is judged.

    Raises:
        EngineError: the engine failed, or made no usable sound; the takes that were judged before are kept.
    """
    distinct = list({line.key: line for line in lines}.values())
    engine = edition.engine

    chunks = [line.chunk for line in distinct]
    options = [edition.options_of(line) for line in distinct]
    # The engine continues while takes are stored; takes already handed over are stored even if it fails.
    with ThreadPoolExecutor(_HANDS) as pool:
        writes: list[Future[None]] = []

        def keep(index: int, take: Take) -> None:
            if not len(take.samples) or not np.isfinite(take.samples).all():
                raise EngineError(f"{engine.name} made no usable sound of {distinct[index].chunk.text[:80]!r}.")
            writes.append(pool.submit(take_store.put, distinct[index].key, take, engine.rate))

        takes.best(engine, chunks, options, retakes=settings().max_retakes, on_progress=on_progress, keep=keep)
    for each in writes:
        each.result()


def time_words(
    edition: Edition,
    lines: Sequence[Line],
    take_store: TakeStore,
    folder: Path,
    options: Mapping[str, Mapping[str, Any]],
) -> tuple[str, ...]:
    """Time the words of lines whose takes are kept, and keep the times; return notes for the user.

    Args:
        folder: for temporary files.
        options: see `speech.alignment.align`.
    """
    chunks, rate = [line.chunk for line in lines], edition.engine.rate
    spans: list[Span] = []
    path = folder / "lines.wav"
    frames = write_wav(path, _sounds(lines, take_store, spans), rate, _ALIGNED_RATE)
    recording = Recording.of(path, frames, _ALIGNED_RATE, spans, rate)
    try:
        timed = align(recording, chunks, edition.language, edition.request.timing_method, options)
        words, method, notes = list(timed.words), timed.method, timed.warnings
    except AlignmentError as fault:
        words, method, notes = [], _UNTIMED, (str(fault),)
    path.unlink()
    at = 0
    for line, (start, end), (begin, _) in zip(lines, spans, recording.spans_ms, strict=True):
        length = (end - start) * 1000 // rate
        tokens = line.chunk.tokens
        line_words = words[at : at + len(tokens)]
        at += len(tokens)
        if line_words:
            line_words = [_shift(word, begin, length) for word in line_words]
        else:
            line_words = place(tokens, [None] * len(tokens), [0.0] * len(tokens), length)
        take_store.put_words(line.words, line_words, method)
    return notes


def _sounds(lines: Sequence[Line], take_store: TakeStore, spans: list[Span]) -> Iterator[Samples]:
    """Yield the takes of lines, and note where each begins and ends."""
    at = 0
    for line in lines:
        samples = take_store.samples(line.key)
        spans.append((at, at + len(samples)))
        at += len(samples)
        yield samples


def _shift(word: Word, begin: int, length: int) -> Word:
    start = min(max(word.start - begin, 0), length)
    end = min(max(word.end - begin, start), length)
    return Word(word.text, start, end, word.confidence, word.interpolated, word.space)
