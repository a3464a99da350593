"""How the words of a script are laid out on the page: as the passages that they were written in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from speech.script.passage import Passage
from speech.sentences import ends
from speech.subtitles.palette import ON_LIGHT

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.words import Word

__all__ = ["NARRATOR", "Block", "PageLayout", "lay_out"]

NARRATOR = "Narrator"
"""The name on the page of the voice of the request."""

# A paragraph is cut after the sentence that reaches the first number of words, or else at the second: a transcript is
# often one line, which nobody could find a place in, and which a browser would have to draw whole.
_LONG, _LONGEST = 200, 400


@dataclass(frozen=True, slots=True)
class Block:
    """A passage on the page.

    Attributes:
        kind: as in `speech.script.Passage`.
        words: how many words it has; they follow those of the block before it.
        level: of a heading.
        voice: index of its voice in the layout's.
        language: ISO 639-1 code; empty for that of the script.
        continues: whether it belongs to the block before it.
    """

    kind: str
    words: int
    level: int = 0
    voice: int = 0
    language: str = ""
    continues: bool = False


@dataclass(frozen=True, slots=True)
class PageLayout:
    """The blocks of a script in order, and the names of its voices."""

    blocks: tuple[Block, ...]
    voices: tuple[str, ...]

    @property
    def tints(self) -> list[str]:
        """The name of each voice's colour in the page's style: the same as in ASS, where the narrator has none."""
        number = count()
        return ["ink" if name == NARRATOR else f"voice-{next(number) % len(ON_LIGHT)}" for name in self.voices]


def lay_out(subtitles: Subtitles) -> PageLayout:
    """Lay out the words by the passages of the script; where those are not known, each line is a paragraph."""
    lines = list(_lines(subtitles.words))
    passages = [each for each in subtitles.passages if each.text or each.kind == "scene"]
    if sum(bool(each.text) for each in passages) != len(lines):
        passages = [Passage("paragraph", line[0].text) for line in lines]
    names = dict.fromkeys(line[0].voice or NARRATOR for line in lines)
    voices = {name: index for index, name in enumerate(names)}
    following = iter(lines)
    blocks: list[Block] = []
    for passage in passages:
        if passage.text:
            line = next(following)
            block = _block(passage, len(line), voices[line[0].voice or NARRATOR])
            blocks += _cut(block, line, block.language or subtitles.language)
        elif blocks and blocks[-1].kind != "scene":
            blocks.append(Block("scene", 0))
    return PageLayout(tuple(blocks), tuple(voices))


def _block(passage: Passage, words: int, voice: int) -> Block:
    return Block(passage.kind, words, passage.level, voice, passage.language or "", passage.continues)


def _lines(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """Yield the words of each passage; what separates passages is a line break, or another voice."""
    first = 0
    for index, word in enumerate(words, 1):
        if index == len(words) or word.space == "\n" or words[index].voice != word.voice:
            yield words[first:index]
            first = index


def _cut(block: Block, words: Sequence[Word], language: str) -> Iterator[Block]:
    """Cut a block that is too long for a paragraph, at the ends of sentences where it can be."""
    if len(words) <= _LONG:
        yield block
        return
    first = 0
    for index, ends_sentence in enumerate(ends(words, language), 1):
        length = index - first
        at_sentence_end = length >= _LONG and len(words) - index >= _LONG / 4 and ends_sentence
        if index == len(words) or at_sentence_end or length == _LONGEST:
            yield replace(block, words=length, continues=block.continues or first > 0)
            first = index
