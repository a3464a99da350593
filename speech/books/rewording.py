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
    result, other = [*chunk.tokens], tokens(text, language)
    matcher = SequenceMatcher(None, [token.text for token in result], [token.text for token in other], autojunk=False)
    for operation, first, last, begin, end in matcher.get_opcodes():
        if operation == "equal":
            continue
        words = _text_of(other[begin:end])
        if operation == "insert" and first:
            result[first - 1] = replace(result[first - 1], spoken=f"{result[first - 1].spoken} {words}".strip())
        elif operation == "insert":
            result[0] = replace(result[0], spoken=f"{words} {result[0].spoken}".strip())
        elif last - first == end - begin:
            result[first:last] = [
                replace(token, spoken=new.spoken)
                for token, new in zip(result[first:last], other[begin:end], strict=True)
            ]
        else:
            silent = (replace(token, spoken="") for token in result[first + 1 : last])
            result[first:last] = [replace(result[first], spoken=words), *silent]
    return replace(chunk, tokens=tuple(result))


def _text_of(words: Sequence[Token]) -> str:
    return "".join(token.spoken + token.space for token in words).strip()
