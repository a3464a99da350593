"""Synthesis: from chunks to one recording, a window of chunks at a time, so that memory does not grow with length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from speech import reuse, takes
from speech.assembly import Assembly
from speech.audio import Recording, Samples, Span, write_wav
from speech.engines import ChunkProgress, Engine, SynthesisOptions
from speech.errors import EngineError
from speech.stores import Store
from speech.takes import Score, Take
from speech.text import Chunk
from speech.voices import Reference

__all__ = ["Synthesis"]

# About ten minutes of speech, 60 MB of samples; an engine makes its batches within a window.
_WINDOW_CHARS = 10_000


class Synthesis:
    """Speaks chunks while it is iterated over, which yields the finished samples in order.

    Attributes:
        rate: the engine's sample rate in hertz.
        takes: the takes that were kept, without their samples.
    """

    def __init__(
        self,
        engine: Engine,
        chunks: Sequence[Chunk],
        options: SynthesisOptions,
        references: Mapping[str | None, Reference | None] = MappingProxyType({}),
        *,
        retakes: int = 2,
        on_progress: ChunkProgress | None = None,
        score: Score | None = None,
        store: Store | None = None,
    ) -> None:
        """Prepare a synthesis.

        Args:
            options: how to speak; a chunk's own language, voice and speed override them.
            references: the references of the voices that chunks name. An engine that clones none still speaks each of
                them in a voice of its own.
            retakes, score: see `speech.takes.best`.
            on_progress: called for every chunk that is done.
            store: where takes that are there already are taken from, and new ones are kept; see `speech.reuse`.
        """
        self.rate = engine.rate
        self.takes: list[Take] = []
        self._engine, self._chunks, self._options, self._references = engine, chunks, options, references
        self._speakers = {} if engine.clones else {name: number for number, name in enumerate(references)}
        self._retakes, self._on_progress, self._score = retakes, on_progress, score
        self._take = partial(reuse.best, store=store) if store else takes.best
        self._assembly = Assembly(engine.rate, engine.overlap)

    def __iter__(self) -> Iterator[Samples]:
        for window in _windows(self._chunks):
            for chunk, take in zip(window, self._best(window), strict=True):
                self._check(take, chunk)
                yield from self._assembly.add(take.samples, chunk.pause_ms)
                self.takes.append(replace(take, samples=np.zeros(0, np.float32)))
        yield from self._assembly.finish()
        if not any(first < last for first, last in self._assembly.spans):
            raise EngineError(f"{self._engine.name} produced no sound for this text.")

    def _best(self, window: Sequence[Chunk]) -> list[Take]:
        options = [self._options_of(chunk) for chunk in window]
        on_progress = self._progress_after(len(self.takes))
        return self._take(
            self._engine, window, options, retakes=self._retakes, on_progress=on_progress, score=self._score
        )

    def _check(self, take: Take, chunk: Chunk) -> None:
        if not np.isfinite(take.samples).all():
            number = len(self.takes) + 1
            raise EngineError(f"{self._engine.name} made no usable sound of chunk {number}: {chunk.text[:80]!r}")

    @property
    def spans(self) -> tuple[Span, ...]:
        """First and past-the-last sample of each chunk."""
        return tuple(self._assembly.spans)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user."""
        return tuple(takes.notes(self.takes, self._chunks))

    def record(self, path: Path, rate: int) -> Recording:
        """Speak, and write a recording at `rate` hertz.

        Raises:
            EngineError: the engine failed, or made no usable sound.
        """
        frames = write_wav(path, self, self.rate, rate)
        return Recording.of(path, frames, rate, self.spans, self.rate)

    def _options_of(self, chunk: Chunk) -> SynthesisOptions:
        return replace(
            self._options,
            language=chunk.language or self._options.language,
            speed=self._options.speed * chunk.speed,
            reference=self._references.get(chunk.voice, self._options.reference),
            speaker=self._speakers.get(chunk.voice, 0),
        )

    def _progress_after(self, before: int) -> ChunkProgress | None:
        on_progress, total = self._on_progress, len(self._chunks)
        return (lambda done, _: on_progress(before + done, total)) if on_progress else None


def _windows(chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
    first = length = 0
    for index, chunk in enumerate(chunks):
        length += len(chunk.spoken)
        if length >= _WINDOW_CHARS:
            yield chunks[first : index + 1]
            first, length = index + 1, 0
    if first < len(chunks):
        yield chunks[first:]
