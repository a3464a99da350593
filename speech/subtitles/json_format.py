"""Words and cues as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.errors import InvalidRequest, Problem
from speech.text import normalise
from speech.words import Word, clamp

if TYPE_CHECKING:
    from speech.subtitles import Subtitles

SCHEMA = Path(__file__).with_name("timings.schema.json")
"""What is written, and what `read` takes."""

# Characters in which the next word of the text is looked for, so that a file of foreign words takes no longer.
_NEAR = 1_000
_LONGEST_MS = 1_000 * 3_600_000


def write(subtitles: Subtitles) -> str:
    content = {
        "version": 1,
        "job_id": subtitles.job_id,
        "text": subtitles.text,
        "language": subtitles.language,
        "duration": subtitles.duration_ms / 1000,
        "method": subtitles.method,
        "words": [timing(word) for word in subtitles.words],
        "cues": [
            {"start_time": cue.start / 1000, "end_time": cue.end / 1000, "lines": cue.texts()} for cue in subtitles.cues
        ],
    }
    return "{\n" + ",\n".join(f" {_text(name)}: {_lined(value)}" for name, value in content.items()) + "\n}\n"


def _lined(value: Any) -> str:
    """A list with a line for each of its entries, which reads well and is written faster than with `indent`."""
    return "[\n  " + ",\n  ".join(map(_text, value)) + "\n ]" if isinstance(value, list) and value else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def timing(word: Word) -> dict[str, Any]:
    """One entry of `words`, and of the `word_timings` that a result gives."""
    return {
        "word": word.text,
        "start_time": word.start / 1000,
        "end_time": word.end / 1000,
        "confidence": word.confidence,
    }


def read(content: str, **presentation: Any) -> Subtitles:
    """Subtitles from a file that `write` made, with cues built anew.

    Args:
        presentation: `preset`, `own`, `style` and `karaoke`, as `speech.subtitles.make` takes them.

    Raises:
        InvalidRequest: it is no such file.
    """
    from speech.subtitles import make

    try:
        found = json.loads(content)
        text, language, method, job_id = (_clean(found[name]) for name in ("text", "language", "method", "job_id"))
        words, length = _words(found["words"], text), round(found["duration"] * 1000)
        if not 0 <= length <= _LONGEST_MS:
            raise ValueError(length)
        return make(
            clamp(words, length),
            text=text,
            language=language,
            duration_ms=length,
            method=_line(method),
            job_id=_line(job_id),
            **presentation,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        sentence = "The timings are not a JSON file of f5-flows; expected one that speak or align wrote."
        raise InvalidRequest([Problem("timings", None, "", sentence)]) from None


def _words(entries: list[dict[str, Any]], text: str) -> list[Word]:
    """What stands between two words is found in the text, where they stand in the same order."""
    words, at = [], 0
    for entry in entries:
        word = _line(_clean(entry["word"]))
        if not word:
            continue
        place = text.find(word, at, at + _NEAR + len(word))
        at = place + len(word) if place >= 0 else at
        joined = place >= 0 and at < len(text) and not text[at].isspace()
        times = round(entry["start_time"] * 1000), round(entry["end_time"] * 1000)
        confidence = min(max(float(entry["confidence"]), 0.0), 1.0)
        words.append(Word(word, *times, confidence, confidence == 0, "" if joined else " "))
    return words


def _clean(text: str) -> str:
    """As a script is made clean before it becomes words, since a file may come from anywhere."""
    text.encode("utf-8")
    return normalise(text)


def _line(text: str) -> str:
    return " ".join(text.split())
