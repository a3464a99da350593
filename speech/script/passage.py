"""The script as a writer sees it: a list of passages, each a heading, a paragraph, a line of verse or the like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["SPOKEN_KINDS", "Entry", "Kind", "LeftOut", "Passage", "Script", "Substitution"]

Kind = Literal["heading", "paragraph", "item", "quotation", "verse", "scene", "pause"]
SPOKEN_KINDS: tuple[Kind, ...] = ("heading", "paragraph", "item", "quotation", "verse")


@dataclass(frozen=True, slots=True)
class Substitution:
    """Characters of a passage that are replaced by other words when it is spoken.

    Attributes:
        start, end: first and past-the-last character in the passage's text.
        say: the words to speak in their place.
    """

    start: int
    end: int
    say: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a book's table of contents.

    Attributes:
        level: 1 for the outermost entries.
    """

    title: str
    level: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a script that ends a sentence: speech and cues never run from one passage into the next.

    Attributes:
        kind: what it is. A scene (a break between scenes) and a pause have no text.
        text: normalised, on one line.
        voice: name of the voice as the script gives it; None for the voice of the request.
        language: ISO 639-1 code; None for the language of the script.
        speed: multiplies the pace that was asked for.
        level: of a heading, 1 to 6.
        seconds: length of a pause.
        continues: whether it belongs to the same paragraph as the passage before it.
        says: its substitutions, in order, without overlaps.
        speaker: name of who speaks, as subtitles give it; it is the name of a voice if the cast has it.
        entry: the entry of the table of contents that points to it.
        part: name of the part of an EPUB book that holds it. Passages that differ only in these two are equal.
    """

    kind: Kind
    text: str = ""
    voice: str | None = None
    language: str | None = None
    speed: float = 1.0
    level: int = 0
    seconds: float = 0.0
    continues: bool = False
    says: tuple[Substitution, ...] = ()
    speaker: str | None = None
    entry: Entry | None = field(default=None, compare=False)
    part: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something in a document that is not spoken, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Script:
    """A script.

    Attributes:
        passages: in order.
        format: how it was read: a name in `speech.script.readers.FORMATS`.
        title: as the document gives it.
        language: as the document gives it, an ISO 639-1 code.
        left_out: what is not spoken.
        notes: sentences for the user: what was assumed, what could not be honoured.
        facts: what the document says of itself, by the names of Dublin Core, such as creator and publisher; a name may
            stand more than once.
        depth: level down to which headings begin a chapter, as the document gives it.
    """

    passages: tuple[Passage, ...]
    format: str = "text"
    title: str | None = None
    language: str | None = None
    left_out: tuple[LeftOut, ...] = field(default=())
    notes: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    depth: int | None = None

    @property
    def text(self) -> str:
        """The text of the spoken passages, one line each."""
        return "\n".join(passage.text for passage in self.passages if passage.text)
