"""What a person sees of a run in Prefect's UI: a summary with links, and the words in a table."""

from __future__ import annotations

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact

from speech.request import SpeechResult
from speech.subtitles import Subtitles

__all__ = ["report"]

# A table of more rows is slow to open, and whoever wants all of them has the files.
_ROWS = 500


async def report(result: SpeechResult, subtitles: Subtitles | None) -> None:
    """Write the artifacts of a finished run."""
    await acreate_markdown_artifact(_summary(result), key="summary", description="What the run made.")
    if subtitles:
        rows = [
            {
                "word": word.text,
                "start": f"{word.start / 1000:.3f}",
                "end": f"{word.end / 1000:.3f}",
                "confidence": word.confidence,
                "interpolated": "yes" if word.interpolated else "",
            }
            for word in subtitles.words[:_ROWS]
        ]
        await acreate_table_artifact(rows, key="words", description="When each word is heard, in seconds.")


def _summary(result: SpeechResult) -> str:
    links = {"wav": result.audio_url, **(result.timing_files or {})}
    quote = result.text[:300].replace("\n", " ").translate(_PLAIN) + ("..." if len(result.text) > 300 else "")
    lines = [
        f"> {quote}",
        "",
        "| | |",
        "|---|---|",
        f"| Audio | {result.duration:.2f} s at {result.sample_rate} Hz |",
        f"| Seed | {result.seed} |",
    ]
    if result.timing_method:
        lines.append(f"| Words | {result.word_count}, timed by {result.timing_method} |")
        lines.append(f"| Confidence | {result.timing_confidence} |")
    lines += ["", " · ".join(f"[{name}]({url})" for name, url in links.items())]
    lines += ["", *(f"- {warning.translate(_PLAIN)}" for warning in result.warnings)]
    return "\n".join(lines)


_PLAIN = str.maketrans({character: "\\" + character for character in "\\`*_{}[]<>#|!"})
