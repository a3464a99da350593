"""The artifacts of a run in Prefect's UI: a summary with the places of the files, and a table of the words."""

from __future__ import annotations

import asyncio
from string import punctuation

from prefect.artifacts import acreate_markdown_artifact

from speech.outputs import AUDIO, PIECES, PREVIEW, is_local
from speech.outputs import key as key_of
from speech.records import kinds
from speech.result import SpeechResult
from speech.stores import Store
from speech.subtitles import Subtitles
from tasks.progress import Progress, publish

__all__ = ["plain", "report", "summary", "table"]

# A longer table is slow to open, and fills Prefect's database; the files hold all words.
_ROWS = 500
_QUOTED = 300
_NAMES = {PREVIEW: "Page to read and listen", PIECES: "Cues as WAV files"}
# In Markdown, a backslash makes any punctuation literal.
_PLAIN = str.maketrans({character: f"\\{character}" for character in punctuation})


async def report(result: SpeechResult, subtitles: Subtitles | None, store: Store, progress: Progress) -> None:
    """Write the artifacts of a finished run, concurrently, since each is a call to the server; none fails the run."""
    texts = {"summary": (summary(result, store), "What the run made.")}
    if subtitles:
        # Not a table artifact, whose cells are Markdown in one of Prefect's two UIs and plain text in the other.
        texts["words"] = table(result, subtitles), "When each word is heard, in seconds."
    artifacts = (
        publish(key, acreate_markdown_artifact(text, key=key, description=about))
        for key, (text, about) in texts.items()
    )
    await asyncio.gather(progress.start_step("done"), *artifacts)


def table(result: SpeechResult, subtitles: Subtitles) -> str:
    """Return the table of the words in Markdown; a long one says where the rest is."""
    lines = ["| word | start | end | confidence | |", "|---|---|---|---|---|"]
    lines += [
        f"| {plain(word.text)} | {word.start / 1000:.3f} | {word.end / 1000:.3f} | {word.confidence:.2f} | "
        f"{'interpolated' if word.interpolated else ''} |"
        for word in subtitles.words[:_ROWS]
    ]
    if (count := len(subtitles.words)) > _ROWS:
        lines.insert(0, f"The first {_ROWS} of {count:,} words; all of them are in {_location(result, 'json')}\n")
    return "\n".join(lines)


def summary(result: SpeechResult, store: Store) -> str:
    """Return the summary of a run in Markdown: where to listen, what was said, the other files, the warnings."""
    files = kinds(result.reply())
    facts = {"Length": f"{result.duration:.2f} s at {result.sample_rate} Hz", "Seed": str(result.seed)}
    if result.timing_method:
        facts["Words"] = f"{result.word_count:,}, timed by {result.timing_method}"
        facts["Confidence"] = f"{result.timing_confidence:.2f}"
    quote = plain(result.text[:_QUOTED]) + ("..." if len(result.text) > _QUOTED else "")
    first = [kind for kind in files if kind in (*AUDIO, PREVIEW)]
    lines = [f"- {_NAMES.get(kind, 'Audio')}: {_location(result, kind)}" for kind in first]
    if not is_local(result.audio_url):
        # A link would have to be signed, and would give every reader of Prefect's database access to the file.
        lines += ["", f"For links that work for an hour: `f5-flows result {result.job_id}`"]
    lines += ["", f"> {quote}", "", "| | |", "|---|---|", *(f"| {name} | {fact} |" for name, fact in facts.items())]
    if rest := [kind for kind in files if kind not in first]:
        lines += ["", f"### Files in {plain(str(store))}", ""]
        lines += [f"- {_NAMES.get(kind, kind)}: {_location(result, kind)}" for kind in rest]
    if result.warnings:
        lines += ["", "### Notes", "", *(f"- {plain(warning)}" for warning in result.warnings)]
    return "\n".join(lines)


def _location(result: SpeechResult, kind: str) -> str:
    """Return where a file is, as code: browsers do not open local files from a web page."""
    audio = key_of(result.job_id, result.audio_format or "wav")
    root = result.audio_url.removesuffix(audio) if is_local(result.audio_url) else ""
    return f"`{root}{key_of(result.job_id, kind)}`"


def plain(text: str) -> str:
    """Return a text in one line that Markdown shows as it is."""
    return " ".join(text.split()).translate(_PLAIN)
