"""The contract: what a client asks for, and what it gets.

The same two classes serve the command line, the Prefect deployment's form and the RunPod endpoint.
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from speech.errors import InvalidRequest, Problem
from speech.settings import settings
from speech.text import has_words

__all__ = ["FORMATS", "PRESETS", "SAMPLE_RATES", "SpeechRequest", "SpeechResult", "problems_of"]

TimingFormat = Literal["srt", "vtt", "csv", "json", "ass"]
TimingMethod = Literal["whisperx", "google"]
Quality = Literal["standard", "fast"]
Preset = Literal["netflix", "bbc", "word"]
SampleRate = Literal[16000, 22050, 24000, 44100, 48000]

FORMATS: tuple[TimingFormat, ...] = ("srt", "vtt", "csv", "json", "ass")
PRESETS: tuple[Preset, ...] = ("netflix", "bbc", "word")
SAMPLE_RATES: tuple[SampleRate, ...] = (16000, 22050, 24000, 44100, 48000)


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _format(value: Any) -> Any:
    value = _lower(value)
    return "csv" if value == "compact" else value


AnyCaseFormat = Annotated[TimingFormat, BeforeValidator(_format)]


class SpeechRequest(BaseModel):
    """What to say, in which voice, and which files to make of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"text": "Hello there.", "return_word_timings": True}]},
    )

    text: str = Field(
        description="The script. At most MAX_TEXT_CHARS characters (20 000 unless the operator says otherwise).",
        examples=["The quick brown fox jumps over the lazy dog."],
        json_schema_extra={"position": 0, "format": "text"},
    )
    local_voice: str | None = Field(
        default=None,
        description="Name of a stored voice, or an https URL of a recording. Empty: the default voice.",
        examples=["narrator.wav"],
        max_length=2048,
        json_schema_extra={"position": 1},
    )
    ref_text: str | None = Field(
        default=None,
        description="What the reference recording says. Empty: it is transcribed.",
        max_length=2000,
        json_schema_extra={"position": 2},
    )
    speed: float = Field(
        default=1.0,
        ge=0.5,
        le=2.0,
        allow_inf_nan=False,
        description="Pace of the speech; 1.0 is the voice's own.",
    )
    seed: int | None = Field(
        default=None,
        ge=1,
        le=2_147_483_647,
        description="The same seed gives the same speech. Empty: drawn at random and told in the reply.",
    )
    language: str | None = Field(
        default=None, description="ISO 639-1 code, such as en. Empty: detected.", examples=["en", "de"]
    )
    return_word_timings: bool = Field(default=False, description="Time the words and write subtitle files.")
    timing_method: Annotated[TimingMethod, BeforeValidator(_lower)] = Field(
        default="whisperx", description="The aligner to try first; the others follow."
    )
    timing_format: AnyCaseFormat = Field(
        default="srt", description="The subtitle file you want most. compact means csv."
    )
    timing_formats: list[AnyCaseFormat] = Field(
        default_factory=lambda: list(FORMATS),
        description="The files to write; timing_format is always among them.",
    )
    quality: Annotated[Quality, BeforeValidator(_lower)] = Field(
        default="standard", description="fast takes a quarter of the model's steps."
    )
    preset: Annotated[Preset, BeforeValidator(_lower)] = Field(
        default="netflix", description="Rules for the subtitles; word gives one word a cue."
    )
    sample_rate: SampleRate = Field(
        default=22050, description="Hertz of the delivered audio; resampled from what the model makes."
    )
    wait: bool = Field(default=True, description="false: the endpoint replies at once with the job's id.")

    @field_validator("text")
    @classmethod
    def _text_says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError("Text input is required")
        limit = settings().max_text_chars
        if len(text) > limit:
            raise ValueError(
                f"text: {len(text)} characters is too long; at most {limit} are accepted in one request. "
                "Use narrate for longer scripts"
            )
        if not has_words(text):
            raise ValueError(f"text: {text.strip()[:40]!r} holds no letter or digit; expected words to speak")
        return text

    @field_validator("local_voice")
    @classmethod
    def _voice_stays_in_its_place(cls, voice: str | None) -> str | None:
        from speech.voices import check_name

        return check_name(voice) if voice else None

    @field_validator("language")
    @classmethod
    def _language_exists(cls, language: str | None) -> str | None:
        from speech.language import check

        return check(language) if language else None

    @property
    def formats(self) -> tuple[TimingFormat, ...]:
        """The files to write, each once, in the contract's order."""
        wanted = {self.timing_format, *self.timing_formats}
        return tuple(name for name in FORMATS if name in wanted)

    @classmethod
    def parse(cls, data: dict[str, Any]) -> SpeechRequest:
        """Make a request of what a client sent.

        Raises:
            InvalidRequest: with every problem of `data`, each naming the field, the value and what
                is accepted.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as fault:
            raise InvalidRequest(problems_of(fault, cls)) from None


class SpeechResult(BaseModel):
    """The reply to a finished request. Keys that do not apply are left out of it."""

    job_id: str = Field(description="Id of the flow run.")
    status: Literal["completed"] = "completed"
    text: str = Field(description="The script as it was given.")
    seed: int = Field(description="The seed that was used.")
    audio_url: str = Field(description="Presigned URL of the WAV file.")
    expires_in: int = Field(default=3600, description="Seconds for which the URLs work.")
    duration: float = Field(description="Seconds of audio.")
    sample_rate: int = Field(description="Hertz of the audio file.")
    timing_files: dict[str, str] | None = Field(default=None, description="Presigned URL for each format.")
    timing_format: TimingFormat | None = None
    timing_method: str | None = Field(default=None, description="The aligner that did the work.")
    word_count: int | None = None
    timing_confidence: float | None = Field(default=None, ge=0, le=1)
    timing_cost_usd: float | None = Field(
        default=None, description="What timing has cost, estimated; only Google costs."
    )
    preview_url: str | None = None
    flow_run_id: str | None = None
    flow_run_url: str | None = None
    warnings: list[str] = Field(default_factory=list, description="What went less than well.")

    def reply(self) -> dict[str, Any]:
        """The reply as a client gets it."""
        return self.model_dump(mode="json", exclude_none=True)


def problems_of(fault: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Say what Pydantic found in the words of the contract."""
    return [_problem(error, model) for error in fault.errors(include_url=False)]


def _problem(error: Any, model: type[BaseModel]) -> Problem:
    path = ".".join(str(part) for part in error["loc"]) or "request"
    name = str(error["loc"][0]) if error["loc"] else "request"
    value, kind = error["input"], error["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, model.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(model.model_fields)}"
        return Problem(name, value, hint, f"{name}: unknown field; {hint}")
    if name == "text" and (kind == "missing" or value is None):
        return Problem("text", None, "the script", "Text input is required")
    if kind == "value_error":
        return Problem(name, value, "", str(error["ctx"]["error"]))
    if kind == "missing":
        return Problem(name, None, "a value", f"{name} is required")
    field = model.model_fields.get(name)
    return Problem(path, value, _accepted(error, field.annotation if field else None))


def _accepted(error: Any, annotation: Any) -> str:
    """What a field takes, in words."""
    context, kind = error.get("ctx", {}), error["type"]
    if kind == "literal_error":
        return "one of " + str(context["expected"]).replace("'", "").replace(" or ", ", ")
    bounds = {"speed": "a number from 0.5 to 2.0", "seed": "a whole number from 1 to 2147483647"}
    name = str(error["loc"][0]) if error["loc"] else ""
    if name in bounds:
        return bounds[name]
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    words = {"bool": "true or false", "string": "a text", "list": "a list", "int": "a whole number"}
    return next((text for key, text in words.items() if kind.startswith(key)), str(error["msg"]).lower())
