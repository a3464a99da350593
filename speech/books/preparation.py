"""From a book in a store to its edition: reading it, finding its voices and its lexicon, and planning it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from speech.books.book import Book, book_in, read_script
from speech.books.choices import fingerprint
from speech.books.edition import Edition, plan
from speech.books.order import Ordered
from speech.books.original import completed
from speech.engines import choose
from speech.engines.speaking import check_spoken
from speech.errors import InvalidRequest, Problem
from speech.lexicons import Row
from speech.lexicons.library import find as find_lexicon
from speech.requirements import Requirements, requirements_of
from speech.script import Script, certain_language_of, language_of
from speech.script.lexicon import Lexicon
from speech.settings import settings
from speech.stores import Store
from speech.voices import Reference, Voice, find, names
from speech.voices.library import reference as fetch_reference

__all__ = ["book_of", "prepare", "read", "requirements"]

_scripts: dict[tuple[bytes, tuple[str, ...], tuple[str, ...]], Script] = {}
_planned: dict[tuple[bytes, str, str, str, str], Edition] = {}


def read(data: bytes, label: str, title: str, cast: Collection[str], store: Store) -> Book:
    """Read a book; one that was read just now is not read again.

    Args:
        label: what messages call the file.
        title: for a book that states none.
        cast: the names that the script gives to voices; see `speech.script.directions.direct`.

    Raises:
        InvalidRequest: see `speech.books.book.read_script`.
    """
    stored = tuple(names(store))
    key = (data, tuple(cast), stored)
    if key not in _scripts:
        script = read_script(data, label, key[1], lambda: stored)
        _scripts.clear()
        _scripts[key] = script
    return book_in(_scripts[key], data, title)


def book_of(ordered: Ordered, store: Store) -> Book:
    """Read the book of an order.

    Raises:
        InvalidRequest: its file cannot be read, or it has no chapter of a number that is ordered.
    """
    book = read(ordered.data, "The book", ordered.order.title, ordered.order.request().cast, store)
    book = completed(book, ordered.name, store)
    if wrong := [number for number in ordered.order.chapters or () if not 1 <= number <= len(book.chapters)]:
        raise InvalidRequest([Problem("chapters", wrong[0], f"numbers from 1 to {len(book.chapters)}")])
    return book


def requirements(ordered: Ordered, store: Store) -> Requirements:
    """Return what must be installed and fetched to speak a book.

    Raises:
        InvalidRequest: the engine does not speak its language; see also `book_of`.
    """
    book, request = book_of(ordered, store), ordered.order.request()
    engine = ordered.order.engine or settings().engine
    script = Script(book.passages, language=book.language)
    if certain := certain_language_of(request, script):
        check_spoken(certain, engine)
    language = language_of(request, script)
    languages = dict.fromkeys([language, *(passage.language or language for passage in book.passages)])
    timed = request.model_copy(update={"return_word_timings": True})
    return requirements_of(timed, languages, engine)


def prepare(ordered: Ordered, store: Store, folder: Path) -> Edition:
    """Plan the edition that an order asks for.

    Args:
        folder: where the references of the voices are written.

    Raises:
        InvalidRequest: see `book_of` and `plan`, or there is no such voice or lexicon.
        EngineUnavailable: the engine cannot run here.
    """
    book, order = book_of(ordered, store), ordered.order
    request = order.request()
    voices: dict[str | None, Voice] = {None: find(request.local_voice, store)}
    for cast_name in dict.fromkeys(passage.voice for passage in book.passages if passage.voice):
        voices[cast_name] = find(request.cast.get(cast_name, cast_name), store, f"cast.{cast_name}")
    engine, notes = choose(order.engine or settings().engine)
    references: dict[str | None, Reference | None] = {}
    for number, (name, voice) in enumerate(voices.items()):
        references[name] = None
        if voice.name and engine.clones:
            voice_folder = folder / f"voice-{number}"
            voice_folder.mkdir(exist_ok=True)
            text = request.ref_text if name is None else None
            references[name], voice_notes = fetch_reference(voice, text, store, voice_folder, request.language)
            notes += voice_notes
        elif voice.name:
            notes.append(f"The {engine.name} engine cannot clone a voice; {voice.name.split('?')[0]!r} was not used.")
    rows = find_lexicon(request.lexicon, store)
    voice_names = {name: voice.name for name, voice in voices.items()}
    # A process that speaks one part of a book will speak more of it; with references, whose files are the run's own,
    # planning takes little of the time that speaking does.
    decided = fingerprint(ordered.choices)
    key = (ordered.data, order.model_dump_json(), _rows_json(rows), engine.name, decided)
    if any(references.values()) or key not in _planned:
        pronounce = Lexicon(rows, voice_names).pronounce
        chosen, decisions = order.chapters, ordered.choices
        edition = plan(book, request, engine, references, pronounce, chosen, decisions, sample=order.sample)
        if any(references.values()):
            return replace(edition, notes=(*notes, *edition.notes))
        _planned.clear()
        _planned[key] = edition
    return replace(_planned[key], notes=(*notes, *_planned[key].notes))


def _rows_json(rows: Sequence[Row]) -> str:
    """Return the rows of a lexicon as text, by which they are compared."""
    return "".join(row.model_dump_json() for row in rows)
