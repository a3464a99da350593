"""Trying a lexicon on a text: what is spoken, which rows are for it, and why others are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from speech.language import detect
from speech.lexicons import Row
from speech.script.chunks import cut
from speech.script.lexicon import Lexicon, fold
from speech.script.readers import read
from speech.text import Token

__all__ = ["Trial", "attempt"]


@dataclass(frozen=True, slots=True)
class Trial:
    """How a text is spoken with a lexicon.

    Attributes:
        language: ISO 639-1 code, given or detected.
        spoken: the whole text.
        changes: the words that are spoken otherwise than they are written, and how.
        matched: number of rows that are for words of the text.
        hints: sentences on rows that are not, though one might expect it.
    """

    language: str
    spoken: str
    changes: tuple[tuple[str, str], ...]
    matched: int
    hints: tuple[str, ...]


def attempt(rows: Sequence[Row], text: str, language: str | None = None, voice: str | None = None) -> Trial:
    """Try a lexicon on a text.

    Args:
        voice: name of the voice that speaks the text.
    """
    script = read(text)
    script_language = language or detect(script.text)
    lexicon = Lexicon(rows, {None: voice})
    chunks = cut(lexicon.pronounce(script, script_language), script_language)
    texts = [passage.text for passage in script.passages]
    used_rows = {id(match.row) for each in texts for match in lexicon.matches(each, script_language)}
    shadowed = {id(row) for row in lexicon.shadowed}
    hints = []
    for number, row in enumerate(rows, 1):
        if id(row) in shadowed:
            reason: str | None = "never counts, since an earlier row is for the same word"
        elif row.word == row.say:
            reason = "changes nothing"
        else:
            reason = None if id(row) in used_rows else _why_not(row, texts, script_language, voice)
        if reason:
            hints.append(f"Row {number} ({row.word}) {reason}.")
    spoken = " ".join(chunk.spoken for chunk in chunks).replace("\n", " ")
    changes = _changes([token for chunk in chunks for token in chunk.tokens])
    return Trial(script_language, spoken, tuple(changes), len(used_rows), tuple(hints))


def _changes(tokens: Iterable[Token]) -> Iterator[tuple[str, str]]:
    """Yield what is written and what is spoken, where it differs; words without spaces between them together."""
    written, spoken, is_joined = "", "", False
    for token in tokens:
        differs = _words(token.spoken) != _words(token.text)
        if written and not (differs and (is_joined or not token.spoken)):
            yield written.strip(), spoken.strip()
            written = spoken = ""
        if differs:
            written, spoken = written + token.text + token.space, spoken + token.spoken + token.space
        is_joined = not token.space
    if written:
        yield written.strip(), spoken.strip()


def _words(text: str) -> str:
    """Return a text without its punctuation, to which speech adds a full stop."""
    return "".join(character for character in text if character.isalnum() or character.isspace()).strip()


def _why_not(row: Row, texts: Sequence[str], language: str, voice: str | None) -> str | None:
    """Return why a row does not apply to a text that contains its word; None if the text does not contain it."""
    if not any(fold(row.word) in fold(text) for text in texts):
        return None

    def matches(**changed: str | None) -> bool:
        lexicon = Lexicon([row.model_copy(update=changed)], {None: voice})
        return any(lexicon.matches(text, language) for text in texts)

    if not matches(language=None, voice=None, case="no"):
        return "is not used: its word stands only inside other words"
    if matches():
        return "is not used: another row is for more of the same words, or closer to them"
    if matches(language=None):
        return f"is not used: it is for the language {row.language}, and this text is {language}"
    if matches(voice=None):
        return f"is not used: it is for the voice {row.voice}; try it with --voice {row.voice}"
    if matches(case="no"):
        return "is not used: the word stands in another letter case"
    return "is not used: it is for another language, voice or letter case"
