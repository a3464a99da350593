"""Words and cues as JSON: writing, and reading back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from speech.errors import InvalidRequest, Problem
from speech.text import normalise
from speech.words import Word, clamp

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.subtitles.cues import Cue

# How many characters of the text are searched for the next word; it bounds the time for a file of other words.
_NEAR = 1_000
_LONGEST_MS = 1_000 * 3_600_000


def write(subtitles: Subtitles) -> str:
    """Return the words and cues as JSON."""
    content = {
        "version": 1,
        "job_id": subtitles.job_id,
        "text": subtitles.text,
        "language": subtitles.language,
        "duration": subtitles.duration_ms / 1000,
        "method": subtitles.method,
        "words": [timing(word) for word in subtitles.words],
        "cues": [
            {"start_time": cue.start / 1000, "end_time": cue.end / 1000, "lines": cue.texts(), **_voice(cue)}
            for cue in subtitles.cues
        ],
    }
    return "{\n" + ",\n".join(f" {_text(name)}: {_lined(value)}" for name, value in content.items()) + "\n}\n"


def _lined(value: Any) -> str:
    """Return a value as JSON, a list with one line per entry: easy to read, and faster to write than with `indent`."""
    return "[\n  " + ",\n  ".join(map(_text, value)) + "\n ]" if isinstance(value, list) and value else _text(value)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def timing(word: Word) -> dict[str, Any]:
    """Return a word as an entry of `words`, or of a result's `word_timings`."""
    return {
        "word": word.text,
        "start_time": word.start / 1000,
        "end_time": word.end / 1000,
        "confidence": word.confidence,
        **_voice(word),
    }


def _voice(item: Word | Cue) -> dict[str, str]:
    """Return the voice as an entry has it: not at all where it is the voice of the request."""
    return {"voice": item.voice} if item.voice else {}


def read(content: str, **presentation: Any) -> Subtitles:
    """Read subtitles from the content of a file that `write` made; the cues are built again.

    Args:
        presentation: `preset`, `own`, `style`, `karaoke`, `look` and `speakers`, as `speech.subtitles.make` takes
            them.

    Raises:
        InvalidRequest: the content is not of such a file.
    """
    from speech.subtitles import make

    try:
        document = json.loads(content)
        text, language, method, job_id = (_clean(document[name]) for name in ("text", "language", "method", "job_id"))
        words, length = _words(document["words"], text), round(document["duration"] * 1000)
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
    """Read the words; what separates them is looked up in the text, which has them in the same order."""
    words, at = [], 0
    for entry in entries:
        word = _line(_clean(entry["word"]))
        if not word:
            continue
        position = text.find(word, at, at + _NEAR + len(word))
        at = position + len(word) if position >= 0 else at
        space = " " if position < 0 or at == len(text) else text[at] if text[at].isspace() else ""
        times = round(entry["start_time"] * 1000), round(entry["end_time"] * 1000)
        confidence = min(max(float(entry["confidence"]), 0.0), 1.0)
        voice = _line(_clean(entry.get("voice") or "")) or None
        words.append(Word(word, *times, confidence, confidence == 0, space, voice))
    return words


def _clean(text: str) -> str:
    """Clean a text from the file as scripts are cleaned, since the file may come from an untrusted source."""
    text.encode("utf-8")
    return normalise(text)


def _line(text: str) -> str:
    """Collapse white space to single spaces."""
    return " ".join(text.split())
