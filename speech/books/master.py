"""Mastering: one constant gain for each voice, then one for the book, then a limiter, and room tone.

Constant gains leave a reading as it was spoken. They follow the voice and the book, never the chapter, so that no
chapter is louder than the next.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speech.audio import Samples
from speech.books.loudness import STEP_SECONDS, STEPS, Track, Voices, integrated
from speech.books.mix import Takes, mix
from speech.books.pcm import Pcm, decoded, encoded, program
from speech.books.presets import Preset
from speech.books.timeline import Timeline
from speech.errors import AudioError
from speech.processes import Program

__all__ = ["Gains", "master"]

_MOMENTARY = re.compile(rb"lavfi\.r128\.M=(\S+)")
# ffmpeg's limiter goes no lower.
_LOWEST_CEILING = 0.0625
_ROOM_SECONDS = 20
_BLOCK = 1 << 20
# This much speech determines a voice's loudness; the rest of a book changes it by less than half a decibel.
_ENOUGH_SECONDS = 1_200
# How close the limited book must come to what a preset aims at, and how often that is tried.
_CLOSE_DB, _MOST_PASSES = 0.25, 4


@dataclass(frozen=True, slots=True)
class Gains:
    """What was done to the takes, in decibels.

    Attributes:
        voices: of each voice, which makes all of them as loud as their mean.
        book: of the book.
    """

    voices: Mapping[str, float] = field(default_factory=dict)
    book: float = 0.0


def master(
    timeline: Timeline, takes: Takes, folder: Path, preset: Preset, most_seconds: float = _ENOUGH_SECONDS
) -> tuple[Pcm, Gains]:
    """Mix and master a book; return its samples, in a file in `folder`, and the gains.

    The folder needs space for four bytes a sample, and as much again for what is measured of the voices.

    Args:
        most_seconds: how much of each voice is measured for its gain.

    Raises:
        AudioError: a take is not what the timeline says, or ffmpeg failed.
    """
    voices, mixed = Voices(timeline), Pcm(folder / "mixed.pcm", timeline.rate, timeline.length)
    blocks = (block for chapter in timeline.chapters for block in mix(chapter, timeline.rate, takes))
    if preset.aim is None or not voices.names:
        with mixed.path.open("wb") as file:
            file.writelines(map(encoded, blocks))
        return mixed, Gains()
    track, most = Track(), round(most_seconds * mixed.rate)
    sample = _keep(blocks, mixed, folder / "sample.pcm", voices, track, most)
    gains = _gains(sample, track, voices, preset)
    mastered = Pcm(folder / "mastered.pcm", mixed.rate, mixed.frames)
    _limit(_raised(mixed, voices.track, voices.names, gains, preset.room), mastered, preset)
    for path in (mixed.path, sample.path):
        path.unlink()
    return mastered, gains


def _keep(blocks: Iterable[Samples], mixed: Pcm, path: Path, voices: Voices, track: Track, most: int) -> Pcm:
    """Write all samples to one file, and the first of each voice to another; return the latter.

    Args:
        track: filled with who speaks when in the second file.
        most: the number of samples of a voice in it.
    """
    at = length = 0
    remaining = [most] * len(voices.names)
    with mixed.path.open("wb") as file, path.open("wb") as first:
        for block in blocks:
            for part, voice in voices.track.stretches(at, at + len(block)):
                if len(samples := block[part][: remaining[voice]]):
                    track.add(length, voice)
                    remaining[voice] -= len(samples)
                    length += len(samples)
                    first.write(encoded(samples))
            at += len(block)
            file.write(encoded(block))
    return Pcm(path, mixed.rate, length)


def _gains(sample: Pcm, track: Track, voices: Voices, preset: Preset) -> Gains:
    """Choose the gains: of each voice to the mean of all, of the book so that it has the level when it is limited."""
    momentary = _momentary(sample)
    step = round(sample.rate * STEP_SECONDS)
    ends = (np.arange(len(momentary)) + 1) * step
    owners = track.alone(np.maximum(ends - STEPS * step, 0), ends)
    each = [integrated(momentary[owners == number]) for number in range(len(voices.names))]
    whole = integrated(momentary[owners >= 0])
    if whole is None or preset.aim is None:
        return Gains(dict.fromkeys(voices.names, 0.0))
    voice_gains = {
        name: round(whole - loudness, 2) if loudness is not None else 0.0
        for name, loudness in zip(voices.names, each, strict=True)
    }
    gains = Gains(voice_gains, round(preset.aim - whole, 2))
    limited = Pcm(sample.path.with_name("limited.pcm"), sample.rate, sample.frames)
    for _ in range(_MOST_PASSES):
        _limit(_raised(sample, track, voices.names, gains, preset.room), limited, preset)
        off = preset.aim - (_rms(limited) if preset.by_rms else integrated(_momentary(limited)) or preset.aim)
        if abs(off) <= _CLOSE_DB:
            break
        # The limiter took some of the loudness with the peaks.
        gains = replace(gains, book=round(gains.book + off, 2))
    limited.path.unlink()
    return gains


def _momentary(pcm: Pcm) -> npt.NDArray[np.float64]:
    """Return the momentary loudness of each block of samples, as ffmpeg's ebur128 has it."""
    levels, rest = array("d"), b""
    chain = "ebur128=framelog=verbose:metadata=1,ametadata=mode=print:key=lavfi.r128.M:file=-"
    with (
        pcm.path.open("rb") as file,
        _piping(iter(lambda: file.read(_BLOCK), b""), pcm, "s16le", chain, "null") as filtering,
    ):
        for data in filtering.output():
            *lines, rest = (rest + data).split(b"\n")
            levels.extend(float(match[1]) for line in lines if (match := _MOMENTARY.match(line)))
    if filtering.code:
        raise AudioError(f"ffmpeg could not measure the book's loudness: {filtering.complaint}")
    return np.frombuffer(levels, np.float64)


def _raised(pcm: Pcm, track: Track, names: Sequence[str], gains: Gains, room: float) -> Iterator[bytes]:
    """Yield the samples with the gains, over the room tone."""
    factors = [10 ** ((gains.voices[name] + gains.book) / 20) for name in names]
    # The same noise for every book, so that binding it again makes the same files.
    tone = np.random.default_rng(0).standard_normal(_ROOM_SECONDS * pcm.rate, np.float32)
    tone *= np.float32(10 ** (room / 20))
    at = 0
    with pcm.path.open("rb") as file:
        while data := file.read(2 * len(tone)):
            samples = decoded(data)
            for part, voice in track.stretches(at, at + len(samples)):
                samples[part] *= factors[voice]
            at += len(samples)
            yield (samples + tone[: len(samples)]).tobytes()


def _limit(samples: Iterable[bytes], target: Pcm, preset: Preset) -> None:
    """Limit the samples and write them to the target. No sample is added, and none is moved."""
    ceiling = max(10 ** (preset.ceiling / 20), _LOWEST_CEILING)
    chain = f"alimiter=limit={ceiling:.6f}:level=false:latency=true"
    with target.path.open("wb") as file:
        with _piping(samples, target, "f32le", chain, "s16le") as filtering:
            file.writelines(filtering.output())
        size = file.tell()
    if filtering.code or size != 2 * target.frames:
        raise AudioError(f"ffmpeg could not limit the book's peaks: {filtering.complaint}")


def _rms(pcm: Pcm) -> float:
    """Return the RMS of a book in dBFS."""
    power = 0.0
    with pcm.path.open("rb") as file:
        while data := file.read(_ROOM_SECONDS * 2 * pcm.rate):
            samples = decoded(data)
            power += float(np.dot(samples, samples))
    return 10 * math.log10(power / pcm.frames + 1e-12)


def _piping(samples: Iterable[bytes], pcm: Pcm, form: str, chain: str, target: str) -> Program:
    """Return ffmpeg as a program that is fed with samples and writes what a filter makes of them."""
    arguments = ["-v", "error", "-f", form, "-ar", str(pcm.rate), "-ac", "1", "-i", "pipe:0"]
    return program([*arguments, "-af", chain, "-f", target, "-"], pcm.frames / pcm.rate, samples)
