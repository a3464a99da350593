"""f5-flows script: show what would be spoken of a document."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deployments.cli.documents import cast_and_format, open_script, read_cast
from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from speech.script.passage import Passage, Script

__all__ = ["script"]

_WORDS_A_MINUTE, _SIGNS_A_MINUTE, _LETTERS_A_MINUTE = 150, 300, 900
_MARGIN, _MOST_LISTED = 26, 30


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@cast_and_format
@click.option("--language", help="ISO 639-1, such as en. Default: as the document says, else detected.")
@click.option("--json", "as_json", is_flag=True, help="Print the passages as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the script as Markdown, to be edited and spoken.")
def script(
    file: Path, cast: Path | None, script_format: str | None, language: str | None, as_json: bool, as_markdown: bool
) -> None:
    """Show what would be spoken of FILE, passage by passage, and what would not; - reads standard input.

    FILE is a text, Markdown, HTML, SSML, an EPUB book, a Word document (DOCX), a PDF, or SRT or WebVTT subtitles.

    \b
    f5-flows script book.epub
    f5-flows script talk.pdf --markdown > talk.md
    """
    from speech.request import SpeechRequest
    from speech.script import language_of, localise
    from speech.script.directions import direct
    from speech.script.readers import write

    fields = {"cast": read_cast(cast), "language": language, "script_format": script_format}
    request = SpeechRequest.parse({"text": "x"} | {name: value for name, value in fields.items() if value})
    parsed = open_script(None if str(file) == "-" else file, "FILE", request.script_format).script
    # No store is opened here, so voices named in SSML are assumed to exist.
    voices = [passage.voice for passage in parsed.passages if passage.voice]
    directed = direct(parsed, request.cast, lambda: voices)
    if as_markdown:
        echo(write(directed), nl=False)
        return
    words, minutes = _length(directed.text)
    script_language = language_of(request, directed)
    directed = localise(directed, request, script_language)
    notes = [*directed.notes, *_unknown(directed)]
    if as_json:
        facts = {"title": directed.title, "format": directed.format, "language": script_language, "words": words}
        lists = {name: [asdict(each) for each in getattr(directed, name)] for name in ("passages", "left_out")}
        echo(json.dumps({**facts, "minutes": minutes, **lists, "notes": notes}, ensure_ascii=False, indent=1))
        return
    echo("\n".join(_describe(directed, script_language, notes)))
    echo(f"\n{words:,} words, about {_duration(minutes)} of speech: an estimate, at {_WORDS_A_MINUTE} a minute.")


def _describe(directed: Script, language: str, notes: list[str]) -> Iterator[str]:
    """Yield the lines that describe a script."""
    width = max(shutil.get_terminal_size((100, 24)).columns, 60)
    yield f"{click.style(directed.title or 'Without a title', bold=True)} ({directed.format}, {language})\n"
    for passage in directed.passages:
        yield from _passage(passage, width)
    if directed.left_out:
        yield f"\n{click.style('Not spoken', bold=True)}"
        for item in directed.left_out[:_MOST_LISTED]:
            yield f"  {item.what} ({item.why})"
        if (more := len(directed.left_out) - _MOST_LISTED) > 0:
            yield f"  ... and {more} more, which --json lists"
    if notes:
        yield ""
    for note in notes:
        yield f"Note: {note}"


def _passage(passage: Passage, width: int) -> Iterator[str]:
    kind = f"heading {passage.level}" if passage.kind == "heading" else passage.kind
    pace = f"{passage.speed:g}x" if passage.speed != 1 else None
    label = " ".join(filter(None, ("+" if passage.continues else kind, passage.voice, passage.language, pace)))
    text = f"{passage.seconds:g} s" if passage.kind == "pause" else passage.text
    for each in reversed(passage.says):
        text = f"{text[: each.end]} (say: {each.say}){text[each.end :]}"
    first, *more = textwrap.wrap(text, width - _MARGIN) or [""]
    yield f"{click.style(f'{label[: _MARGIN - 2]:<{_MARGIN}}', dim=True)}{first}".rstrip()
    yield from (" " * _MARGIN + line for line in more)


def _unknown(directed: Script) -> list[str]:
    """Return notes on bracketed text that looks like a voice's name but would be spoken."""
    import regex

    tag = regex.compile(r"\[(\p{L}[^\[\]\n]{0,40})\]")
    names = dict.fromkeys(match[1] for each in directed.passages if (match := tag.match(each.text)))
    message = "[{}] is spoken, unless a voice of that name is stored, or --cast names it."
    return [message.format(name) for name in names]


def _length(text: str) -> tuple[int, float]:
    """Return the number of words, and the estimated minutes of speech.

    A Chinese or Japanese character counts as a word; text without spaces is measured by its letters.
    """
    import regex

    signs = len(regex.findall(r"[\p{Han}\p{Hiragana}\p{Katakana}]", text))
    letters = len(regex.findall(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]", text))
    words = sum(
        1 for word in regex.sub(r"[\p{Han}\p{Hiragana}\p{Katakana}]", " ", text).split() if any(map(str.isalnum, word))
    )
    spoken = 0 if letters else words / _WORDS_A_MINUTE
    return words + signs, round(spoken + signs / _SIGNS_A_MINUTE + letters / _LETTERS_A_MINUTE, 2)


def _duration(minutes: float) -> str:
    if minutes < 1:
        return f"{max(round(minutes * 60 / 5) * 5, 5)} seconds"
    if minutes < 90:
        return f"{minutes:.0f} minutes" if minutes >= 1.5 else "1 minute"
    return f"{minutes / 60:.1f} hours"
