"""The chain of aligners: the requested one first, then whisperx, google, embedded, until one succeeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from speech.alignment.base import Aligner, Alignment
from speech.audio import Recording
from speech.errors import AlignerUnavailable, AlignmentError, SpeechError
from speech.registry import make
from speech.text import Chunk
from speech.words import clamp, confidence_of

__all__ = ["ALIGNERS", "CHAIN", "align"]

CHAIN = ("whisperx", "google", "embedded")

# Each entry is module:class, imported when it is asked for.
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
    """Time every token of the script, by the first aligner of the chain that can.

    Args:
        options: for an aligner by its name, what it is made with.

    Raises:
        AlignmentError: every one failed; the text gives each reason.
    """
    reasons: list[str] = []
    cost = 0.0
    expected = sum(len(chunk.tokens) for chunk in chunks)
    for name in (first, *(link for link in CHAIN if link != first)):
        try:
            aligner = _make(name, options.get(name, {}))
            try:
                words = aligner.align(recording, chunks, language)
            finally:
                cost += aligner.cost_usd
            if len(words) != expected:
                raise AlignmentError(f"it timed {len(words)} of {expected} words.")
        except SpeechError as fault:
            reasons.append(f"{name} did not time the words: {fault}")
            continue
        confidence = confidence_of(words)
        if all(word.interpolated for word in words):
            reasons.append(f"{name} heard none of the words; it could only place them by their length.")
        elif confidence < aligner.doubtful:
            reasons.append(f"Confidence is only {confidence:.2f}: the recording may not say this script.")
        return Alignment(tuple(clamp(words, recording.duration_ms)), name, tuple(reasons), round(cost, 6))
    raise AlignmentError(" ".join(reasons))


def _make(name: str, options: Mapping[str, Any]) -> Aligner:
    if name not in ALIGNERS:
        raise AlignerUnavailable("it is not part of this installation.")
    aligner: Aligner = make(ALIGNERS[name], **options)
    return aligner
