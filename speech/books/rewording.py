"""Speaking a chunk in other words than are written, which stay what listeners read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from speech.text import Chunk, Token, tokens

__all__ = ["reworded"]


def reworded(chunk: Chunk, text: str, language: str) -> Chunk:
    """Return a chunk whose tokens are spoken as a text has it; what both have in common is spoken as before.

    Args:
        text: the words to speak, on one line.
        language: ISO 639-1 code.
    """
    made, other = [*chunk.tokens], tokens(text, language)
    matcher = SequenceMatcher(None, [token.text for token in made], [token.text for token in other], autojunk=False)
    for what, first, last, begin, end in matcher.get_opcodes():
        if what == "equal":
            continue
        words = _text_of(other[begin:end])
        if what == "insert" and first:
            made[first - 1] = replace(made[first - 1], spoken=f"{made[first - 1].spoken} {words}".strip())
        elif what == "insert":
            made[0] = replace(made[0], spoken=f"{words} {made[0].spoken}".strip())
        elif last - first == end - begin:
            made[first:last] = [
                replace(token, spoken=new.spoken) for token, new in zip(made[first:last], other[begin:end], strict=True)
            ]
        else:
            silent = (replace(token, spoken="") for token in made[first + 1 : last])
            made[first:last] = [replace(made[first], spoken=words), *silent]
    return replace(chunk, tokens=tuple(made))


def _text_of(words: Sequence[Token]) -> str:
    return "".join(token.spoken + token.space for token in words).strip()
