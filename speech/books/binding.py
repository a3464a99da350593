"""Binding: all files of a book, made from its timeline and takes.

Samples are streamed from takes to encoders through files, so memory does not grow with the book. Every file appears
under its name only once it is complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Literal

from speech.books import m4b, mp3, overlay, tags
from speech.books.figures import Figures, Violation, measure, violations
from speech.books.master import Gains, master
from speech.books.mix import Takes
from speech.books.overlay import Level
from speech.books.pcm import Pcm
from speech.books.presets import PRESETS, Preset
from speech.books.subtitles import subtitles_of_book, subtitles_of_chapters
from speech.books.timeline import Timeline
from speech.choices import BookPreset, TimingFormat
from speech.errors import AudioError
from speech.files import write_text
from speech.processes import interrupt, interrupted_by
from speech.scratch import scratch
from speech.subtitles import Subtitles, render

__all__ = ["Bound", "File", "Options", "Report", "bind", "too_long"]

Kind = Literal["m4b", "mp3"]


@dataclass(frozen=True, slots=True)
class Options:
    """What to make of a book.

    Attributes:
        preset: how it should sound; see `speech.books.presets.PRESETS`.
        audio: "m4b" for the whole book in one file, "mp3" for a file of each chapter.
        overlay: what the read-along EPUB highlights, sentences or words; None for no EPUB.
        subtitles: formats of the subtitles, of the whole book and of each chapter.
    """

    preset: BookPreset = "none"
    audio: tuple[Kind, ...] = ("m4b", "mp3")
    overlay: Level | None = "sentence"
    subtitles: tuple[TimingFormat, ...] = ("srt", "vtt", "json")


@dataclass(frozen=True, slots=True)
class File:
    """A file of a bound book.

    Attributes:
        name: relative to the folder of the book, with slashes.
        kind: its extension.
        chapter: the number of its chapter, counted from 1; None for a file of the whole book.
        figures: the measurements of its audio; empty if the preset sets no limits.
    """

    name: str
    kind: str
    chapter: int | None = None
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """How the book was mastered, and which files miss the preset's limits.

    Attributes:
        violations: the measurements that lie outside the preset's limits.
        notes: sentences for the user.
    """

    preset: BookPreset
    gains: Gains
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """Return what a user should know, one sentence each."""
        return [*self.notes, *map(str, self.violations)]


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound book."""

    files: tuple[File, ...]
    report: Report


def bind(
    timeline: Timeline,
    takes: Takes,
    folder: Path,
    options: Options | None = None,
    source: bytes | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Bound:
    """Make the files of a book in a folder: `book.*` of the whole, `chapters/001.*` and so on of each chapter.

    Temporary files take four bytes for each sample.

    Args:
        source: the EPUB that the book was read from; the read-along EPUB keeps its markup.
        on_progress: called with the share that is done, by several threads.

    Raises:
        AudioError: a take is not what the timeline says, there is nothing to bind, or ffmpeg failed.
    """
    options = options or Options()
    if not timeline.length:
        raise AudioError("The book has no chapters, so there is nothing to bind.")
    preset = PRESETS[options.preset]
    done_of = _Share(on_progress or (lambda share: None), timeline)
    with scratch() as work:
        cover, notes = tags.cover_file(timeline.metadata.cover, work)
        pcm, gains = master(timeline, done_of.counting(takes), work, preset)
        is_kept = "mp3" in options.audio
        press = _Press(timeline, pcm, preset, cover, folder, folder if is_kept else work, work, done_of)
        with _pool() as submit:
            whole = [submit(press.whole)] if "m4b" in options.audio else []
            numbers = range(len(timeline.chapters)) if is_kept or options.overlay else ()
            chapters = [submit(partial(press.chapter, number)) for number in numbers]
            texts = _write_subtitles(timeline, folder, options.subtitles)
            completed, _ = wait([*whole, *chapters], return_when=FIRST_EXCEPTION)
            # Report the first failure, not the calls that were stopped because of it.
            for each in completed:
                each.result()
            parts = [each.result() for each in chapters]
            files = [each.result() for each in whole] + (parts if is_kept else [])
        if options.overlay:
            audio = [press.home / part.name for part in parts]
            notes += overlay.write(timeline, audio, folder / "book.epub", options.overlay, source)
            files.append(File("book.epub", "epub"))
        files += texts
    notes += too_long(timeline, preset)
    outside = [
        each
        for file in files
        if file.figures
        for each in violations(file.name, file.figures, preset.limits, _seconds(timeline, file.chapter))
    ]
    return Bound(tuple(files), Report(options.preset, gains, tuple(outside), tuple(notes)))


class _Share:
    """The share of a book that is bound: mixing its takes is half of it, and each file has its part of the rest."""

    def __init__(self, on_progress: Callable[[float], None], timeline: Timeline) -> None:
        self._on_progress, self._done, self._lock = on_progress, 0.0, Lock()
        self.total = max(sum(len(chapter.takes) for chapter in timeline.chapters), 1)

    def add(self, takes: float) -> None:
        """Note that so much is done: 1 for each take that was mixed, half of that for each in a file."""
        with self._lock:
            self._done += takes
            share = min(self._done / (2 * self.total), 1.0)
        self._on_progress(share)

    def counting(self, takes: Takes) -> Takes:
        """Return the takes, which note that a take is mixed when they are asked for it."""

        def fetch(key: str) -> Path:
            self.add(1)
            return takes(key)

        return fetch


@dataclass(frozen=True, slots=True)
class _Press:
    """What the encoders of a book share.

    Attributes:
        home: the folder for the files of the chapters.
    """

    timeline: Timeline
    pcm: Pcm
    preset: Preset
    cover: Path | None
    folder: Path
    home: Path
    work: Path
    share: _Share

    def whole(self) -> File:
        """Make the file of the whole book."""
        name = "book.m4b"
        target = self.folder / name
        m4b.write(self.pcm, self.timeline, target, self.work, self.preset, self.cover)
        figures = self._measure(target, self.pcm.rate, self.pcm.frames)
        self.share.add(self.share.total / 2)
        return File(name, "m4b", None, figures)

    def chapter(self, number: int) -> File:
        """Make the file of a chapter."""
        name = _chapter(number, "mp3")
        target = self.home / name
        mp3.write(self.pcm, self.timeline, number, target, self.work, self.preset, self.cover)
        rate, length = mp3.rate(self.timeline, self.preset), self.timeline.chapters[number].length
        figures = self._measure(target, rate, length)
        self.share.add(len(self.timeline.chapters[number].takes) / 2)
        return File(name, "mp3", number + 1, figures)

    def _measure(self, path: Path, rate: int, frames: int) -> Figures:
        return measure(path, rate, frames / self.pcm.rate, self.preset.limits)


def _seconds(timeline: Timeline, chapter: int | None) -> float:
    """Return the length of a chapter by its number, or of the whole book."""
    return (timeline.chapters[chapter - 1].length if chapter else timeline.length) / timeline.rate


def too_long(timeline: Timeline, preset: Preset) -> list[str]:
    """Return a sentence for each chapter that is longer than a preset allows."""
    minutes = [chapter.length / timeline.rate / 60 for chapter in timeline.chapters]
    return [
        f"{_chapter(number, 'mp3')} is {length:.0f} minutes long; it should be at most {preset.longest_minutes:g}."
        for number, length in enumerate(minutes)
        if length > preset.longest_minutes
    ]


def _write_subtitles(timeline: Timeline, folder: Path, formats: tuple[TimingFormat, ...]) -> list[File]:
    """Write the subtitles in each format."""
    if not formats:
        return []
    each: list[Subtitles] = []
    files = []
    for number, subtitles in enumerate(subtitles_of_chapters(timeline)):
        interrupt.get()()
        each.append(subtitles)
        files += [_write(subtitles, folder, _chapter(number, name), name, number + 1) for name in formats]
    book = subtitles_of_book(timeline, each)
    return [*(_write(book, folder, f"book.{name}", name) for name in formats), *files]


def _write(subtitles: Subtitles, folder: Path, name: str, kind: TimingFormat, chapter: int | None = None) -> File:
    write_text(folder / name, render(subtitles, kind), durable=False)
    return File(name, kind, chapter)


def _chapter(number: int, kind: str) -> str:
    return f"chapters/{number + 1:03}.{kind}"


@contextmanager
def _pool() -> Iterator[Callable[[Callable[[], File]], Future[File]]]:
    """Yield a function that runs a call in a thread pool; if the block fails, the calls are interrupted."""
    failure = Event()

    def check() -> None:
        if failure.is_set():
            raise AudioError("The book was not bound because another of its files failed.")

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool, interrupted_by(check):
        try:
            # A copy of the context makes interruptions reach the threads too.
            yield lambda call: pool.submit(copy_context().run, call)
        except BaseException:
            failure.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
