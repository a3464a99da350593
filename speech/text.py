"""The script: normalised, split into tokens, and grouped into chunks that an engine speaks in one piece."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice

import regex

from speech.phrases import SPACELESS, Joint, joints
from speech.sentences import ends
from speech.spoken import spell

__all__ = ["Chunk", "Respell", "Token", "chunks", "has_words", "normalise", "sentences", "tokens"]

# Zero-width joiners shape letters and emoji and must stay. Direction overrides, byte order marks and other
# invisible characters must not reach a subtitle.
_INVISIBLE = regex.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb]")
_CONTROL = regex.compile(r"[\p{Cc}--[\n]]", regex.V1)
_BLANK = regex.compile(r"[^\S\n]+")
_PARAGRAPH = regex.compile(r" ?\n\s*")

_HAS_SPACELESS = regex.compile(rf"[{SPACELESS}]")
_TOKEN = regex.compile(
    rf"[\p{{Ps}}\p{{Pi}}\"']*(?:(?=[{SPACELESS}])\X|(?:(?![{SPACELESS}\p{{P}}])\X|[\p{{P}}](?=[^\s{SPACELESS}\p{{P}}]))+)"
    r"(?:(?![\p{Ps}\p{Pi}])\p{P})*|\p{P}+|\X",
    regex.V1,
)


# What a cut costs beside its distance from the middle, which costs at most 1: after a clause nothing.
_DIVIDES = {Joint.OPEN: 0.5, Joint.PHRASE: 1.5, Joint.WORD: 2.5, Joint.FORBIDDEN: 3.5}


@dataclass(frozen=True, slots=True)
class Token:
    """One word of the script, as subtitles show it and as it is spoken.

    Attributes:
        text: the script's spelling, with its punctuation.
        spoken: the spoken form, spelled out; empty if the token is not spoken.
        space: the separator between this token and the next in the script: a space, nothing, or a line break at the
            end of a paragraph.
    """

    text: str
    spoken: str
    space: str = " "


Respell = Callable[[Sequence[Token]], list[Token]]
"""Returns tokens, some with another spoken form."""


@dataclass(frozen=True)
class Chunk:
    """A run of tokens that is synthesized, and later aligned, as one piece.

    Attributes:
        voice: name of the voice as the script gives it; None for the voice of the request.
        language: ISO 639-1 code; None for the language of the script.
        speed: multiplies the pace that was asked for.
        pause_ms: length of the silence before it, which is not part of its samples; 0 to fade into it.
    """

    tokens: tuple[Token, ...]
    voice: str | None = None
    language: str | None = None
    speed: float = 1.0
    pause_ms: int = 0

    @cached_property
    def text(self) -> str:
        """The chunk as written in the script."""
        return "".join(token.text + token.space for token in self.tokens).strip()

    @cached_property
    def spoken(self) -> str:
        """The chunk as it is spoken, a line for each of its passages."""
        return "".join(token.spoken + token.space for token in self.tokens if token.spoken).strip()


def has_words(text: str) -> bool:
    """Check whether a text holds anything that can be spoken."""
    return any(map(str.isalnum, text))


def normalise(text: str) -> str:
    """Normalise a text: NFC, single spaces, one line per paragraph, no invisible characters.

    >>> normalise("Cafe\\u0301   au\\x00 lait\\r\\n\\r\\n\\r\\nOui.")
    'Café au lait\\nOui.'
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _INVISIBLE.sub("", text).replace("\t", " ").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _CONTROL.sub("", text)
    return _PARAGRAPH.sub("\n", _BLANK.sub(" ", text)).strip()


def tokens(text: str, language: str) -> list[Token]:
    """Split a script into tokens, each with its spoken form.

    Joined with their `space`, the tokens give the (single-line) script again.

    >>> [(token.text, token.spoken) for token in tokens("Room 42, please!", "en")]
    [('Room', 'Room'), ('42,', 'forty-two,'), ('please!', 'please!')]
    """
    return [*chain(*(_spelled(sentence, language) for sentence in _sentences(text, language)))]


def sentences(text: str, language: str) -> list[str]:
    """Split a normalised text into sentences, each with the space that follows it; no sentence crosses a line end.

    >>> sentences("Dr. May left. No. 5 stayed.", "en")
    ['Dr. May left. ', 'No. 5 stayed. ']
    """
    return ["".join(token.text + token.space for token in sentence) for sentence in _sentences(text, language)]


def _sentences(text: str, language: str) -> Iterator[list[Token]]:
    """Yield the tokens of each sentence, without their spoken forms."""
    for line in text.split("\n"):
        bare_tokens, begin = _split(line), 0
        for index, end in enumerate(ends(bare_tokens, language), 1):
            if end:
                yield bare_tokens[begin:index]
                begin = index


def _split(text: str) -> list[Token]:
    """Split a text into tokens, without their spoken forms."""
    bare_tokens: list[Token] = []
    for word in text.split():
        parts = _TOKEN.findall(word) if _HAS_SPACELESS.search(word) else [word]
        bare_tokens += [*(Token(part, "", "") for part in parts[:-1]), Token(parts[-1], "")]
    return bare_tokens


def _spelled(sentence: Sequence[Token], language: str) -> list[Token]:
    """Return the tokens of a sentence with their spoken forms."""
    forms = spell([token.text for token in sentence], language)
    if sentence[-1].text.endswith(".") and forms[-1] and forms[-1][-1].isalnum():
        # An abbreviation at the end of a sentence gives it its full stop: `et cetera.`
        forms[-1] += "."
    return [Token(token.text, form, token.space) for token, form in zip(sentence, forms, strict=True)]


def chunks(
    text: str, language: str, max_chars: int = 300, min_chars: int = 40, respell: Respell | None = None
) -> list[Chunk]:
    """Split a normalised script for synthesis.

    Sentences are packed into chunks of at most `max_chars` spoken characters; a longer sentence is cut at a clause,
    else between words, in Japanese between phrases. A chunk of fewer than `min_chars` is merged with a neighbour,
    because engines rush very short chunks.

    Args:
        respell: changes spoken forms, and thereby how much fits into a chunk.
    """
    packed: list[_Run] = []
    sentence_tokens = [_spelled(sentence, language) for sentence in _sentences(text, language)]
    if respell:
        respelled = iter(respell([*chain(*sentence_tokens)]))
        sentence_tokens = [[*islice(respelled, len(words))] for words in sentence_tokens]
    for words in sentence_tokens:
        runs = _cut(words, max_chars, language)
        for run in runs:
            if packed and len(runs) == 1 and packed[-1].length + run.length <= max_chars:
                packed[-1].add(run)
            else:
                packed.append(run)
    return [Chunk(tuple(run.tokens)) for run in _merge(packed, min_chars)]


class _Run:
    """A run of tokens and the number of its spoken characters."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.length = sum(map(_length, tokens))

    def add(self, more: _Run) -> None:
        self.tokens += more.tokens
        self.length += more.length


def _length(token: Token) -> int:
    return len(token.spoken) + len(token.space) if token.spoken else 0


def _cut(sentence: list[Token], max_chars: int, language: str) -> list[_Run]:
    """Halve at the best token near the middle until each part fits; an unspoken token stays with its predecessor."""
    whole = _Run(sentence)
    if whole.length <= max_chars:
        return [whole]
    return _halved(whole, joints(sentence, language), max_chars)


def _halved(whole: _Run, breaks: Sequence[Joint], max_chars: int) -> list[_Run]:
    """Halve a run until each part fits.

    Args:
        breaks: what a cut after each token would divide.
    """
    sentence = whole.tokens
    if whole.length <= max_chars:
        return [whole]
    half, before, best, best_cost = whole.length / 2, 0, 0, float("inf")
    for index in range(1, len(sentence)):
        before += _length(sentence[index - 1])
        if not before or not sentence[index].spoken:
            continue
        joint = breaks[index - 1]
        clause = sentence[index - 1].text[-1:] in ",;:—–)、，；：" and joint is not Joint.FORBIDDEN
        cost = abs(before - half) / half + (0 if clause else _DIVIDES[joint])
        if cost < best_cost:
            best, best_cost = index, cost
    if not best:
        return [whole]
    parts = (sentence[:best], breaks[:best]), (sentence[best:], breaks[best:])
    return [run for tokens, joint in parts for run in _halved(_Run(tokens), joint, max_chars)]


def _merge(runs: list[_Run], min_chars: int) -> list[_Run]:
    merged: list[_Run] = []
    for run in runs:
        if merged and (run.length < min_chars or merged[-1].length < min_chars):
            merged[-1].add(run)
        else:
            merged.append(run)
    return merged
