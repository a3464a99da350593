"""What people decided about single chunks of a book: how to say them again, and which take is to be heard.

Decisions are kept by the ids of chunks, which stay the same when other text changes. One whose chunk is edited away
lies idle, and holds again should the words come back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from speech.books.chapters import digest
from speech.books.order import FOLDER, check_name
from speech.choices import LIMITS
from speech.errors import InvalidRequest, NotFound, NotText, Problem
from speech.stores import Store
from speech.text import has_words, normalise

__all__ = ["Choice", "Choices", "Variant", "check_chunk", "choose", "fingerprint", "is_current", "load", "say_again"]

HIGHEST_SEED, LONGEST_TEXT, MOST_TAKES = int(LIMITS["seed"][1]), 1_000, 99
_CHUNK = re.compile(r"k-[0-9a-f]{12}-[1-9][0-9]{0,5}")


class Variant(BaseModel):
    """Another way to say a chunk.

    Attributes:
        seed: of the first try; None for that of the book.
        text: the words to speak in place of what is written; None for the book's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: Annotated[int, Field(ge=1, le=HIGHEST_SEED)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)] | None = None


class Choice(BaseModel):
    """What was decided about a chunk.

    Attributes:
        takes: take 2 and those after it; take 1 is the chunk as it was planned.
        chosen: number of the take that is heard.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    takes: Annotated[tuple[Variant, ...], Field(max_length=MOST_TAKES - 1)] = ()
    chosen: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _is_there(self) -> Choice:
        if self.chosen > len(self.variants):
            raise ValueError(f"take {self.chosen} is chosen, but there are only {len(self.variants)}")
        return self

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All takes, the first one included; take `number` is `variants[number - 1]`."""
        return (Variant(), *self.takes)

    @property
    def variant(self) -> Variant:
        """The take that is heard."""
        return self.variants[self.chosen - 1]


Choices = Mapping[str, Choice]
"""The decisions on a book, by the ids of its chunks."""

_KEPT = TypeAdapter(dict[str, Choice])


def load(store: Store, name: str) -> Choices:
    """Return the decisions on a book; none if nobody made one.

    Raises:
        InvalidRequest: they are not what this module writes.
    """
    try:
        return _parse(name, store.read(_key(name)))
    except NotFound:
        return {}
    except NotText as fault:
        raise _damaged(name, str(fault)) from None


def _parse(name: str, text: str) -> dict[str, Choice]:
    try:
        return _KEPT.validate_json(text)
    except ValidationError as fault:
        raise _damaged(name, fault.errors()[0]["msg"]) from None


def _damaged(name: str, reason: str) -> InvalidRequest:
    message = f"book: the choices of {name!r} are damaged ({reason}); mend or delete {_key(name)}"
    return InvalidRequest([Problem("book", name, "", message)])


def fingerprint(choices: Choices) -> str:
    """Return what changes with every decision."""
    return digest(_json(choices))[:16]


def is_current(store: Store, name: str, state: Mapping[str, Any]) -> bool:
    """Check whether the state of a book is that of the decisions that hold now."""
    try:
        return bool(state.get("choices") == fingerprint(load(store, name)))
    except InvalidRequest:
        return False


def say_again(
    store: Store, name: str, chunk: str, seed: int | None = None, text: str | None = None, *, base: int = 1, apart: int
) -> int:
    """Decide that a chunk is said again, and that this is the take to be heard; return the number of the take.

    The same seed and words make the same take, so that one is chosen if it is there already.

    Args:
        seed: of the first try; None for one that no take has had, or, if only the words change, for the book's.
        text: the words to speak; None for those of the take that is heard now.
        base: the seed of the book.
        apart: how many seeds a take may use up.

    Raises:
        InvalidRequest: an argument is not accepted.
    """
    if seed is not None and not 1 <= seed <= HIGHEST_SEED:
        raise InvalidRequest([Problem("seed", seed, f"a whole number from 1 to {HIGHEST_SEED}")])
    new_words = _words(text) if text is not None else None

    def decide(choice: Choice) -> Choice:
        words = choice.variant.text if new_words is None else new_words
        variant = Variant(
            seed=_unused_seed(choice, base, apart) if seed is None and new_words is None else seed, text=words
        )
        takes = choice.takes if variant in choice.variants else (*choice.takes, variant)
        if len(takes) >= MOST_TAKES:
            raise InvalidRequest([Problem("chunk", chunk, "", f"chunk: {chunk} has {MOST_TAKES} takes; choose one")])
        return Choice(takes=takes, chosen=(Variant(), *takes).index(variant) + 1)

    return _decide(store, name, chunk, decide).chosen


def choose(store: Store, name: str, chunk: str, number: int) -> None:
    """Decide which take of a chunk is heard.

    Raises:
        InvalidRequest: there is no such take.
    """

    def decide(choice: Choice) -> Choice:
        if not 1 <= number <= len(choice.variants):
            there = len(choice.variants)
            raise InvalidRequest([Problem("take", number, "1, its only take" if there == 1 else f"1 to {there}")])
        return Choice(takes=choice.takes, chosen=number)

    _decide(store, name, chunk, decide)


def _decide(store: Store, name: str, chunk: str, decide: Callable[[Choice], Choice]) -> Choice:
    """Replace what was decided about a chunk, and return it; decisions that are made at once are all kept."""
    choice = Choice()
    check_chunk(chunk)

    def change(text: str | None) -> str:
        nonlocal choice
        choices = {} if text is None else _parse(name, text)
        choice = decide(choices.get(chunk, Choice()))
        return _json(choices | {chunk: choice})

    try:
        store.update(_key(name), change, "application/json")
    except NotText as fault:
        raise _damaged(name, str(fault)) from None
    return choice


def check_chunk(chunk: str) -> str:
    """Return the id of a chunk.

    Raises:
        InvalidRequest: it is none.
    """
    if not _CHUNK.fullmatch(chunk):
        raise InvalidRequest([Problem("chunk", chunk[:80], "an id as the book's page shows them: k-0123456789ab-1")])
    return chunk


def _words(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        message = "words: they hold a byte that is no UTF-8, or half of a surrogate pair; expected Unicode text"
        raise InvalidRequest([Problem("words", ascii(text)[:80], "", message)]) from None
    words = " ".join(normalise(text).split())
    if not has_words(words) or len(words) > LONGEST_TEXT:
        raise InvalidRequest([Problem("words", text[:80], f"words to speak, at most {LONGEST_TEXT} characters")])
    return words


def _unused_seed(choice: Choice, base: int, apart: int) -> int:
    """Return a seed that no take has come to, not even when it was tried again."""
    highest = max(variant.seed or base for variant in choice.variants)
    return (highest + apart - 1) % HIGHEST_SEED + 1


def _json(choices: Choices) -> str:
    entries = {chunk: choice.model_dump(exclude_none=True) for chunk, choice in sorted(choices.items())}
    return json.dumps(entries, ensure_ascii=False, indent=1)


def _key(name: str) -> str:
    return f"{FOLDER}{check_name(name)}/choices.json"
