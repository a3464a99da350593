"""A recording made ready to be cloned from: one clip of six to ten seconds, and exactly what it says.

F5-TTS allots time by the transcript of its reference, so a transcript that says more or less than the
clip makes it race or drawl. A recording is therefore cut at a silence, and its transcript with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech.audio import Samples, blocks, record
from speech.errors import AudioError, InvalidRequest, ModelError, Problem, SpeechError
from speech.scratch import scratch
from speech.stores import Store

__all__ = ["RATE", "Clip", "make"]

RATE = 24_000
_LONGEST_SECONDS, _SHORTEST_CUT_SECONDS = 10.0, 6.0
_LEAST_SECONDS = 1.0
_MOST_SECONDS = 600.0
_FRAME = RATE // 100
_SILENT_DB, _QUIET_DB, _EDGE_DB = -50.0, -35.0, -42.0
_CLIPPED_SHARE = 0.005
_TAIL_SECONDS = 0.05
# Half the width of the window in which a cut looks for the quietest moment.
_HALF_PAUSE = 8
# A transcript is believed at this pace, in characters a second.
_SLOWEST, _FASTEST = 5, 30
# Confidence of the embedded aligner from which a transcript is taken to be the recording's.
_BELIEVED = 0.4


@dataclass(frozen=True, slots=True)
class Clip:
    """What a voice is cloned from.

    Attributes:
        samples: mono at `RATE`.
        text: exactly what is said.
        warnings: what the one who gave the recording should know.
    """

    samples: Samples
    text: str
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


def make(path: Path, text: str | None, language: str | None = None, store: Store | None = None) -> Clip:
    """Cut the clip from a recording, and its transcript from the recording's, or listen to it.

    Args:
        path: a recording of any kind that `speech.media` takes.
        text: what the whole recording says, if that is known.
        language: ISO 639-1, for the transcriber; None to let it detect.
        store: from whose model cache the transcriber may come.

    Raises:
        AudioError: it is not audio, silent, too short or too long.
        InvalidRequest: nobody can tell what it says; it asks for ref_text.
    """
    whole = _trimmed(_decoded(path))
    warnings = _complaints(whole)
    end = _cut(whole)
    said, more = _given(whole, end, text)
    warnings += more
    clip = np.concatenate([whole[:end], np.zeros(int(_TAIL_SECONDS * RATE), np.float32)])
    if said is None:
        said = _listened(clip, language, store)
        if not _plausible(said, end / RATE):
            raise _unknown(f"the transcriber heard {said[:40]!r}, which does not fit its length")
        warnings.append(f"The transcript was made by listening: {said!r}")
    return Clip(clip, said, tuple(warnings))


def _decoded(path: Path) -> Samples:
    pieces, length = [], 0
    # A little more, so that what is too long is told in the words below.
    for block in blocks(path, RATE, seconds=_MOST_SECONDS + 60):
        pieces.append(block)
        length += len(block)
        if length > _MOST_SECONDS * RATE:
            raise AudioError(
                f"The voice recording is longer than {_MOST_SECONDS / 60:.0f} minutes; 6 to 10 s are best."
            )
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    if len(samples) < _LEAST_SECONDS * RATE:
        raise AudioError(f"The voice recording lasts {len(samples) / RATE:.1f} s; give at least 1 s, best 6 to 10 s.")
    return samples


def _levels(samples: Samples) -> Samples:
    """Decibels of each hundredth of a second."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    levels: Samples = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    return levels


def _trimmed(samples: Samples) -> Samples:
    loud = np.flatnonzero(_levels(samples) > _EDGE_DB)
    if not len(loud):
        raise AudioError("The voice recording is silent.")
    kept = samples[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME]
    if len(kept) < _LEAST_SECONDS * RATE:
        raise AudioError(f"The voice recording holds {len(kept) / RATE:.1f} s of sound; give at least 1 s.")
    return kept


def _complaints(samples: Samples) -> list[str]:
    found = []
    level = 10 * np.log10(float(np.mean(np.square(samples))) + 1e-12)
    if level < _SILENT_DB:
        raise AudioError(f"The voice recording is nearly silent ({level:.0f} dB).")
    if level < _QUIET_DB:
        found.append(f"The voice recording is quiet ({level:.0f} dB); its noise will be heard.")
    clipped = float(np.mean(np.abs(samples) >= 0.999))
    if clipped > _CLIPPED_SHARE:
        found.append(f"{clipped:.1%} of the voice recording is clipped; record it at a lower level.")
    return found


def _cut(samples: Samples) -> int:
    """Where the clip ends: all of a short recording, else the quietest moment that leaves 6 to 10 s."""
    if len(samples) <= _LONGEST_SECONDS * RATE:
        return len(samples)
    first, last = (int(seconds * 100) for seconds in (_SHORTEST_CUT_SECONDS, _LONGEST_SECONDS))
    levels = _levels(samples[: last * _FRAME])
    smooth = np.convolve(levels, np.ones(2 * _HALF_PAUSE) / (2 * _HALF_PAUSE), mode="same")
    return (first + int(smooth[first : last - _HALF_PAUSE].argmin())) * _FRAME


def _given(samples: Samples, end: int, text: str | None) -> tuple[str | None, list[str]]:
    """The part of a given transcript that the clip says; None where it is not to be believed, and why."""
    text = " ".join((text or "").split())
    if not text:
        return None, []
    if not _plausible(text, len(samples) / RATE):
        pace = len(text) / (len(samples) / RATE)
        reason = f"{pace:.0f} characters a second are not what people speak ({_SLOWEST} to {_FASTEST})"
        return None, [f"The given transcript was not used: {reason}."]
    if end == len(samples):
        return text, []
    said = _words_before(samples, end, text)
    if said is None or not _plausible(said, end / RATE):
        return None, ["The given transcript was not used: its words were not found in the recording."]
    return said, [f"The recording was cut to {end / RATE:.1f} s, and its transcript to: {said!r}"]


def _plausible(text: str, seconds: float) -> bool:
    return _SLOWEST <= len(text) / seconds <= _FASTEST


def _words_before(samples: Samples, end: int, text: str) -> str | None:
    """The words that are heard before a moment, by the embedded aligner."""
    from speech.alignment.embedded import Embedded
    from speech.language import detect
    from speech.text import chunks, normalise
    from speech.words import confidence_of

    language = detect(text)
    with scratch() as folder:
        recording = record(samples, RATE, (), Path(folder) / "voice.wav", 16_000)
        try:
            words = Embedded().align(recording, chunks(normalise(text), language), language)
        except SpeechError:
            return None
    if confidence_of(words) < _BELIEVED:
        return None
    moment = end * 1000 / RATE
    return "".join(word.text + word.space for word in words if (word.start + word.end) / 2 < moment).strip() or None


def _listened(clip: Samples, language: str | None, store: Store | None) -> str:
    from speech.transcriber import transcribe

    with scratch() as folder:
        recording = record(clip, RATE, (), Path(folder) / "clip.wav", 16_000)
        try:
            return transcribe(recording.path, language, store)
        except ModelError as fault:
            raise _unknown(str(fault)) from None


def _unknown(reason: str) -> InvalidRequest:
    message = f"ref_text: what the voice recording says is not known, so give it as ref_text ({reason})"
    return InvalidRequest([Problem("ref_text", None, "what the recording says", message)])
