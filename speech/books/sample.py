"""A sample of a book: the first minutes of each voice, to hear how it will sound before all of it is spoken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from speech.books.chapters import Chapter
from speech.script.passage import Passage

__all__ = ["SAMPLE_CHARS", "sampled"]

SAMPLE_CHARS = 1_800
"""Characters of each voice: some two minutes."""


def sampled(chapters: Sequence[Chapter], most: int = SAMPLE_CHARS) -> tuple[Chapter, ...]:
    """Return the chapters with those passages in which a voice says its first so many characters; others are left out.

    A passage is never cut, so that its takes are those of the whole book.
    """
    lengths: Counter[str | None] = Counter()
    excerpts = []
    for chapter in chapters:
        entries = [*_sample_passages(chapter, lengths, most)]
        if any(passage.text for _, passage in entries):
            ids, passages = zip(*entries, strict=True)
            excerpts.append(replace(chapter, passages=passages, ids=ids))
    return tuple(excerpts)


def _sample_passages(chapter: Chapter, lengths: Counter[str | None], most: int) -> Iterator[tuple[str, Passage]]:
    """Yield the passages that are kept, and the scenes and pauses between them."""
    silent: list[tuple[str, Passage]] = []
    last = False
    for id, passage in zip(chapter.ids, chapter.passages, strict=True):
        if not passage.text:
            silent.append((id, passage))
            continue
        if lengths[passage.voice] < most:
            lengths[passage.voice] += len(passage.text)
            yield from silent if last else ()
            yield id, passage
            last = True
        else:
            last = False
        silent = []
