"""What is kept of a book beside its order, read from a store in which others may have written."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from speech.errors import InvalidRequest, NotText, Problem
from speech.stores import Store, check_key

__all__ = [
    "FOLDER",
    "Outline",
    "Result",
    "Stamp",
    "State",
    "decode",
    "edition_key",
    "kept_keys",
    "read",
    "read_outline",
]

FOLDER = "books/"
_PLAN = ".json"
_Count = Annotated[int, Field(ge=0)]


class _Stored(BaseModel):
    model_config = ConfigDict(extra="allow")


class _ChapterState(_Stored):
    title: str
    lines: _Count
    finished: _Count


class _RunState(_Stored):
    part: _Count
    reason: str | None


class Stamp(_Stored):
    """The order that a state belongs to; see `speech.books.order.fingerprint`."""

    of: str = ""


class State(_Stored):
    """The state of a book as its last visit left it; see `tasks.book_report.report`."""

    title: str
    edition: str
    engine: str
    finished: bool
    over: bool
    bound: str | None = None
    choices: str | None = None
    hours: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    chapters: list[_ChapterState]
    runs: list[_RunState] = []


class _ChapterOutline(_Stored):
    keys: list[str]
    chunks: list[str] = []
    words: list[str] = []
    others: list[str] = []


class Outline(_Stored):
    """What is kept of an edition; see `speech.books.edition.Edition.outline`."""

    engine: str = ""
    seeded: bool = True
    chapters: list[_ChapterOutline]


class Result(_Stored):
    """The files of a bound book, relative to its edition, and the notes on it."""

    files: list[str]
    notes: list[str] = []


Model = TypeVar("Model", bound=_Stored)


def read(store: Store, key: str, model: type[Model], name: str) -> Model:
    """Read a JSON file of the book `name`.

    Raises:
        NotFound: it is not there.
        InvalidRequest: it is not what the model says.
    """
    try:
        document = model.model_validate(decode(store.read(check_key(key))))
        if isinstance(document, Result):
            for file in document.files:
                check_key(file)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        location = ".".join(map(str, first["loc"])) or "the whole"
        raise _damaged(name, key, f"{location[:80]!r}: {first['msg']}") from None
    except (NotText, ValueError) as fault:
        raise _damaged(name, key, str(fault)) from None
    return document


def edition_key(book: str, edition: str, file: str) -> str:
    """Return the store key of a file of an edition: `/result.json`, for example, or `.json` for its plan."""
    return f"{FOLDER}{book}/editions/{edition}{file}"


def read_outline(store: Store, book: str, edition: str) -> Outline:
    """Return the plan of an edition.

    Raises:
        InvalidRequest: it is damaged.
        NotFound: there is none.
    """
    return read(store, edition_key(book, edition, _PLAN), Outline, book)


def kept_keys(store: Store) -> set[str]:
    """Return the keys of the takes and word times that the editions of all books refer to, those to choose from too.

    Raises:
        InvalidRequest: the plan of an edition is damaged.
    """
    keys: set[str] = set()
    plans = re.compile(edition_key("(?P<book>[^/]+)", "[^/]+", re.escape(_PLAN)))
    for entry in store.list(FOLDER):
        if plan := plans.fullmatch(entry.key):
            for chapter in read(store, entry.key, Outline, plan["book"]).chapters:
                keys.update(chapter.keys, chapter.words, chapter.others)
    return keys


def decode(text: str) -> Any:
    """Return what a JSON text holds.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    return from_json(text)


def _damaged(name: str, key: str, reason: str) -> InvalidRequest:
    message = f"book: {key} is damaged ({reason[:200]}); f5-flows book bind {name} writes it again"
    return InvalidRequest([Problem("book", name, "", message)])
