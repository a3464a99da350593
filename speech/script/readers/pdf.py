"""Reading PDF: lines at places on pages, from which the text is guessed."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import regex

from speech.errors import SpeechError
from speech.processes import Program
from speech.script.passage import Passage, Script
from speech.script.readers.markup import refused
from speech.script.readers.pdf_pages import DIVIDED
from speech.script.readers.runs import tidy
from speech.script.readers.silence import Silence
from speech.text import has_words

__all__ = ["read"]

_GUESS = (
    "A PDF has positioned lines but no paragraphs, so paragraphs, headings and running heads "
    "were guessed. Check them with: f5-flows script"
)
# 2 kB of PDF can take any time and memory, so it is read in a process that is bounded.
_COMMAND = (sys.executable, "-m", "speech.script.readers.pdf_pages")
_ROOT = Path(__file__).parents[3]
_SECONDS, _MEMORY, _MOST_OUTPUT = 300, 1_000_000_000, 300_000_000
_NUMBER = regex.compile(
    r"\W*(?:p(?:age|\.)?\s*)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s*(?:/|of|von|de|sur|di)\s*\d{1,4})?\W*", regex.I
)
_DIGITS = regex.compile(r"\d+|\b[ivxlc]+\b")
_END = regex.compile(r"[.!?…:。！？][\p{Pe}\p{Pf}\"'”’]*$")
_LARGER, _GAP, _INDENT, _FULL, _LONGEST_HEADING = 1.15, 1.35, 0.8, 0.85, 150
# A line at the edge of that many pages is no part of the text.
_REPEATED = 3


class _Late(SpeechError):
    """Reading a PDF took too long."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of text.

    Attributes:
        left, bottom: its place on the page, in points.
        size: of its letters, in points.
        is_divided: whether its last word goes on in the next line.
    """

    text: str
    page: int
    left: float
    bottom: float
    size: float
    is_divided: bool


def read(data: bytes) -> Script:
    """Read a PDF.

    Raises:
        InvalidRequest: it is damaged, locked, or has no text, as scanned pages have none; or reading it takes too much
            time or memory.
    """
    lines, outline, title = _extract(data)
    if not lines:
        raise refused("it is a PDF without text, perhaps of scanned pages; recognise their text first (OCR)", "file")
    silence = Silence()
    body = _without_edges(lines, silence)
    return Script(tuple(_passages(body, outline)), "pdf", title, left_out=silence.all(), notes=(_GUESS,))


def _extract(data: bytes) -> tuple[list[_Line], dict[tuple[int, str], int], str | None]:
    """Return the lines, the levels of the names in the outline by page and name, and the title."""
    answer = json.loads(_answer(data))
    if "refused" in answer:
        raise refused(answer["refused"], "file")
    lines = [_Line(words.replace("\n", " "), *box) for text, *box in answer["lines"] if (words := tidy(text))]
    outline: dict[tuple[int, str], int] = {}
    for page, name, level in answer["outline"]:
        outline[page, _key(name)] = level
    return lines, outline, tidy(answer["title"]).replace("\n", " ") or None


def _answer(data: bytes) -> bytes:
    """Return what a process of its own reads in a PDF: its time, memory and output are limited."""
    blocks, size = [], 0
    try:
        with Program(_COMMAND, fault=_Late, seconds=_SECONDS, memory=_MEMORY, folder=_ROOT, feed=[data]) as program:
            for part in program.output():
                blocks.append(part)
                size += len(part)
                if size > _MOST_OUTPUT:
                    raise refused(f"it unpacks to more than {_MOST_OUTPUT / 1e6:.0f} MB of text", "file")
    except _Late:
        raise refused(f"reading this PDF takes longer than {_SECONDS} s; divide it, or save it anew", "file") from None
    if program.code:
        limit = f"{_MEMORY / 1e9:g} GB of memory"
        raise refused(f"reading this PDF takes more than {limit}, or crashes; save it anew, or as text", "file")
    return b"".join(blocks)


def _without_edges(lines: Sequence[_Line], silence: Silence) -> list[_Line]:
    """Leave out page numbers and running heads: what stands at the edge of page after page."""
    edges: dict[int, list[_Line]] = {}
    for page, page_lines in itertools.groupby(lines, key=lambda line: line.page):
        by_height = sorted(page_lines, key=lambda line: line.bottom)
        edges[page] = [*by_height[:2], *by_height[-2:]]
    heads = Counter(head for page_lines in edges.values() for head in {_head(line) for line in page_lines})
    outermost = {id(line) for page_lines in edges.values() for line in (page_lines[0], page_lines[-1])}
    at_edges = {id(line) for page_lines in edges.values() for line in page_lines}
    body: list[_Line] = []
    noted: set[tuple[str, int]] = set()
    for line in lines:
        key = _head(line)
        if id(line) in outermost and len(edges) > 1 and _NUMBER.fullmatch(line.text):
            silence.add("page number")
        elif id(line) in at_edges and has_words(key[0]) and heads[key] >= _REPEATED:
            if key not in noted:
                silence.note("running head", line.text, "it stands on every page")
            noted.add(key)
        else:
            body.append(line)
    return body


def _head(line: _Line) -> tuple[str, int]:
    """Return what a running head has in common on all pages: its words without numbers, and its height."""
    return _DIGITS.sub("", _key(line.text)), round(line.bottom / 2)


def _passages(lines: Sequence[_Line], outline: dict[tuple[int, str], int]) -> Iterator[Passage]:
    """Yield the headings and the paragraphs of lines."""
    letters: Counter[float] = Counter()
    for line in lines:
        letters[line.size] += len(line.text)
    body = letters.most_common(1)[0][0] if letters else 0.0
    larger = sorted({line.size for line in lines if line.size >= body * _LARGER}, reverse=True)
    widest = max((len(line.text) for line in lines if line.size == body), default=0)
    texts = {line.text.replace(" ", "").casefold() for line in lines}
    words = {word for line in lines for word in line.text.casefold().split()} | texts
    pitch = _pitch(lines, body)
    margins = _margins(lines, body)
    open_lines: list[_Line] = []
    level = 0
    for line in lines:
        outline_level = outline.get((line.page, _key(line.text)), 0)
        if not outline_level and line.size in larger and len(line.text) <= _LONGEST_HEADING:
            outline_level = min(larger.index(line.size) + 1, 6)
        before = open_lines[-1] if open_lines else None
        if before is not None and (
            outline_level != level or (not outline_level and _begins(before, line, widest, pitch, margins))
        ):
            yield from _passage(open_lines, level, words)
            open_lines = []
        level = outline_level
        open_lines.append(line)
    yield from _passage(open_lines, level, words)


def _begins(before: _Line, line: _Line, widest: int, pitch: float, margins: dict[int, float]) -> bool:
    """Check whether a paragraph begins with a line."""
    if before.is_divided:
        return False
    ends_sentence = bool(_END.search(before.text)) and len(before.text) < widest * _FULL
    indented = line.left > margins.get(line.page, line.left) + line.size * _INDENT
    if line.page != before.page:
        return ends_sentence or (indented and bool(_END.search(before.text)))
    gap = before.bottom - line.bottom
    was_indented = before.left > margins.get(before.page, before.left) + before.size * _INDENT
    return ends_sentence or gap > pitch * _GAP or (indented and not was_indented)


def _passage(lines: Sequence[_Line], level: int, words: set[str]) -> Iterator[Passage]:
    text = ""
    for line in lines:
        text = f"{text}{line.text}" if text.endswith(DIVIDED) or not text else f"{text}\n{line.text}"
        if line.is_divided:
            text += DIVIDED
    text = _undivided(text, words)
    if has_words(text):
        if level:
            yield Passage("heading", text.replace("\n", " "), level=level)
        else:
            yield Passage("paragraph", text)


def _undivided(text: str, words: set[str]) -> str:
    """Join the words that were divided at the ends of lines."""
    result, *rest = text.split(DIVIDED)
    for part in rest:
        before, after = result.rsplit(None, 1)[-1:], part.split(None, 1)[:1]
        first, second = "".join(before), "".join(after) if part[:1].strip() else ""
        result = f"{result[: len(result) - len(first)]}{_mended(first, second, words)}{part[len(second) :]}"
    return result


def _mended(first: str, second: str, words: set[str]) -> str:
    """Join a divided word; the hyphen stays if the word is written with it elsewhere, or begins with a capital."""
    compound = f"{first}-{second}".casefold().strip(".,;:!?")
    if compound in words or second[:1].isupper() or second[:1].isdigit():
        return f"{first}-{second}"
    return first + second


def _pitch(lines: Sequence[_Line], body: float) -> float:
    """Return the usual distance of two lines."""
    gaps = [
        before.bottom - line.bottom
        for before, line in itertools.pairwise(lines)
        if before.page == line.page and before.size == line.size == body and before.bottom > line.bottom
    ]
    return median(gaps) if gaps else body * 1.2


def _margins(lines: Sequence[_Line], body: float) -> dict[int, float]:
    """Return the left edge of the text on each page."""
    edges: dict[int, Counter[float]] = {}
    for line in lines:
        if line.size == body:
            edges.setdefault(line.page, Counter())[round(line.left)] += 1
    return {
        page: min(left for left, count in counts.items() if count >= max(counts.values()) * 0.3)
        for page, counts in edges.items()
    }


def _key(text: str) -> str:
    return " ".join(text.casefold().split())
