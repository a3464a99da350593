"""Recordings of somebody who thinks while talking, whose word times are known: made, as no such corpus is at hand.

The pace changes inside sentences, by factors from 0.5 to 2. Between words stand fillers ("um"), words said twice,
pauses, breaths and knocks. The whole is heard in a room, with noise.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import numpy as np
import soxr

from speech.audio import Samples
from speech.engines.espeak import Utterance, say

RATE = 16_000
FILLERS = {"en": ("um", "uh", "er"), "de": ("äh", "ähm"), "fr": ("euh",), "es": ("eh", "este")}


@dataclass(frozen=True)
class Spoken:
    """A sentence, and the second at which each of its words begins; one more for the end of the last."""

    samples: Samples
    starts: list[float]


Voice = Callable[[str], Spoken]


@dataclass
class Tape:
    """What was recorded so far."""

    pieces: list[Samples] = field(default_factory=list)
    length: int = 0

    def add(self, samples: Samples) -> None:
        self.pieces.append(samples)
        self.length += len(samples)


def word_starts(utterance: Utterance, script: str) -> dict[int, float]:
    """Return the milliseconds at which the voice says that words begin, by their index; some have no event."""
    places = {match.start(): index for index, match in enumerate(re.finditer(r"\S+", script))}
    found: dict[int, float] = {}
    for position, _, sample in utterance.words:
        if position in places:
            found.setdefault(places[position], sample * 1000 / utterance.rate)
    return found


def espeak(voice: str, language: str, wpm: int) -> Voice:
    """Return a voice of espeak-ng, which tells where its words begin."""

    def speak(text: str) -> Spoken:
        utterance = say(text, language, wpm, voice)
        told = word_starts(utterance, text)
        starts = [told.get(index, float("nan")) / 1000 for index in range(len(text.split()))]
        samples = soxr.resample(utterance.samples, utterance.rate, RATE).astype(np.float32)
        loud = np.flatnonzero(np.abs(samples) > 0.02)
        return Spoken(samples, [*starts, float(loud[-1]) / RATE])

    return speak


def stretch(samples: Samples, clock: np.ndarray) -> Samples:
    """Play samples by another clock: (seconds before, seconds after) rows, both rising.

    WSOLA: windows of 25 ms are laid over each other, each moved by at most 4 ms to where it fits the one before.
    """
    width, hop, most = 400, 200, 64
    window = np.hanning(width).astype(np.float32)
    total = int(clock[-1, 1] * RATE)
    padded = np.pad(samples, (width, 2 * width + most))
    out, weight = np.zeros(total + 2 * width, np.float32), np.full(total + 2 * width, 1e-6, np.float32)
    natural = padded[:width]
    for at in range(0, total, hop):
        source = int(np.interp(at / RATE, clock[:, 1], clock[:, 0]) * RATE) + width - width // 2
        source = min(max(source, most), len(padded) - 2 * width - most)
        area = padded[source - most : source + most + width]
        best = int(np.argmax(np.correlate(area, natural, "valid"))) if natural.any() else most
        begin = source - most + best
        out[at : at + width] += padded[begin : begin + width] * window
        weight[at : at + width] += window
        natural = padded[begin + hop : begin + hop + width]
    return (out / weight)[width // 2 :][:total]


def breath(random: Random, noise: np.random.Generator) -> Samples:
    """Return a breath: 0.2 to 0.5 s of noise as air makes it."""
    length = int(random.uniform(0.2, 0.5) * RATE)
    spectrum = np.fft.rfft(noise.normal(size=length))
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    shaped = np.fft.irfft(spectrum * np.exp(-(((hertz - 1800) / 1500) ** 2)), length) * np.hanning(length)
    return (shaped / np.abs(shaped).max() * random.uniform(0.02, 0.08)).astype(np.float32)


def knock(random: Random, noise: np.random.Generator) -> Samples:
    """Return a knock or a cough: a burst that dies away."""
    length = int(random.uniform(0.05, 0.25) * RATE)
    burst = noise.normal(size=length) * np.exp(-np.arange(length) / length * 5)
    return (burst / np.abs(burst).max() * random.uniform(0.1, 0.5)).astype(np.float32)


def silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * RATE), np.float32)


def record_talk(voice: Voice, sentences: list[str], language: str, seed: int) -> tuple[Samples, dict[int, float]]:
    """Return somebody saying the sentences as they come to mind: samples, and the milliseconds at which words begin.

    Words whose beginning the voice does not tell are left out.
    """
    random, noise = Random(seed), np.random.default_rng(seed)
    tape, truth, word = Tape(), {}, 0
    tape.add(silence(0.4))
    for sentence in sentences:
        words = sentence.split()
        spoken = voice(sentence)
        clock = _clock(spoken, random)
        samples = stretch(spoken.samples / np.abs(spoken.samples).max() / 2, clock)
        starts = np.interp(spoken.starts, clock[:, 0], clock[:, 1])
        known = [index for index, start in enumerate(spoken.starts) if not np.isnan(start)]
        cuts = sorted({known[0], *(index for index in known[1:-1] if random.random() < 0.15), known[-1]})
        for first, last in itertools.pairwise(cuts):
            begin, end = starts[first], starts[last]
            offset = tape.length / RATE - begin
            if first and random.random() < 0.3:
                # The word is begun, and then said again.
                again = starts[known[known.index(first) + 1]]
                tape.add(_fade(samples[int(begin * RATE) : int(again * RATE)]))
                tape.add(silence(random.uniform(0.02, 0.3)))
                offset = tape.length / RATE - begin
            for index in known:
                if first <= index < last:
                    truth[word + index] = (starts[index] + offset) * 1000
            tape.add(_fade(samples[int(begin * RATE) : int(end * RATE)]))
            _hesitate(tape, voice, language, random, noise)
        word += len(words)
        tape.add(silence(random.choice([0.05, 0.2, 0.5, 1.0])))
    return _room(np.concatenate(tape.pieces), random, noise), truth


def _clock(spoken: Spoken, random: Random) -> np.ndarray:
    """Return a clock whose pace changes every two to six words, by a factor from 0.5 to 2."""
    rows, at, after, left, pace = [(0.0, 0.0)], 0.0, 0.0, 0, 1.0
    for start in [*(start for start in spoken.starts if not np.isnan(start)), len(spoken.samples) / RATE]:
        after += (start - at) / pace
        if start > at:
            rows.append((start, after))
        at, left = start, left - 1
        if left < 0:
            left, pace = random.randint(2, 6), 2 ** random.uniform(-1, 1)
    return np.array(rows)


def _hesitate(tape: Tape, voice: Voice, language: str, random: Random, noise: np.random.Generator) -> None:
    what = random.choice(["nothing", "pause", "filler", "filler", "breath", "knock"])
    if what == "nothing":
        return
    tape.add(silence(random.uniform(0.03, 0.5)))
    if what == "filler":
        filler = voice(random.choice(FILLERS[language]))
        sound = filler.samples[int(max(filler.starts[0], 0) * RATE) : int(filler.starts[-1] * RATE)]
        pace = random.uniform(0.4, 1.0)
        seconds = len(sound) / RATE
        sound = stretch(sound / np.abs(sound).max() / 2.5, np.array([(0.0, 0.0), (seconds, seconds / pace)]))
        tape.add(_fade(sound))
    elif what == "breath":
        tape.add(breath(random, noise))
    elif what == "knock":
        tape.add(knock(random, noise))
    if what != "pause":
        tape.add(silence(random.uniform(0.03, 0.5)))


def _fade(samples: Samples) -> Samples:
    """Return the samples with 5 ms of rise and fall, so that a cut is not heard."""
    faded = samples.astype(np.float32)
    length = min(80, len(faded) // 2)
    ramp = np.linspace(0, 1, length, dtype=np.float32)
    faded[:length] *= ramp
    faded[len(faded) - length :] *= ramp[::-1]
    return faded


def _room(samples: Samples, random: Random, noise: np.random.Generator) -> Samples:
    """Return the samples as heard in a room of 0.2 to 0.5 s of echo, 20 to 35 dB above noise."""
    echo = random.uniform(0.2, 0.5)
    length = int(echo * RATE)
    tail = noise.normal(size=length) * 10 ** (-3 * np.arange(length) / length) * 0.01
    tail[0] = 1.0
    size = len(samples) + length
    heard = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)[: len(samples)]
    level = np.sqrt(np.mean(samples[np.abs(samples) > 0.02] ** 2))
    heard += noise.normal(size=len(heard)) * level * 10 ** (-random.uniform(20, 35) / 20)
    return (heard / np.abs(heard).max() * 0.7).astype(np.float32)
