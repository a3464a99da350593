"""What people decided about single chunks of a book: how to say them again, and which take is to be heard.

Decisions are kept by the ids of chunks, which stay the same when other text changes. One whose chunk is edited away
lies idle, and holds again should the words come back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
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
        return _KEPT.validate_json(store.read(_key(name)))
    except NotFound:
        return {}
    except (ValidationError, NotText) as fault:
        why = fault.errors()[0]["msg"] if isinstance(fault, ValidationError) else str(fault)
        message = f"book: the choices of {name!r} are damaged ({why}); mend or delete {_key(name)}"
        raise InvalidRequest([Problem("book", name, "", message)]) from None


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
    choices = dict(load(store, name))
    choice = choices.get(check_chunk(chunk), Choice())
    words = _words(text) if text is not None else choice.variant.text
    if seed is None and text is None:
        seed = _unused(choice, base, apart)
    variant = Variant(seed=seed, text=words)
    if variant not in choice.variants:
        if len(choice.variants) >= MOST_TAKES:
            raise InvalidRequest([Problem("chunk", chunk, "", f"chunk: {chunk} has {MOST_TAKES} takes; choose one")])
        choice = Choice(takes=(*choice.takes, variant), chosen=choice.chosen)
    number = choice.variants.index(variant) + 1
    _save(store, name, choices | {chunk: Choice(takes=choice.takes, chosen=number)})
    return number


def choose(store: Store, name: str, chunk: str, number: int) -> None:
    """Decide which take of a chunk is heard.

    Raises:
        InvalidRequest: there is no such take.
    """
    choices = dict(load(store, name))
    choice = choices.get(check_chunk(chunk), Choice())
    if not 1 <= number <= len(choice.variants):
        there = len(choice.variants)
        raise InvalidRequest([Problem("take", number, "1, its only take" if there == 1 else f"1 to {there}")])
    _save(store, name, choices | {chunk: Choice(takes=choice.takes, chosen=number)})


def check_chunk(chunk: str) -> str:
    """Return the id of a chunk.

    Raises:
        InvalidRequest: it is none.
    """
    if not _CHUNK.fullmatch(chunk):
        raise InvalidRequest([Problem("chunk", chunk[:80], "an id as the book's page shows them: k-0123456789ab-1")])
    return chunk


def _words(text: str) -> str:
    words = " ".join(normalise(text).split())
    if not has_words(words) or len(words) > LONGEST_TEXT:
        raise InvalidRequest([Problem("words", text[:80], f"words to speak, at most {LONGEST_TEXT} characters")])
    return words


def _unused(choice: Choice, base: int, apart: int) -> int:
    """Return a seed that no take has come to, not even when it was tried again."""
    highest = max(variant.seed or base for variant in choice.variants)
    return (highest + apart - 1) % HIGHEST_SEED + 1


def _save(store: Store, name: str, choices: Choices) -> None:
    store.write(_key(name), _json(choices), "application/json")


def _json(choices: Choices) -> str:
    kept = {chunk: choice.model_dump(exclude_none=True) for chunk, choice in sorted(choices.items())}
    return json.dumps(kept, ensure_ascii=False, indent=1)


def _key(name: str) -> str:
    return f"{FOLDER}{check_name(name)}/choices.json"
