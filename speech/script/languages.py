"""The languages of passages: which are detected, and what becomes of those that an engine does not speak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from speech.engines import Engine
from speech.engines.speaking import unsupported_language
from speech.language import detect_among
from speech.request import SpeechRequest
from speech.script.passage import Passage, Script

__all__ = ["localise", "speakable"]

_QUOTED = 40


def localise(script: Script, request: SpeechRequest, language: str) -> Script:
    """Return the script with the languages of those passages that are beyond doubt in another one.

    Where the request names a language, or the markup of a page, it is that of every passage that declares no other.
    The language at the head of a Markdown text is only that of most passages: Markdown has no way to name others.

    Args:
        language: of the script.
    """
    if request.language or (script.language and script.format != "markdown"):
        return script
    return replace(script, passages=tuple(_with_language(passage, language) for passage in script.passages))


def speakable(script: Script, language: str, engine: Engine) -> tuple[Script, list[str]]:
    """Return the script as an engine can speak it, and notes for the user.

    A passage in a language that the engine does not speak is read as the rest of the script is: a quotation is not
    worth refusing a book for.

    Raises:
        InvalidRequest: the engine speaks the language of no passage.
    """
    supported = engine.languages()
    foreign = [each for each in script.passages if each.text and each.language not in {None, *supported}]
    if not foreign:
        return script, []
    if len(foreign) == sum(1 for each in script.passages if each.text):
        raise unsupported_language(
            str(foreign[0].language), engine, "text", f"{foreign[0].text[:_QUOTED]} ({foreign[0].language})"
        )
    passages = tuple(_without_unsupported(passage, supported) for passage in script.passages)
    return replace(script, passages=passages), _notes(foreign, language, engine)


def _with_language(passage: Passage, language: str) -> Passage:
    detected = None if passage.language else detect_among(passage.text)
    return replace(passage, language=detected) if detected not in (None, language) else passage


def _without_unsupported(passage: Passage, supported: Collection[str]) -> Passage:
    return passage if passage.language in {None, *supported} else replace(passage, language=None)


def _notes(foreign: Sequence[Passage], language: str, engine: Engine) -> list[str]:
    """Return a sentence for each language that is not spoken, with the first passage in it."""
    firsts = {str(each.language): each.text for each in reversed(foreign)}
    counts = Counter(str(each.language) for each in foreign)
    return [
        f"{engine.name} does not speak {code!r}; {counts[code]} passage{'s' if counts[code] > 1 else ''} in it "
        f"{'were' if counts[code] > 1 else 'was'} read as {language!r}, the first: {text[:_QUOTED]!r}"
        for code, text in reversed(firsts.items())
    ]
