"""When everything in a book is heard: plain data in samples, computed from takes and pauses and never probed.

All positions are integers at the timeline's rate, counted from the beginning of the chapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from speech.audio import Span
from speech.script.passage import Kind
from speech.sentences import ends

__all__ = [
    "Cover",
    "Metadata",
    "PlacedTake",
    "Sentence",
    "TimedChapter",
    "TimedPassage",
    "TimedWord",
    "Timeline",
    "sentences",
]


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture for the front of a book."""

    data: bytes
    content_type: Literal["image/jpeg", "image/png"]

    @classmethod
    def of(cls, data: bytes) -> Cover | None:
        """Return a picture as a cover; None if it is neither JPEG nor PNG."""
        if data.startswith(b"\xff\xd8\xff"):
            return cls(data, "image/jpeg")
        return cls(data, "image/png") if data.startswith(b"\x89PNG\r\n\x1a\n") else None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known about a book.

    Attributes:
        language: a language tag, such as "en" or "pt-BR".
        identifier: a URN or URL of the work; None to derive one from title and authors.
        narrator: who reads, as listeners are told.
        date: when it was published: a year, or an ISO 8601 date.
        description: a few sentences about the book.
        rights: who may do what with it.
    """

    title: str
    authors: tuple[str, ...] = ()
    language: str = "en"
    identifier: str | None = None
    narrator: str | None = None
    date: str | None = None
    publisher: str | None = None
    description: str | None = None
    rights: str | None = None
    cover: Cover | None = None


@dataclass(frozen=True, slots=True)
class PlacedTake:
    """A stretch of a take, placed in a chapter. Two may overlap: a fade out and a fade in over it are a crossfade.

    Attributes:
        key: of the take.
        voice: the voice that speaks it; each voice has a gain of its own.
        first, last: first and past-the-last sample in the take.
        begin: where `first` is heard in the chapter.
        fade_in, fade_out: samples over which it rises linearly from silence, and falls to it.
    """

    key: str
    voice: str
    first: int
    last: int
    begin: int
    fade_in: int = 0
    fade_out: int = 0

    @property
    def end(self) -> int:
        """The position after its last sample in the chapter."""
        return self.begin + self.last - self.first


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A token of the script and when it is heard.

    Attributes:
        text: the script's spelling.
        space: the separator after it in the script.
        confidence, interpolated: as in `speech.words.Word`.
    """

    text: str
    begin: int
    end: int
    space: str = " "
    confidence: float = 1.0
    interpolated: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words of a sentence; there is at least one."""

    words: tuple[TimedWord, ...]

    @property
    def begin(self) -> int:
        """Where its first word begins."""
        return self.words[0].begin

    @property
    def end(self) -> int:
        """Where its last word ends."""
        return max(word.end for word in self.words)

    @property
    def text(self) -> str:
        """The sentence as the script has it."""
        return "".join(word.text + word.space for word in self.words).strip()

    @property
    def space(self) -> str:
        """What separates it from the next in the same passage."""
        return self.words[-1].space


@dataclass(frozen=True, slots=True)
class TimedPassage:
    """A passage of the script and when its sentences are heard.

    Attributes:
        id: names the passage within its book.
        kind, level, continues: as in `speech.script.Passage`.
        sentences: empty where nothing is spoken, as for a scene.
        language: ISO 639-1 code; None for the language of the book.
        href: the document of the source EPUB that holds it, as the archive names it; None if there is none.
    """

    id: str
    kind: Kind
    sentences: tuple[Sentence, ...] = ()
    level: int = 0
    continues: bool = False
    language: str | None = None
    href: str | None = None

    @property
    def text(self) -> str:
        """The passage as the script has it."""
        return " ".join(sentence.text for sentence in self.sentences)


@dataclass(frozen=True, slots=True)
class TimedChapter:
    """A chapter: what is heard in it.

    Attributes:
        title: as the table of contents has it.
        length: in samples, with the room tone before and after what is spoken.
        takes: in order of `begin`; what they leave free is room tone.
        passages: in order.
        level: depth in the table of contents, from 1.
        role: the kind of section in EPUB's vocabulary, such as "chapter" or "foreword".
    """

    title: str
    length: int
    takes: tuple[PlacedTake, ...] = ()
    passages: tuple[TimedPassage, ...] = ()
    level: int = 1
    role: str = "chapter"

    @property
    def words(self) -> list[TimedWord]:
        """All of its words."""
        return [word for passage in self.passages for sentence in passage.sentences for word in sentence.words]


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole book.

    Attributes:
        rate: sample rate of the takes, and unit of all positions, in hertz.
        chapters: in order.
        method: the aligner that timed the words.
    """

    metadata: Metadata
    rate: int
    chapters: tuple[TimedChapter, ...]
    method: str = "embedded"

    @property
    def length(self) -> int:
        """The length of the book in samples."""
        return sum(chapter.length for chapter in self.chapters)

    @property
    def starts(self) -> list[int]:
        """Where each chapter begins in the book, in samples."""
        return [0, *accumulate(chapter.length for chapter in self.chapters)][:-1]

    def spans(self) -> list[Span]:
        """Return where each chapter begins and ends in the book, in samples."""
        return [(start, start + chapter.length) for start, chapter in zip(self.starts, self.chapters, strict=True)]


def sentences(words: Sequence[TimedWord], language: str) -> tuple[Sentence, ...]:
    """Group the words of a passage into sentences.

    >>> [each.text for each in sentences([TimedWord("Stop.", 0, 9), TimedWord("Who?", 9, 20)], "en")]
    ['Stop.', 'Who?']
    """
    result, sentence = [], []
    for word, last in zip(words, ends(words, language), strict=True):
        sentence.append(word)
        if last:
            result.append(Sentence(tuple(sentence)))
            sentence = []
    return (*result, Sentence(tuple(sentence))) if sentence else tuple(result)
