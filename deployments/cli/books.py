"""Helpers of the book commands: printing a plan, and fetching the files of a bound book."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.console import spare, writing
from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from speech.books.edition import Edition
    from speech.books.order import Order
    from speech.stores import Store

__all__ = ["failures", "fetch_files", "tell_plan", "unfinished"]

_MOST_LISTED = 30
# Seconds of computing per second of speech. F5-TTS: 16 steps on an L20 GPU, as its authors report.
_GPU_PACE = 0.15


def tell_plan(order: Order, name: str, data: bytes, store: Store, *, silent: bool) -> dict[str, Any]:
    """Plan an edition, print the plan unless `silent`, and return its figures; nothing is spoken.

    Raises:
        SpeechError: the book cannot be read or planned here.
    """
    from speech.books import choices
    from speech.books.order import Ordered
    from speech.books.preparation import prepare
    from speech.books.take_store import TakeStore

    with tempfile.TemporaryDirectory() as folder:
        edition = prepare(Ordered(name, order, data, choices.load(store, name)), store, Path(folder))
    missing = edition.missing(TakeStore(store))
    facts = _facts(edition, name, missing.takes)
    if not silent:
        echo("\n".join(_lines(edition, facts)))
    return facts


def _facts(edition: Edition, name: str, missing: frozenset[str]) -> dict[str, Any]:
    from speech.books.edition import CHARACTERS_A_SECOND
    from speech.settings import settings

    pace = CHARACTERS_A_SECOND * edition.request.speed
    lines = {line.key: len(line.chunk.spoken) for line in edition.all_lines}
    speech = edition.characters / pace
    to_speak = sum(length for key, length in lines.items() if key in missing) / pace
    minutes = to_speak * _GPU_PACE / 60 if edition.engine.clones else 0.0
    return {
        "name": name,
        "title": edition.book.title,
        "authors": list(edition.book.authors),
        "language": edition.language,
        "engine": edition.engine.name,
        "edition": edition.name,
        "chapters": [
            {
                "number": number,
                "title": chapter.title,
                "level": chapter.level,
                "words": sum(len(passage.text.split()) for passage in chapter.passages),
                "minutes": round(sum(len(line.chunk.spoken) for line in chapter_lines) / pace / 60, 1),
                "chunks": len(chapter_lines),
                "to_speak": sum(line.key in missing for line in chapter_lines),
            }
            for number, chapter, chapter_lines in zip(_numbers(edition), edition.chapters, edition.lines, strict=True)
        ],
        "left_out": [{"what": each.what, "why": each.why} for each in edition.book.left_out],
        "notes": list(edition.notes),
        "parts": len(edition.parts),
        # As they are heard, like those of the chapters, and in the book's status: one that is heard twice counts twice.
        "chunks": len(edition.all_lines),
        "to_speak": sum(line.key in missing for line in edition.all_lines),
        "hours": round(speech / 3600, 2),
        "hours_to_speak": round(to_speak / 3600, 2),
        "gpu_minutes": round(minutes, 1),
        "cost_usd": round(minutes / 60 * settings().gpu_usd_per_hour, 2),
    }


def _numbers(edition: Edition) -> list[int]:
    """Return the number of each chapter in the whole book."""
    at = {chapter.id: number for number, chapter in enumerate(edition.book.chapters, 1)}
    return [at[chapter.id] for chapter in edition.chapters]


def _lines(edition: Edition, facts: dict[str, Any]) -> Iterator[str]:
    by = f" by {', '.join(facts['authors'])}" if facts["authors"] else ""
    title = click.style(facts["title"], bold=True)
    yield f"{title}{by} ({edition.book.format}, {facts['language']}), as {facts['name']}\n"
    for each in facts["chapters"]:
        finished_chunks = each["chunks"] - each["to_speak"]
        there = f", {finished_chunks} of {each['chunks']} chunks kept" if finished_chunks else ""
        indent = "  " * (each["level"] - 1)
        yield f"{each['number']:>4}  {indent}{each['title']} ({each['words']:,} words, {each['minutes']:g} min{there})"
    left_out = facts["left_out"]
    if left_out:
        yield f"\n{click.style('Not spoken', bold=True)}"
        yield from (f"  {each['what']} ({each['why']})" for each in left_out[:_MOST_LISTED])
        if (more := len(left_out) - _MOST_LISTED) > 0:
            yield f"  ... and {more} more, which --json lists"
    yield ""
    for note in facts["notes"]:
        yield f"Note: {note}"
    ready = facts["chunks"] - facts["to_speak"]
    yield (
        f"About {facts['hours']:g} hours of speech in {facts['parts']} parts of about ten minutes. Already spoken: "
        f"{ready:,} of {facts['chunks']:,} chunks; {facts['engine']} has about {facts['hours_to_speak']:g} hours left."
    )
    if facts["gpu_minutes"]:
        price = (
            f", {facts['cost_usd']:.2f} USD" if facts["cost_usd"] else "; set GPU_USD_PER_HOUR to see what that costs"
        )
        yield f"This takes about {facts['gpu_minutes']:g} minutes on a GPU{price}."


def failures(state: dict[str, Any]) -> list[str]:
    """Return why each part of a book, or its binding, failed."""
    return [
        f"{'part ' + str(run['part']) if run['part'] else 'binding'} failed: {run['reason']}"
        for run in state.get("runs", ())
        if run["reason"]
    ]


def unfinished(state: dict[str, Any]) -> list[str]:
    """Return what of each chapter of a book is missing."""
    return [
        f"{each['title']}: {each['lines'] - each['finished']} of {each['lines']} chunks are missing"
        for each in state.get("chapters", ())
        if each["finished"] < each["lines"]
    ]


def fetch_files(
    store: Store, name: str, edition: str, folder: Path, source: Path | None = None
) -> tuple[list[Path], list[str]]:
    """Fetch the files of a bound book, replacing those of an earlier edition; return their paths and notes.

    Args:
        source: a file that must not be written over.
    """
    from speech.books.stored import Result, edition_key, read

    base = edition_key(name, edition, "/")
    result = read(store, f"{base}result.json", Result, name)
    # On this machine, `book.m4b` is named after the book.
    paths = {
        file: folder / (f"{name}{file.removeprefix('book')}" if "/" not in file else file) for file in result.files
    }
    spare([source], paths.values())
    with writing(folder, f"The files of the book are kept in the store: f5-flows book fetch {name}"):
        for file, path in paths.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            store.get(f"{base}{file}", path)
    return list(paths.values()), [re.sub(r"^book\.", f"{name}.", note) for note in result.notes]
