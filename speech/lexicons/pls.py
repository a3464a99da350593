"""Lexicons in the W3C's Pronunciation Lexicon Specification 1.0.

Of a lexeme its `alias` is used. A `phoneme` is not: the engines read letters. A `role`, such as that of a verb, is not
known of a word in a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.parsers import expat

from speech.lexicons.entry import Entry, refusal

__all__ = ["read"]

_LANGUAGE = "http://www.w3.org/XML/1998/namespace lang"
_MOST_NAMED = 10


def read(text: str, label: str) -> tuple[list[Entry], list[str]]:
    """Read a PLS file: return its rows, each with its line, and sentences on what is not honoured.

    Args:
        label: what errors call the file.

    Raises:
        InvalidRequest: it is not well-formed, not PLS, or declares a document type, with which entities come.
    """
    if "<!DOCTYPE" in text:
        line = text[: text.index("<!DOCTYPE")].count("\n") + 1
        raise refusal(label, line, "a DOCTYPE is not accepted; leave it out")
    lexemes = _Lexemes()
    try:
        lexemes.parser.Parse(text, True)
    except expat.ExpatError as fault:
        raise refusal(label, fault.lineno, f"it is not XML: {expat.ErrorString(fault.code)}") from None
    if lexemes.root != "lexicon":
        raise refusal(label, 1, f"<{lexemes.root}> is not accepted; expected the <lexicon> of a PLS file")
    return lexemes.entries, [
        *_note(lexemes.phonemes, "has only a phoneme, which cannot be spoken; give an alias"),
        *_note(lexemes.roles, "is for one role of a word only, which is not known; it was left out"),
    ]


def _note(words: Sequence[str], reason: str) -> list[str]:
    if not words:
        return []
    examples = ", ".join(dict.fromkeys(words[:_MOST_NAMED]))
    more = f" and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return [f"{examples}{more}: {reason}."]


class _Lexemes:
    """What was read.

    Attributes:
        root: name of the outermost element.
        entries: a row for each grapheme that has an alias, with the line of its lexeme.
        phonemes, roles: the words that have none, and those that are for one role.
    """

    def __init__(self) -> None:
        self.root = ""
        self.entries: list[Entry] = []
        self.phonemes: list[str] = []
        self.roles: list[str] = []
        self._language = ""
        self._line, self._role, self._prefers = 0, False, False
        self._words: list[str] = []
        self._aliases: list[str] = []
        self._text: list[str] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._hear

    def _hear(self, text: str) -> None:
        self._text.append(text)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._text = []
        if not self.root:
            self.root = local
            self._language = attributes.get(_LANGUAGE, "").partition("-")[0]
        elif local == "lexeme":
            self._line, self._role = self.parser.CurrentLineNumber, "role" in attributes
            self._words, self._aliases = [], []
        elif local == "alias":
            self._prefers = attributes.get("prefer") == "true"

    def _end(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        if local == "grapheme":
            self._words.append("".join(self._text))
        elif local == "alias":
            self._aliases.insert(0 if self._prefers else len(self._aliases), "".join(self._text))
        elif local == "lexeme":
            self._add()

    def _add(self) -> None:
        if self._role:
            self.roles += self._words
        elif not self._aliases:
            self.phonemes += self._words
        else:
            fields = {"say": self._aliases[0], "language": self._language, "case": "yes"}
            self.entries += [(self._line, {"word": word, **fields}) for word in self._words]
