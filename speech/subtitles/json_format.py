"""Words and cues as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.words import Word


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
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def timing(word: Word) -> dict[str, Any]:
    """One entry of `words`, and of the `word_timings` that a result gives."""
    return {
        "word": word.text,
        "start_time": word.start / 1000,
        "end_time": word.end / 1000,
        "confidence": word.confidence,
    }
