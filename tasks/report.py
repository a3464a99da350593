"""What a person sees of a run in Prefect's UI: a summary with the places of the files, and the words in a table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from speech.outputs import PIECES, PREVIEW, key
from speech.request import SpeechResult
from speech.subtitles import Subtitles
from tasks.progress import Progress, show

__all__ = ["report"]

# A table of more rows is slow to open, and whoever wants all of them has the files.
_ROWS = 500


async def report(result: SpeechResult, subtitles: Subtitles | None, progress: Progress) -> None:
    """Write the artifacts of a finished run, all at once: each is a call to the server, and none can fail the run."""
    summary = "What the run made."
    calls: list[Awaitable[Any]] = [
        progress.start_step("done"),
        show("summary", acreate_markdown_artifact(_summary(result), key="summary", description=summary)),
    ]
    if subtitles:
        words = "When each word is heard, in seconds."
        calls.append(show("table", acreate_table_artifact(_table(subtitles), key="words", description=words)))
    await asyncio.gather(*calls)


def _table(subtitles: Subtitles) -> list[dict[str, Any]]:
    return [
        {
            "word": word.text,
            "start": f"{word.start / 1000:.3f}",
            "end": f"{word.end / 1000:.3f}",
            "confidence": word.confidence,
            "interpolated": "yes" if word.interpolated else "",
        }
        for word in subtitles.words[:_ROWS]
    ]


def _summary(result: SpeechResult) -> str:
    files = {result.audio_format or "wav": result.audio_url, **(result.timing_files or {})}
    files |= {PREVIEW: result.preview_url} if result.preview_url else {}
    files |= {PIECES: result.cues_url} if result.cues_url else {}
    quote = result.text[:300].replace("\n", " ").translate(_PLAIN) + ("..." if len(result.text) > 300 else "")
    lines = [
        f"> {quote}",
        "",
        "| What | Made |",
        "|---|---|",
        f"| Audio | {result.duration:.2f} s at {result.sample_rate} Hz |",
        f"| Seed | {result.seed} |",
    ]
    if result.timing_method:
        lines.append(f"| Words | {result.word_count}, timed by {result.timing_method} |")
        lines.append(f"| Confidence | {result.timing_confidence} |")
    # A browser follows no link from a web page to a file, and a signed one opens the file to all who read this.
    local = result.audio_url.startswith("file:")
    places = [url.removeprefix("file://") if local else key(result.job_id, kind) for kind, url in files.items()]
    lines += ["", *(f"- `{place}`" for place in places)]
    lines += [] if local else ["", f"For links that work for an hour: `f5-flows result {result.job_id}`"]
    lines += ["", *(f"- {warning.translate(_PLAIN)}" for warning in result.warnings)]
    return "\n".join(lines)


_PLAIN = str.maketrans({character: "\\" + character for character in "\\`*_{}[]<>#|!"})
