"""The page for proof-listening: one HTML file that plays the MP3s of the chapters, which lie beside it.

Its sentences are those of the book. A sentence that was spoken in two pieces is shown as two, since either piece can
be said again without the other.
"""

from __future__ import annotations

import html
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from speech.books.edition import Edition
from speech.books.lines import Line
from speech.books.proof.doubts import find_doubts
from speech.books.take_store import TakeRecord
from speech.books.timeline import TimedChapter, TimedPassage, TimedWord, Timeline
from speech.files import write_pieces
from speech.preview.shell import BESIDE, STYLE, TOOLS, fill, read

__all__ = ["sound_of", "write"]

_FOLDER = Path(__file__).parent


def sound_of(line: Line, number: int) -> str:
    """Return where the sound of a take that can be chosen lies, relative to the page."""
    return f"takes/{line.id}-{number}.flac"


def write(
    edition: Edition,
    timeline: Timeline,
    records: Mapping[str, TakeRecord],
    audio: Sequence[str],
    target: Path,
    name: str,
    storage: str | None = None,
) -> Path:
    """Write the page.

    Args:
        timeline: of the edition.
        records: the records of the takes, by their keys; of takes that could be chosen, those that are there.
        audio: the files of the chapters, relative to the page.
        name: of the book, for commands.
        storage: the storage block of commands; None for the default.
    """
    lines = {line.id: line for line in edition.all_lines}
    numbers = {id: number for number, id in enumerate(lines)}
    doubts = find_doubts(lines.values(), records)
    data = {
        "book": name,
        "storage": f" --storage {shlex.quote(storage)}" if storage else "",
        "chapters": [
            {
                "title": chapter.title,
                "level": chapter.level,
                "audio": file,
                "length": _ms(chapter.length, timeline),
                "passages": [*_passages(chapter, chapter_lines, numbers, timeline)],
            }
            for chapter, chapter_lines, file in zip(timeline.chapters, edition.lines, audio, strict=True)
        ],
        "chunks": [_chunk(line, records) for line in lines.values()],
        "doubts": [[numbers[doubt.line.id], doubt.reasons] for doubt in doubts],
        "seeded": edition.engine.is_stochastic,
    }
    metadata = timeline.metadata
    about = [
        *metadata.authors,
        f"{len(timeline.chapters)} chapters" if len(timeline.chapters) > 1 else "1 chapter",
        f"{len(lines):,} chunks, {len(doubts):,} of them doubtful",
        f"edition {edition.name}",
    ]
    values = {
        "LANGUAGE": html.escape(metadata.language),
        "TITLE": html.escape(metadata.title),
        "ABOUT": html.escape(" · ".join(about)),
    }
    scripts = [TOOLS, _FOLDER / "page.js"]
    write_pieces(
        target, fill(_FOLDER / "page.html", [read(STYLE), read(_FOLDER / "page.css")], scripts, data, BESIDE, values)
    )
    return target


def _chunk(line: Line, records: Mapping[str, TakeRecord]) -> list[Any]:
    """Return the id of a chunk, the number, seed and score of its take, and the takes that can be chosen."""
    versions = [
        [
            each.number,
            each.text,
            _seed(records.get(each.key), each.seed),
            _score(records.get(each.key)),
            sound_of(line, each.number) if each.key in records else None,
        ]
        for each in line.versions
    ]
    return [line.id, line.number, _seed(records[line.key], line.seed), _score(records[line.key]), versions]


def _seed(record: TakeRecord | None, default: int) -> int:
    return record.seed if record else default


def _score(record: TakeRecord | None) -> float | None:
    return round(record.score, 2) if record and record.score is not None else None


def _passages(
    chapter: TimedChapter, lines: Sequence[Line], numbers: Mapping[str, int], timeline: Timeline
) -> Iterator[list[Any]]:
    """Yield each passage: its kind, level, whether it continues, its language, and its pieces."""
    chunks = iter([numbers[line.id] for line in lines for _ in line.chunk.tokens])
    for passage in chapter.passages:
        if passage.kind != "pause":
            pieces = [*_pieces(passage, chunks, timeline)]
            yield [passage.kind, passage.level, int(passage.continues), passage.language or "", pieces]


def _pieces(passage: TimedPassage, chunks: Iterator[int], timeline: Timeline) -> Iterator[list[Any]]:
    """Yield the sentences of a passage: text, begin and end in milliseconds, and the number of the chunk."""
    for sentence in passage.sentences:
        words: list[TimedWord] = []
        last = -1
        for word in sentence.words:
            chunk = next(chunks)
            if words and chunk != last:
                yield _piece(words, last, timeline)
                words = []
            words.append(word)
            last = chunk
        yield _piece(words, last, timeline)


def _piece(words: Sequence[TimedWord], chunk: int, timeline: Timeline) -> list[Any]:
    text = "".join(word.text + word.space for word in words).replace("\n", "")
    end = max(word.end for word in words)
    return [text, _ms(words[0].begin, timeline), _ms(end, timeline), chunk]


def _ms(samples: int, timeline: Timeline) -> int:
    return samples * 1000 // timeline.rate
