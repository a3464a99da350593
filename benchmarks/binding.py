"""Binding a book: time against ffmpeg encoding the same samples alone, drift of the last chapter, peak memory.

    uv run --all-extras --group dev python -m benchmarks.binding [HOURS [PRESET ...]]

The book is noise in bursts as long as words, in chapters of a quarter of an hour and takes of ten seconds, at 24 kHz.
ffmpeg encodes the samples that were mastered into the same files with the same options, as many at once as bind does,
in one M4B and an MP3 for each chapter. Processor time is that of all processes, which other work on the machine changes
less than it does the time on the clock.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import cast

import numpy as np
import soundfile

from speech.books import m4b, mp3
from speech.books.binding import Options, bind
from speech.books.layout import ChapterLayout, TakeSound, audible
from speech.books.master import master
from speech.books.presets import PRESETS
from speech.books.timeline import Metadata, TimedChapter, TimedPassage, Timeline, sentences
from speech.choices import BookPreset
from speech.media import ffmpeg
from speech.words import Word

RATE = 24_000
WORDS, WORD_SECONDS, CHAPTER_SECONDS = 30, 0.33, 900
# A sweep after what is faded in, which is found to the sample.
SWEEP, SWEEP_AT = 960, 480


def make_takes(folder: Path) -> list[TakeSound]:
    """Make twenty takes of ten seconds, in two voices; each begins with a sweep."""
    rng, takes = np.random.default_rng(0), []
    for number in range(20):
        length = round(WORD_SECONDS * RATE)
        samples = np.zeros(WORDS * length, np.float32)
        for word in range(WORDS):
            envelope = np.hanning(length * 3 // 4).astype(np.float32) * rng.uniform(0.05, 0.4)
            noise = np.convolve(rng.standard_normal(len(envelope)), np.ones(8) / 8, "same")
            samples[word * length : word * length + len(envelope)] = np.clip(noise * envelope, -0.9, 0.9)
        samples[SWEEP_AT : SWEEP_AT + SWEEP] = sweep()
        key = f"take{number}"
        soundfile.write(folder / f"{key}.flac", samples, RATE, subtype="PCM_16")
        times = [round(index * WORD_SECONDS * 1000) for index in range(WORDS + 1)]
        words = tuple(
            Word("word." if index % 15 == 14 else "word", times[index], times[index] + 250) for index in range(WORDS)
        )
        takes.append(TakeSound(key, f"voice {number // 10}", len(samples), audible(samples), words))
    return takes


def sweep() -> np.ndarray:
    at = np.arange(SWEEP) / RATE
    return (0.8 * np.sin(2 * np.pi * (400 + 40_000 * at) * at) * np.hanning(SWEEP)).astype(np.float32)


def make_book(folder: Path, hours: float) -> Timeline:
    takes, numbers = make_takes(folder), count()
    chapters: list[TimedChapter] = []
    while sum(chapter.length for chapter in chapters) < hours * 3600 * RATE:
        layout, passages, at = ChapterLayout(RATE), [], 0.0
        while at < min(CHAPTER_SECONDS, hours * 3600):
            number = next(numbers)
            words = layout.add(takes[number % len(takes)], 600)
            passages.append(TimedPassage(str(number), "paragraph", sentences(words, "en")))
            at += WORDS * WORD_SECONDS + 0.6
        placed, length = layout.finish()
        chapters.append(TimedChapter(f"Chapter {len(chapters) + 1}", length, placed, tuple(passages)))
    return Timeline(Metadata("Noise", ("Nobody",)), RATE, tuple(chapters))


def spent() -> float:
    """Return the seconds of processor time so far, of this process and those that it waited for."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def measure_bind(folder: Path, hours: float, preset: BookPreset) -> dict[str, float]:
    timeline = make_book(folder, hours)
    before, began = spent(), time.perf_counter()
    bound = bind(timeline, lambda key: folder / f"{key}.flac", folder / "out", Options(preset))
    figures = {"processor": spent() - before, "clock": time.perf_counter() - began}
    figures["drift"] = drift(timeline, folder / "out" / "book.m4b")
    figures["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures["hours"] = timeline.length / RATE / 3600
    figures["outside"] = len(bound.report.violations)
    return figures


def measure_ffmpeg(folder: Path, hours: float, preset: BookPreset) -> dict[str, float]:
    timeline, own = make_book(folder, hours), PRESETS[preset]
    pcm, _ = master(timeline, lambda key: folder / f"{key}.flac", folder, own)
    out = folder / "alone"
    before, began = spent(), time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pool.submit(m4b.write, pcm, timeline, out / "book.m4b", folder, own)
        for number in range(len(timeline.chapters)):
            pool.submit(mp3.write, pcm, timeline, number, out / f"{number}.mp3", folder, own)
    return {"processor": spent() - before, "clock": time.perf_counter() - began}


def drift(timeline: Timeline, path: Path) -> float:
    """Return how much later the last chapter is heard than its mark says, in milliseconds."""
    first = timeline.starts[-1] + timeline.chapters[-1].words[0].begin + SWEEP_AT
    begin = first - RATE // 2
    command = [
        ffmpeg(),
        "-v",
        "error",
        "-i",
        str(path),
        "-map",
        "0:a",
        "-af",
        f"atrim=start_sample={begin}:end_sample={begin + RATE}",
    ]
    raw = subprocess.run([*command, "-f", "f32le", "-ac", "1", "-"], capture_output=True, check=True).stdout
    heard = np.frombuffer(raw, np.float32)
    at = int(np.argmax(np.abs(np.correlate(heard, sweep(), "valid"))))
    return (at - RATE // 2) / RATE * 1000


def main() -> None:
    if len(sys.argv) > 4 and sys.argv[1] == "child":
        _, _, which, hours, preset, place = sys.argv
        measure = measure_bind if which == "bind" else measure_ffmpeg
        print(json.dumps(measure(Path(place), float(hours), cast(BookPreset, preset))))
        return
    hours, presets = (sys.argv[1] if len(sys.argv) > 1 else "10"), sys.argv[2:] or [*PRESETS]
    for preset in presets:
        found = {}
        for which in ("ffmpeg", "bind"):
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "benchmarks.binding", "child", which, hours, preset, folder]
                found[which] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        own, alone = found["bind"], found["ffmpeg"]
        print(
            f"{preset}, {own['hours']:.2f} hours: bind {own['processor']:.0f} s of processor time, "
            f"ffmpeg alone {alone['processor']:.0f} s: {own['processor'] / alone['processor']:.2f} x; "
            f"on the clock {own['clock']:.0f} s and {alone['clock']:.0f} s: {own['clock'] / alone['clock']:.2f} x; "
            f"last chapter {own['drift']:+.2f} ms; peak memory of Python {own['memory']:.0f} MB; "
            f"{own['outside']} figures outside",
            flush=True,
        )


if __name__ == "__main__":
    main()
