"""Preparing a recording for cloning: one clip of six to ten seconds, and its exact transcript.

F5-TTS derives its pace from the transcript of the reference, so a transcript that says more or less than
the clip makes it race or drawl. A recording is therefore cut at a silence, and its transcript is cut to match.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech.audio import Samples, blocks, record
from speech.errors import AudioError, InvalidRequest, ModelError, Problem, SpeechError
from speech.scratch import scratch
from speech.stores import Store

__all__ = ["LONGEST_CLIP", "RATE", "Clip", "make"]

RATE = 24_000
_LONGEST_SECONDS, _SHORTEST_CUT_SECONDS = 10.0, 6.0
_LEAST_SECONDS = 1.0
_MOST_SECONDS = 600.0
_FRAME = RATE // 100
_SILENT_DB, _QUIET_DB, _EDGE_DB = -50.0, -35.0, -42.0
_CLIPPED_SHARE = 0.005
_TAIL_SECONDS = 0.05
LONGEST_CLIP = _LONGEST_SECONDS + _TAIL_SECONDS
"""Maximum length of a clip in seconds."""
# Half the width of the smoothing window for finding the quietest moment, in hundredths of a second.
_HALF_PAUSE = 8
# Plausible pace of a transcript, in characters per second.
_SLOWEST, _FASTEST = 5, 30
# Minimum confidence of the embedded aligner at which a transcript is accepted as the recording's.
_ACCEPTED = 0.4


@dataclass(frozen=True, slots=True)
class Clip:
    """The clip that a voice is cloned from.

    Attributes:
        samples: mono at `RATE`.
        text: the exact transcript.
        warnings: warnings for the provider of the recording.
    """

    samples: Samples
    text: str
    warnings: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


def make(
    path: Path, text: str | None, language: str | None = None, store: Store | None = None, field: str = "ref_text"
) -> Clip:
    """Cut a clip from a recording, and cut the transcript to match or transcribe the clip.

    Args:
        path: a recording in any format that `speech.media` supports.
        text: the transcript of the whole recording, if it is known.
        language: ISO 639-1 code for the transcriber; None to detect the language.
        store: the store whose model cache may hold the transcriber's model.
        field: the field of the request that gives the transcript.

    Raises:
        AudioError: the recording is not audio, or is silent, too short or too long.
        InvalidRequest: the clip cannot be transcribed; the text asks for the field.
    """
    whole = _trim(_decode(path))
    warnings = _level_warnings(whole)
    end = _cut(whole)
    transcript, more = _cut_transcript(whole, end, text)
    warnings += more
    clip = np.concatenate([whole[:end], np.zeros(int(_TAIL_SECONDS * RATE), np.float32)])
    if transcript is None:
        transcript = _transcribe(clip, language, store, field)
        if not _plausible(transcript, end / RATE):
            raise _untranscribed(
                f"the transcriber heard {transcript[:40]!r}, which does not fit the clip's length", field
            )
        warnings.append(f"The clip was transcribed automatically: {transcript!r}")
    return Clip(clip, transcript, tuple(warnings))


def _decode(path: Path) -> Samples:
    pieces, length = [], 0
    # Slightly above the limit, so that the error below is raised for long recordings.
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
    """Return the level of each hundredth of a second in decibels."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    levels: Samples = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-12)
    return levels


def _trim(samples: Samples) -> Samples:
    loud = np.flatnonzero(_levels(samples) > _EDGE_DB)
    if not len(loud):
        raise AudioError("The voice recording is silent.")
    speech = samples[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME]
    if len(speech) < _LEAST_SECONDS * RATE:
        raise AudioError(f"The voice recording holds {len(speech) / RATE:.1f} s of sound; give at least 1 s.")
    return speech


def _level_warnings(samples: Samples) -> list[str]:
    warnings = []
    level = 10 * np.log10(float(np.mean(np.square(samples))) + 1e-12)
    if level < _SILENT_DB:
        raise AudioError(f"The voice recording is nearly silent ({level:.0f} dB).")
    if level < _QUIET_DB:
        warnings.append(f"The voice recording is quiet ({level:.0f} dB); its noise will be audible.")
    clipped = float(np.mean(np.abs(samples) >= 0.999))
    if clipped > _CLIPPED_SHARE:
        warnings.append(f"{clipped:.1%} of the voice recording is clipped; record it at a lower level.")
    return warnings


def _cut(samples: Samples) -> int:
    """Return the end of the clip: that of a short recording, else the quietest moment between 6 and 10 s."""
    if len(samples) <= _LONGEST_SECONDS * RATE:
        return len(samples)
    first, last = (int(seconds * 100) for seconds in (_SHORTEST_CUT_SECONDS, _LONGEST_SECONDS))
    levels = _levels(samples[: last * _FRAME])
    smooth = np.convolve(levels, np.ones(2 * _HALF_PAUSE) / (2 * _HALF_PAUSE), mode="same")
    return (first + int(smooth[first : last - _HALF_PAUSE].argmin())) * _FRAME


def _cut_transcript(samples: Samples, end: int, text: str | None) -> tuple[str | None, list[str]]:
    """Return the part of a given transcript that belongs to the clip, or None if it is rejected, and warnings."""
    text = " ".join((text or "").split())
    if not text:
        return None, []
    if not _plausible(text, len(samples) / RATE):
        pace = len(text) / (len(samples) / RATE)
        reason = f"{pace:.0f} characters a second is not a pace at which people speak ({_SLOWEST} to {_FASTEST})"
        return None, [f"The given transcript was not used: {reason}."]
    if end == len(samples):
        return text, []
    part = _words_before(samples, end, text)
    if part is None or not _plausible(part, end / RATE):
        return None, ["The given transcript was not used: its words were not found in the recording."]
    return part, [f"The recording was cut to {end / RATE:.1f} s, and its transcript to: {part!r}"]


def _plausible(text: str, seconds: float) -> bool:
    return _SLOWEST <= len(text) / seconds <= _FASTEST


def _words_before(samples: Samples, end: int, text: str) -> str | None:
    """Return the words that the embedded aligner finds before `end`, or None if they are not found."""
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
    if confidence_of(words) < _ACCEPTED:
        return None
    moment = end * 1000 / RATE
    return "".join(word.text + word.space for word in words if (word.start + word.end) / 2 < moment).strip() or None


def _transcribe(clip: Samples, language: str | None, store: Store | None, field: str) -> str:
    from speech.transcriber import transcribe

    with scratch() as folder:
        recording = record(clip, RATE, (), Path(folder) / "clip.wav", 16_000)
        try:
            return transcribe(recording.path, language, store)
        except ModelError as fault:
            raise _untranscribed(str(fault), field) from None


def _untranscribed(reason: str, field: str) -> InvalidRequest:
    message = f"{field}: the voice recording could not be transcribed; give its transcript as {field} ({reason})"
    return InvalidRequest([Problem(field, None, "the recording's transcript", message)])
