"""Fields of a request: the types of their values, and the models within it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from speech.choices import FORMAT_ALIASES, LIMITS, TimingFormat

__all__ = ["AnyCaseFormat", "CueRules", "Fields", "Number", "Pauses", "Whole", "also", "limits_of", "lower"]


def lower(value: Any) -> Any:
    """Return a text in lower case, without the space around it, and any other value as it is."""
    return value.strip().lower() if isinstance(value, str) else value


def also(names: Mapping[str, str]) -> BeforeValidator:
    """Accept a value in any letter case, and the given aliases of values."""
    return BeforeValidator(lambda value: names.get(lower(value), lower(value)) if isinstance(value, str) else value)


def _no_bool(value: Any) -> Any:
    """Refuse booleans as numbers. Numbers may come as text, as older clients send them."""
    if isinstance(value, bool):
        raise PydanticCustomError("bool_for_number", "a number")
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool)]
AnyCaseFormat = Annotated[TimingFormat, also(FORMAT_ALIASES)]


def limits_of(field: str) -> dict[str, Any]:
    """Return the limits of a field as Pydantic's keywords."""
    least, most = LIMITS[field]
    return {"ge": least, "le": most}


class Fields(BaseModel):
    """A model that treats null as a missing field, because many clients send null."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_the_default(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {name: value for name, value in data.items() if value is not None or name not in optional}


class CueRules(Fields):
    """A user's values that replace those of a preset."""

    model_config = ConfigDict(extra="forbid")

    max_chars: Whole | None = Field(default=None, **limits_of("max_chars"), description="Maximum characters per line.")
    max_lines: Whole | None = Field(default=None, **limits_of("max_lines"), description="Maximum lines per cue.")
    max_words: Whole | None = Field(default=None, **limits_of("max_words"), description="Maximum words per cue.")
    max_cps: Number | None = Field(default=None, **limits_of("max_cps"), description="Maximum characters per second.")
    min_duration: Number | None = Field(
        default=None, **limits_of("min_duration"), description="Minimum duration of a cue in seconds."
    )
    max_duration: Number | None = Field(
        default=None, **limits_of("max_duration"), description="Maximum duration of a cue in seconds."
    )
    gap: Number | None = Field(default=None, **limits_of("gap"), description="Minimum gap between two cues in seconds.")

    @model_validator(mode="after")
    def _durations_are_in_order(self) -> CueRules:
        least, most = self.min_duration, self.max_duration
        if least is not None and most is not None and least > most:
            raise ValueError(f"cues.min_duration: {least:g} is more than max_duration, which is {most:g}")
        return self

    def explicit_values(self) -> dict[str, float]:
        """Return the values that were set."""
        return self.model_dump(exclude_none=True)


class Pauses(Fields):
    """The silences between the parts of a script, in seconds."""

    model_config = ConfigDict(extra="forbid")

    paragraph: Number = Field(default=0.6, ge=0, le=10, description="Between two paragraphs.")
    voice: Number = Field(default=0.35, ge=0, le=10, description="Where another voice continues.")
    heading: Number = Field(default=1.2, ge=0, le=10, description="Before and after a heading.")
    scene: Number = Field(default=1.5, ge=0, le=10, description="Between two scenes.")
