"""The chain of aligners: the requested one first, then whisperx, google and embedded, until one succeeds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from speech.alignment.base import Aligner, Alignment
from speech.audio import Recording
from speech.errors import AlignerUnavailable, AlignmentError, SpeechError
from speech.notes import Note, declined
from speech.registry import make
from speech.text import Chunk
from speech.words import Word, clamp, confidence_of

__all__ = ["ALIGNERS", "CHAIN", "align"]

CHAIN = ("whisperx", "google", "embedded")

# Each entry is module:class, imported when the aligner is first used.
ALIGNERS = {
    "whisperx": "speech.alignment.whisperx:WhisperX",
    "google": "speech.alignment.google:Google",
    "embedded": "speech.alignment.embedded:Embedded",
}


def align(
    recording: Recording,
    chunks: Sequence[Chunk],
    language: str,
    first: str = "whisperx",
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> Alignment:
    """Time every token of the script with the first aligner of the chain that succeeds.

    Args:
        language: of the chunks that name none.
        first: name of the aligner to try first.
        options: constructor arguments of aligners, by aligner name.

    Raises:
        AlignmentError: every aligner failed; the message gives each reason.
    """
    reasons: list[str] = []
    cost = 0.0
    token_count = sum(len(chunk.tokens) for chunk in chunks)
    for name in (first, *(link for link in CHAIN if link != first)):
        try:
            aligner = _make(name, options.get(name, {}))
            try:
                words = _by_language(aligner, recording, chunks, language)
            finally:
                cost += aligner.cost_usd
            if len(words) != token_count:
                raise AlignmentError(f"it timed {len(words)} of {token_count} words.")
        except SpeechError as fault:
            reasons.append(Note(f"{name} did not time the words: {fault}", declined(name)))
            continue
        confidence = confidence_of(words)
        if all(word.interpolated for word in words):
            reasons.append(f"{name} heard none of the words; it could only place them by their length.")
        elif confidence < aligner.doubtful:
            reasons.append(f"Confidence is only {confidence:.2f}: the recording may not say this script.")
        timed = _voiced(clamp(words, recording.duration_ms), chunks)
        return Alignment(tuple(timed), name, tuple(reasons), round(cost, 6))
    raise AlignmentError(" ".join(reasons))


def _by_language(aligner: Aligner, recording: Recording, chunks: Sequence[Chunk], language: str) -> list[Word]:
    """Time the chunks of each language by themselves; without spans all are taken for the language of the script."""
    languages = [chunk.language or language for chunk in chunks]
    if len(set(languages)) < 2 or not recording.spans_ms:
        return aligner.align(recording, chunks, languages[0] if len(set(languages)) == 1 else language)
    if not aligner.by_spans:
        raise AlignerUnavailable("it times recordings of one language.")
    timed: dict[int, list[Word]] = {}
    for code in dict.fromkeys(languages):
        indices = [index for index, each in enumerate(languages) if each == code]
        part = replace(recording, spans_ms=tuple(recording.spans_ms[index] for index in indices))
        words = iter(aligner.align(part, [chunks[index] for index in indices], code))
        timed |= {index: list(itertools.islice(words, len(chunks[index].tokens))) for index in indices}
    return [word for index in range(len(chunks)) for word in timed[index]]


def _voiced(words: Sequence[Word], chunks: Sequence[Chunk]) -> Iterator[Word]:
    """Yield the words, each with the voice of its chunk."""
    voices = (chunk.voice for chunk in chunks for _ in chunk.tokens)
    for word, voice in zip(words, voices, strict=True):
        yield replace(word, voice=voice) if voice else word


def _make(name: str, options: Mapping[str, Any]) -> Aligner:
    if name not in ALIGNERS:
        raise AlignerUnavailable("it is not part of this installation.")
    aligner: Aligner = make(ALIGNERS[name], **options)
    return aligner
