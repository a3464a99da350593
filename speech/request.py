"""The contract: what a client asks for, and what it gets.

The same two classes serve the command line, the Prefect deployment's form and the RunPod endpoint.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from speech.errors import InvalidRequest, Problem
from speech.settings import settings
from speech.subtitles.styles import Karaoke
from speech.text import has_words

__all__ = ["FORMATS", "SAMPLE_RATES", "STANDARD_FORMATS", "CueRules", "SpeechRequest", "SpeechResult", "problems_of"]

TimingFormat = Literal["srt", "vtt", "csv", "json", "ass", "ttml", "textgrid"]
AudioFormat = Literal["wav", "mp3", "flac", "ogg", "m4a"]
TimingMethod = Literal["whisperx", "google"]
Quality = Literal["standard", "fast"]
Preset = Literal["netflix", "netflix-children", "bbc", "social", "word"]
StyleName = Literal["classic", "box", "yellow", "bold", "paper", "top"]
SampleRate = Literal[16000, 22050, 24000, 44100, 48000]

FORMATS: tuple[TimingFormat, ...] = get_args(TimingFormat)
STANDARD_FORMATS = FORMATS[:5]
SAMPLE_RATES: tuple[SampleRate, ...] = (16000, 22050, 24000, 44100, 48000)

# PostgreSQL holds no NUL, and half a surrogate pair has no UTF-8.
_NOWHERE = re.compile("[\x00\ud800-\udfff]")

_MOST_PROBLEMS = 20


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _also(**names: str) -> BeforeValidator:
    """In any letter case, and under other names too."""
    return BeforeValidator(lambda value: names.get(_lower(value), _lower(value)) if isinstance(value, str) else value)


def _no_bool(value: Any) -> Any:
    """A number may come as text, as older clients send it, but true is none."""
    if isinstance(value, bool):
        raise PydanticCustomError("bool_for_number", "a number")
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]
Number = Annotated[float, BeforeValidator(_no_bool)]
AnyCaseFormat = Annotated[TimingFormat, _also(compact="csv")]


class CueRules(BaseModel):
    """A user's own values in place of those of a preset."""

    model_config = ConfigDict(extra="forbid")

    max_chars: Whole | None = Field(default=None, ge=4, le=200, description="Characters in a line.")
    max_lines: Whole | None = Field(default=None, ge=1, le=4, description="Lines in a cue.")
    max_words: Whole | None = Field(default=None, ge=1, le=50, description="Words in a cue.")
    max_cps: Number | None = Field(default=None, ge=1, le=100, description="Characters a second.")
    min_duration: Number | None = Field(default=None, ge=0, le=10, description="Seconds that a cue stays at least.")
    max_duration: Number | None = Field(default=None, ge=0.2, le=60, description="Seconds that a cue stays at most.")
    gap: Number | None = Field(default=None, ge=0, le=2, description="Seconds between two cues, at least.")

    @model_validator(mode="after")
    def _the_longest_is_longer(self) -> CueRules:
        least, most = self.min_duration, self.max_duration
        if least is not None and most is not None and least > most:
            raise ValueError(f"cues.min_duration: {least:g} is more than max_duration, which is {most:g}")
        return self

    def given(self) -> dict[str, float]:
        """The values that were set."""
        return self.model_dump(exclude_none=True)


# More fields or formats than this are nobody's who means it.
_MOST_ITEMS = 100


class SpeechRequest(BaseModel):
    """What to say, in which voice, and which files to make of it."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
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
        # With its query sealed (speech.voices.seal), a URL is longer than a client's may be.
        max_length=4096,
        json_schema_extra={"position": 1},
    )
    ref_text: str | None = Field(
        default=None,
        description="What the reference recording says. Empty: it is transcribed.",
        max_length=2000,
        json_schema_extra={"position": 2},
    )
    speed: Number = Field(
        default=1.0,
        ge=0.5,
        le=2.0,
        allow_inf_nan=False,
        description="Pace of the speech; 1.0 is the voice's own.",
    )
    seed: Whole | None = Field(
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
        default_factory=lambda: list(STANDARD_FORMATS),
        description="The files to write; timing_format is always among them. ttml and textgrid only where asked for.",
    )
    quality: Annotated[Quality, BeforeValidator(_lower)] = Field(
        default="standard", description="fast takes a quarter of the model's steps."
    )
    preset: Annotated[Preset, BeforeValidator(_lower)] = Field(
        default="netflix",
        description="Rules for the subtitles. social: one to three large words, for upright video; word: a word a cue.",
    )
    cues: CueRules | None = Field(default=None, description="Values in place of those of the preset.")
    style: Annotated[StyleName, BeforeValidator(_lower)] | None = Field(
        default=None, description="What the ASS file looks like. Empty: classic, or bold for the preset social."
    )
    karaoke: Annotated[Karaoke, _also(kf="sweep", k="step")] = Field(
        default="sweep",
        description="How the ASS file lights the words: sweep (kf), step (k), one at a time, appear, none.",
    )
    audio_format: Annotated[AudioFormat, _also(opus="ogg", aac="m4a")] = Field(
        default="wav", description="Kind of the audio file; ogg holds Opus, m4a AAC."
    )
    split: Annotated[Literal["cues"], BeforeValidator(_lower)] | None = Field(
        default=None, description="cues: also one WAV file for each cue, in a ZIP file."
    )
    sample_rate: SampleRate = Field(
        default=22050, description="Hertz of the delivered audio; resampled from what the model makes."
    )
    wait: bool = Field(default=True, description="false: the endpoint replies at once with the job's id.")

    @field_validator("text", "local_voice", "ref_text", "language")
    @classmethod
    def _every_store_and_database_can_hold_it(cls, value: str | None, info: ValidationInfo) -> str | None:
        found = _NOWHERE.search(value or "")
        if found:
            raise ValueError(
                f"{info.field_name}: character {found.start() + 1} is U+{ord(found[0]):04X}, "
                "which cannot be stored as text; expected Unicode text"
            )
        return value

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

    @model_validator(mode="after")
    def _pieces_need_cues(self) -> SpeechRequest:
        if self.split and not self.return_word_timings:
            raise ValueError(f"split: {self.split!r} needs return_word_timings: true")
        if self.cues and self.preset == "word" and self.cues.given():
            raise ValueError("cues: the preset 'word' has no values to replace; expected another preset")
        return self

    @property
    def formats(self) -> tuple[TimingFormat, ...]:
        """The files to write, each once, in the contract's order."""
        wanted = {self.timing_format, *self.timing_formats}
        return tuple(name for name in FORMATS if name in wanted)

    def presentation(self) -> dict[str, Any]:
        """What `speech.subtitles.make` is told of how the cues are built and look."""
        own = self.cues.given() if self.cues else {}
        return {"preset": self.preset, "own": own, "style": self.style, "karaoke": self.karaoke}

    @classmethod
    def parse(cls, data: dict[str, Any]) -> SpeechRequest:
        """Make a request of what a client sent.

        Raises:
            InvalidRequest: with every problem of `data`, each naming the field, the value and what
                is accepted.
        """
        # To find each of a million problems would take seconds.
        for field, given in (("request", data), ("timing_formats", data.get("timing_formats"))):
            if isinstance(given, dict | list) and len(given) > _MOST_ITEMS:
                message = f"{field}: it holds {len(given)} items; at most {_MOST_ITEMS} are accepted"
                raise InvalidRequest([Problem(field, None, "", message)])
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
    audio_url: str = Field(description="Presigned URL of the audio file.")
    expires_in: int = Field(default=3600, description="Seconds for which the URLs work.")
    duration: float = Field(description="Seconds of audio.")
    sample_rate: int = Field(description="Hertz of the audio file.")
    audio_format: AudioFormat | None = Field(default=None, description="Kind of the audio file, where it is not wav.")
    timing_files: dict[str, str] | None = Field(default=None, description="Presigned URL for each format.")
    timing_format: TimingFormat | None = None
    timing_method: str | None = Field(default=None, description="The aligner that did the work.")
    word_count: int | None = None
    timing_confidence: float | None = Field(default=None, ge=0, le=1)
    timing_cost_usd: float | None = Field(
        default=None, description="What timing has cost, estimated; only Google costs."
    )
    subtitle_problems: list[dict[str, Any]] | None = Field(
        default=None, description="Each rule that a cue could not keep: cue (from 1), rule, value, limit."
    )
    cues_url: str | None = Field(default=None, description="Presigned URL of a ZIP file with a WAV file for each cue.")
    preview_url: str | None = Field(default=None, description="Presigned URL of a page to read and listen to.")
    flow_run_id: str | None = None
    flow_run_url: str | None = None
    warnings: list[str] = Field(default_factory=list, description="What went less than well.")

    def reply(self) -> dict[str, Any]:
        """The reply as a client gets it."""
        return self.model_dump(mode="json", exclude_none=True)


def problems_of(fault: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Say what Pydantic found in the words of the contract; of very many problems only the first."""
    errors = fault.errors(include_url=False)
    found = [_problem(error, model) for error in errors[:_MOST_PROBLEMS]]
    if more := len(errors) - len(found):
        found.append(Problem("request", None, "", f"and {more} more problems"))
    return found


def _problem(error: Any, model: type[BaseModel]) -> Problem:
    path = ".".join(_printable(str(part)) for part in error["loc"]) or "request"
    name = _printable(str(error["loc"][0])) if error["loc"] else "request"
    value, kind = error["input"], error["type"]
    owner = _owner(model, error["loc"])
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(error["loc"][-1]), owner.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(owner.model_fields)}"
        return Problem(path, value, hint, f"{path}: unknown field; {hint}")
    if name == "text" and (kind == "missing" or value is None):
        return Problem("text", None, "the script", "Text input is required")
    if kind == "value_error":
        return Problem(name, value, "", str(error["ctx"]["error"]))
    if kind == "missing":
        return Problem(name, None, "a value", f"{name} is required")
    if kind == "string_unicode" and isinstance(value, str):
        sentence = f"{path}: {value[:40]!r} holds half of a surrogate pair; expected Unicode text"
        return Problem(path, value, "", sentence)
    field = owner.model_fields.get(str(error["loc"][-1])) if error["loc"] else None
    return Problem(path, value, _accepted(error, field))


def _printable(name: str) -> str:
    """A field's name as it may stand in a sentence: a client may send anything as one."""
    short = name if len(name) <= 60 else name[:57] + "..."
    return short if short.isprintable() else repr(short)[1:-1]


def _owner(model: type[BaseModel], place: tuple[str | int, ...]) -> type[BaseModel]:
    """The model that holds the last field of a path."""
    for name in place[:-1]:
        field = model.model_fields.get(str(name))
        inner = [kind for kind in get_args(field.annotation) if isinstance(kind, type)] if field else []
        model = next((kind for kind in inner if issubclass(kind, BaseModel)), model)
    return model


def _accepted(error: Any, field: FieldInfo | None) -> str:
    """What a field takes, in words."""
    context, kind = error.get("ctx", {}), error["type"]
    if kind == "literal_error":
        return "one of " + str(context["expected"]).replace("'", "").replace(" or ", ", ")
    limits = [
        getattr(rule, name)
        for name in ("ge", "le")
        for rule in (field.metadata if field else ())
        if hasattr(rule, name)
    ]
    if len(limits) == 2:
        whole = "whole " if isinstance(limits[1], int) and "int" in str(field and field.annotation) else ""
        return f"a {whole}number from {limits[0]} to {limits[1]}"
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    words = {"bool": "true or false", "string": "a text", "list": "a list", "int": "a whole number"}
    return next((text for key, text in words.items() if kind.startswith(key)), str(error["msg"]).lower())
