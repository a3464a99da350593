"""One row of a lexicon: a word as it is written, and as it is spoken."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from speech.text import has_words, normalise

__all__ = ["MOST_INLINE", "MOST_ROWS", "LexiconField", "Row", "check_name"]

MOST_ROWS = 5000
"""Rows of a stored lexicon or a file."""

MOST_INLINE = 500
"""Rows within a request: they travel with it through RunPod and Prefect."""


def _on_one_line(text: Any) -> Any:
    return normalise(text).replace("\n", " ") if isinstance(text, str) else text


def _none_if_blank(value: Any) -> Any:
    return (_on_one_line(value) or None) if isinstance(value, str) else value


def _yes_or_no(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (value.strip().lower() or "no") if isinstance(value, str) else value


def _written(word: str) -> str:
    if not word:
        raise PydanticCustomError("word", "the word as the script spells it")
    return word


def _check_spoken(say: str) -> str:
    if not has_words(say):
        raise PydanticCustomError("say", "the words to speak, with a letter or digit")
    return say


def _check_language(language: str) -> str:
    from speech.language import check

    try:
        return check(language)
    except ValueError:
        raise PydanticCustomError("language", "a two-letter code such as en, de, fr, es or it") from None


class Row(BaseModel):
    """How one word, or a phrase of several, is spoken."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    word: Annotated[str, BeforeValidator(_on_one_line), AfterValidator(_written)] = Field(
        max_length=100, description="A word or phrase as the script spells it."
    )
    say: Annotated[str, BeforeValidator(_on_one_line), AfterValidator(_check_spoken)] = Field(
        max_length=200, description="The words to speak in its place."
    )
    language: Annotated[Annotated[str, AfterValidator(_check_language)] | None, BeforeValidator(_none_if_blank)] = (
        Field(default=None, description="ISO 639-1 code. Empty: in every language.")
    )
    voice: Annotated[Annotated[str, Field(max_length=128)] | None, BeforeValidator(_none_if_blank)] = Field(
        default=None, description="Name of a voice, in the script or the store. Empty: for every voice."
    )
    case: Annotated[Literal["yes", "no"], BeforeValidator(_yes_or_no)] = Field(
        default="no", description="yes: only in this letter case."
    )


def check_name(name: str, field: str = "lexicon") -> str:
    """Return the name, without `.csv`, if a lexicon can be stored under it.

    Args:
        field: what errors call it.

    Raises:
        ValueError: the name could lead out of the folder.
    """
    from speech.voices.names import is_name

    stem = name.removesuffix(".csv")
    if is_name(stem):
        return stem
    raise ValueError(
        f"{field}: {name[:60]!r} is not accepted; expected the name of a stored lexicon (letters, digits, '.', '_' "
        "and '-', at most 128)"
    )


_ROWS = TypeAdapter(list[Row])


def _name_or_rows(value: Any, _: ValidatorFunctionWrapHandler) -> str | list[Row] | None:
    """Validate a name or rows. A plain union would tell of a wrong row that it is no name either."""
    if value in (None, ""):
        return None
    if isinstance(value, str):
        return check_name(value)
    if not isinstance(value, list):
        raise PydanticCustomError("lexicon", "the name of a stored lexicon or a list of rows")
    if len(value) > MOST_INLINE:
        raise ValueError(
            f"lexicon: it holds {len(value)} rows; at most {MOST_INLINE} are accepted in a request. Store it with "
            "f5-flows lexicon add, and give its name"
        )
    return _ROWS.validate_python(value)


LexiconField = Annotated[str | list[Row] | None, WrapValidator(_name_or_rows)]
"""The type of a request's field: the name of a stored lexicon, or rows; None for no lexicon."""
