"""The script: made clean, split into tokens, grouped into chunks that an engine speaks in one go."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

import regex

from speech.spoken import spell

__all__ = ["Chunk", "Token", "chunks", "has_words", "normalise", "tokens"]

# Zero-width joiners shape letters and emoji and must stay; what overrides the direction of text or
# only marks bytes must not reach a subtitle.
_INVISIBLE = regex.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]")
_CONTROL = regex.compile(r"[\p{Cc}--[\n]]", regex.V1)
_BLANK = regex.compile(r"[^\S\n]+")
_PARAGRAPH = regex.compile(r" ?\n\s*")

# Scripts that are written without spaces. There the token is what a reader calls one character.
_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc"
_HAS_SPACELESS = regex.compile(rf"[{_SPACELESS}]")
_TOKEN = regex.compile(
    rf"[\p{{Ps}}\p{{Pi}}\"']*(?:(?=[{_SPACELESS}])\X|(?:(?![{_SPACELESS}\p{{P}}])\X|[\p{{P}}](?=[^\s{_SPACELESS}\p{{P}}]))+)"
    r"(?:(?![\p{Ps}\p{Pi}])\p{P})*|\p{P}+|\X",
    regex.V1,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the script as the subtitles show it, and as it is said.

    Attributes:
        text: the script's own spelling, with its punctuation.
        spoken: what a voice says for it, spelled out; empty where nothing is said.
        space: what stands between this token and the next in the script: a blank, or nothing.
    """

    text: str
    spoken: str
    space: str = " "


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole tokens that is synthesized, and later aligned, as one piece."""

    tokens: tuple[Token, ...]

    @property
    def text(self) -> str:
        """As the script has it."""
        return "".join(token.text + token.space for token in self.tokens).strip()

    @property
    def spoken(self) -> str:
        """As a voice says it."""
        return "".join(token.spoken + token.space for token in self.tokens if token.spoken).strip()


def has_words(text: str) -> bool:
    """Whether a text holds anything that can be said."""
    return any(character.isalnum() for character in text)


def normalise(text: str) -> str:
    """One spelling for what looks the same: NFC, single blanks, paragraphs apart, nothing invisible.

    >>> normalise("Cafe\\u0301   au\\x00 lait\\r\\n\\r\\n\\r\\nOui.")
    'Café au lait\\nOui.'
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _INVISIBLE.sub("", text).replace("\t", " ").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _CONTROL.sub("", text)
    return _PARAGRAPH.sub("\n", _BLANK.sub(" ", text)).strip()


def tokens(text: str, language: str) -> list[Token]:
    """The script's words in order, each with its spoken form.

    Joined with their `space` they are the (single-line) script again.

    >>> [(token.text, token.spoken) for token in tokens("Room 42, please!", "en")]
    [('Room', 'Room'), ('42,', 'forty-two,'), ('please!', 'please!')]
    """
    pieces: list[tuple[str, str]] = []
    for word in text.split():
        parts = _TOKEN.findall(word) if _HAS_SPACELESS.search(word) else [word]
        pieces += [(part, "") for part in parts[:-1]] + [(parts[-1], " ")]
    spoken = spell([piece for piece, _ in pieces], language)
    return [Token(piece, said, space) for (piece, space), said in zip(pieces, spoken, strict=True)]


def chunks(text: str, language: str, max_chars: int = 300, min_chars: int = 40) -> list[Chunk]:
    """Split a normalised script for synthesis.

    Sentences (found by sentencex, which knows some 240 languages) are packed into chunks of at most
    `max_chars` spoken characters; a sentence longer than that is cut at a clause, else between tokens.
    A chunk below `min_chars` is merged with a neighbour, since engines rush very short ones.
    """
    packed: list[_Run] = []
    for sentence in _sentences(text, language):
        words = tokens(sentence, language)
        if not sentence[-1].isspace():
            words[-1] = replace(words[-1], space="")
        pieces = _cut(words, max_chars)
        for piece in pieces:
            if packed and len(pieces) == 1 and packed[-1].length + piece.length <= max_chars:
                packed[-1].add(piece)
            else:
                packed.append(piece)
    return [Chunk(tuple(piece.tokens)) for piece in _merge(packed, min_chars)]


class _Run:
    """Tokens in a row, and how many characters of them are spoken."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.length = sum(map(_length, tokens))

    def add(self, more: _Run) -> None:
        self.tokens += more.tokens
        self.length += more.length


def _sentences(text: str, language: str) -> list[str]:
    from sentencex import segment

    found = [part for line in text.split("\n") for part in segment(language, line + "\n")]
    return [part for part in found if part.strip()]


def _length(token: Token) -> int:
    return len(token.spoken) + len(token.space) if token.spoken else 0


def _cut(sentence: list[Token], max_chars: int) -> list[_Run]:
    """Halve at the best border near the middle until each part fits; what is not said stays with what it follows."""
    whole = _Run(sentence)
    if whole.length <= max_chars:
        return [whole]
    half, before, best, best_cost = whole.length / 2, 0, 0, float("inf")
    for index in range(1, len(sentence)):
        before += _length(sentence[index - 1])
        if not before or not sentence[index].spoken:
            continue
        clause = sentence[index - 1].text[-1:] in ",;:—–)、，；："
        cost = abs(before - half) / half + (0 if clause else 0.5)
        if cost < best_cost:
            best, best_cost = index, cost
    return [*_cut(sentence[:best], max_chars), *_cut(sentence[best:], max_chars)] if best else [whole]


def _merge(pieces: list[_Run], min_chars: int) -> list[_Run]:
    merged: list[_Run] = []
    for piece in pieces:
        if merged and (piece.length < min_chars or merged[-1].length < min_chars):
            merged[-1].add(piece)
        else:
            merged.append(piece)
    return merged
