"""Which stretch of a chapter's audio belongs to which text, and the SMIL documents that say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from speech.books.overlay.xml import quoted
from speech.books.timeline import Sentence, TimedChapter, TimedPassage

__all__ = ["Clip", "Level", "Unit", "clock", "smil", "times", "units"]

Level = Literal["sentence", "word"]

Unit = Sentence
"""A text that lights up while it is heard: a sentence, or a single word as one."""


@dataclass(frozen=True, slots=True)
class Clip:
    """An element of a document, and the stretch of an audio file that it lights up for.

    Attributes:
        id: of the element.
        chapter: the audio file, by the number of its chapter, counted from 0.
        begin, end: milliseconds in the audio file.
    """

    id: str
    chapter: int
    begin: int
    end: int


def units(passage: TimedPassage, level: Level) -> list[Unit]:
    """Return the units of a passage."""
    if level == "word":
        return [Unit((word,)) for sentence in passage.sentences for word in sentence.words]
    return list(passage.sentences)


def times(chapter_units: Sequence[Unit], chapter: TimedChapter, rate: int) -> list[tuple[int, int]]:
    """Return begin and end of each unit of a chapter in milliseconds.

    The first begins with the chapter and each lasts until the next begins, the last to the end of the chapter, since
    players stutter at gaps. None is empty, and none ends after the audio does.
    """
    length = chapter.length * 1000 // rate
    borders = [0]
    for unit in chapter_units[1:]:
        borders.append(max(unit.begin * 1000 // rate, borders[-1] + 1))
    # From the end: each leaves a millisecond to those after it.
    for index in range(len(borders)):
        borders[-1 - index] = min(borders[-1 - index], length - 1 - index)
    return [*pairwise([*borders, length])] if chapter_units else []


def clock(milliseconds: int) -> str:
    """Return a time as SMIL writes it.

    >>> clock(3_723_004)
    '1:02:03.004'
    """
    return (
        f"{milliseconds // 3_600_000}:{milliseconds // 60_000 % 60:02}:"
        f"{milliseconds // 1000 % 60:02}.{milliseconds % 1000:03}"
    )


def smil(document: str, clips: Iterable[Clip], audio: Sequence[str]) -> str:
    """Return the SMIL document of a content document.

    Args:
        document: the content document, relative to the SMIL document, as a URL.
        audio: the audio file of each chapter, likewise.
    """
    pars = "\n".join(
        f'<par id="p{number}"><text src={quoted(f"{document}#{clip.id}")}/><audio src={quoted(audio[clip.chapter])}'
        f' clipBegin="{clock(clip.begin)}" clipEnd="{clock(clip.end)}"/></par>'
        for number, clip in enumerate(clips, 1)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<smil xmlns="http://www.w3.org/ns/SMIL" xmlns:epub="http://www.idpf.org/2007/ops" version="3.0">\n'
        f'<body><seq id="all" epub:textref={quoted(document)}>\n{pars}\n</seq></body>\n</smil>\n'
    )
