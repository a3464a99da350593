"""The order of a book: which file is to be spoken, and how; it is kept beside the file in the store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speech.books import stored
from speech.books.stored import FOLDER
from speech.choices import SEED, BookPreset, EngineName
from speech.errors import InvalidRequest, NotFound, NotText, Problem
from speech.naming import slug
from speech.problems import problems_of
from speech.request import SpeechRequest
from speech.script.readers import SUFFIXES
from speech.stores import Store, exists

if TYPE_CHECKING:
    from speech.books.choices import Choices

__all__ = [
    "FOLDER",
    "Order",
    "Ordered",
    "check_name",
    "check_replaceable",
    "fingerprint",
    "free_name",
    "is_settled",
    "load",
    "name_for",
    "names",
    "read",
    "save",
    "state",
]

_LONGEST_NAME, _UNCUT = 40, 1_000_000
# The fields of a request that affect how a text is spoken, not which files are made of it.
_FIELDS = (
    "cast", "lexicon", "pauses", "local_voice", "ref_text", "speed", "seed", "language", "timing_method", "quality",
)  # fmt: skip


class Order(BaseModel):
    """How a book is spoken.

    Attributes:
        suffix: how the name of the file ends.
        asked: the fields of a request for speech that say how; see `speech.request.SpeechRequest`.
        engine: auto, f5-tts or espeak; None for the worker's setting.
        preset: how it is mastered; see `speech.books.presets.PRESETS`.
        chapters: numbers of the chapters to speak, from 1; None for all.
        sample: speak only the first minutes of each voice.
    """

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=200)
    suffix: str = ""
    asked: dict[str, Any] = Field(default_factory=dict)
    engine: EngineName | None = None
    preset: BookPreset = "podcast"
    chapters: Annotated[list[int], Field(min_length=1)] | None = None
    sample: bool = False

    def request(self) -> SpeechRequest:
        """Return the request whose fields say how the book is spoken; its text is the title.

        Raises:
            InvalidRequest: a field is not accepted.
        """
        if unknown := [name for name in self.asked if name not in _FIELDS]:
            message = f"{unknown[0]}: it does not say how a book is spoken; expected {', '.join(_FIELDS)}"
            raise InvalidRequest([Problem(unknown[0], None, "", message)])
        people = self.asked.get("cast")
        voices = people.values() if isinstance(people, dict) else ()
        problems = [
            Problem(
                field,
                None,
                "",
                f"{field}: a book needs a stored voice, since a URL may change; add one with f5-flows voices add",
            )
            for field, names in (("local_voice", [self.asked.get("local_voice")]), ("cast", voices))
            if any("://" in str(name) for name in names)
        ]
        text = self.title if any(map(str.isalnum, self.title)) else "x"
        try:
            request = SpeechRequest.parse({"text": text, "seed": SEED} | self.asked)
        except InvalidRequest as fault:
            named = {problem.field for problem in problems}
            raise InvalidRequest([*problems, *(each for each in fault.problems if each.field not in named)]) from None
        if problems:
            raise InvalidRequest(problems)
        return request


@dataclass(frozen=True, slots=True)
class Ordered:
    """A book in a store: its name, its order, its file, and what people decided about its chunks."""

    name: str
    order: Order
    data: bytes
    choices: Choices = field(default_factory=dict)


def check_name(name: str, field: str = "book") -> str:
    """Return the name of a book, which is part of keys.

    Args:
        field: where the name was given, for the message.

    Raises:
        InvalidRequest: it is not one that `named` makes.
    """
    if not name or slug(name) != name:
        accepted = f"lower-case letters, digits and '-', such as {slug(name)}"
        raise InvalidRequest([Problem(field, name[:80], accepted)])
    return name


def name_for(title: str, *, sample: bool = False) -> str:
    """Return the name of a book, or of its sample, by its title; one that is cut ends in a digest of the whole title.

    >>> name_for("The Sea", sample=True)
    'the-sea-sample'
    """
    ending = "-sample" if sample else ""
    whole = slug(f"{title}{' sample' if sample else ''}", _UNCUT)
    if len(whole) <= _LONGEST_NAME:
        return whole
    mark = hashlib.sha256(title.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem = slug(title, _LONGEST_NAME - len(f"-{mark}{ending}")).rstrip("-")
    return f"{stem}-{mark}{ending}"


def free_name(store: Store, title: str, order: Order) -> str:
    """Return the name under which a book is kept: that by its title, or an earlier release's if it is kept under that.

    Args:
        title: the whole title, of which the order may hold only the beginning.

    Raises:
        InvalidRequest: another book, or a sample of this one, has the name.
    """
    earlier = slug(f"{title}{' sample' if order.sample else ''}")
    for name in dict.fromkeys((earlier, name_for(title, sample=order.sample))):
        there = _existing(store, name)
        if there is not None and (there.title, there.sample) == (order.title, order.sample):
            return name
    if there is None:
        return name
    whose = f"{'the sample of ' if there.sample else ''}{there.title!r}"
    replace = "" if order.sample and not there.sample else f", or --name {name} to replace that"
    message = f"--name: {name} is already the name of {whose}; give another with --name{replace}"
    raise InvalidRequest([Problem("", None, "", message)])


def check_replaceable(store: Store, name: str, order: Order) -> str:
    """Return a name that was given for a book, which replaces what is kept under it.

    Raises:
        InvalidRequest: it is no name, or a sample would replace a whole book.
    """
    there = _existing(store, check_name(name, "--name")) if order.sample else None
    if there and not there.sample:
        message = (
            f"--name: {name} is the name of the whole book {there.title!r}; give its sample another, {name}-sample"
        )
        raise InvalidRequest([Problem("", None, "", message)])
    return name


def save(store: Store, name: str, order: Order, source: Path) -> None:
    """Put a book into the store: its file first, its order last. An earlier one of that name is replaced."""
    order.request()
    store.put(_source(name, order), source, "application/octet-stream")
    store.write(f"{FOLDER}{check_name(name)}/order.json", order.model_dump_json(exclude_none=True), "application/json")


def load(store: Store, name: str) -> Ordered:
    """Return a book.

    Raises:
        InvalidRequest: there is no book of that name, or its order is not accepted.
    """
    order = read(store, name)
    key = _source(name, order)
    try:
        return Ordered(name, order, bytes(store.read_range(key, 0, store.head(key).size)))
    except NotFound:
        raise _unknown(name) from None


def read(store: Store, name: str) -> Order:
    """Return the order of a book, without its file.

    Raises:
        InvalidRequest: there is no book of that name, or its order is not accepted.
    """
    try:
        return Order.model_validate(stored.decode(store.read(f"{FOLDER}{check_name(name)}/order.json")))
    except NotFound:
        raise _unknown(name) from None
    except ValidationError as fault:
        raise InvalidRequest(problems_of(fault, Order)) from None
    except (NotText, ValueError) as fault:
        reason = str(fault)[:200]
        message = (
            f"book: the order of {name!r} is no JSON ({reason}); order it again: f5-flows narrate FILE --name {name}"
        )
        raise InvalidRequest([Problem("book", name, "", message)]) from None


def _existing(store: Store, name: str) -> Order | None:
    """Return the order that is kept under a name; None if there is none."""
    return read(store, name) if exists(store, f"{FOLDER}{name}/order.json") else None


def fingerprint(store: Store, name: str) -> str:
    """Return a fingerprint that changes whenever a book is ordered again."""
    return store.head(f"{FOLDER}{name}/order.json").modified.isoformat()


def state(store: Store, name: str) -> dict[str, Any]:
    """Return the state of a book as its last visit left it; empty if there was none since it was ordered.

    Raises:
        InvalidRequest: it is damaged.
    """
    key = f"{FOLDER}{check_name(name)}/state.json"
    try:
        stamp = stored.read(store, key, stored.Stamp, name)
        if stamp.of != fingerprint(store, name):
            return {}
        return stored.read(store, key, stored.State, name).model_dump(exclude_unset=True)
    except NotFound:
        return {}


def is_settled(store: Store, name: str) -> bool:
    """Check whether a book needs no visit: it is finished, or what is missing will not be retried."""
    try:
        record = state(store, name)
    except InvalidRequest:
        # A visit writes its state again.
        return False
    return bool(record.get("finished") or record.get("over"))


def names(store: Store) -> list[str]:
    """Return the names of the books in a store."""
    paths = (entry.key.removeprefix(FOLDER).split("/") for entry in store.list(FOLDER))
    return sorted({parts[0] for parts in paths if parts[1:] == ["order.json"]})


def _unknown(name: str) -> InvalidRequest:
    message = f"book: there is no book {name!r}; f5-flows book list shows them"
    return InvalidRequest([Problem("book", name, "", message)])


def _source(name: str, order: Order) -> str:
    suffix = order.suffix if order.suffix in SUFFIXES else ""
    return f"{FOLDER}{check_name(name)}/source{suffix}"
