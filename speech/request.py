"""The contract with clients: the request.

The command line, the Prefect deployment's form and the RunPod endpoint share it, and `speech.result`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from speech.choices import (
    AUDIO_ALIASES,
    FORMATS,
    KARAOKE_ALIASES,
    MOST_IN_NAME,
    SAMPLE_RATES,
    STANDARD_FORMATS,
    AudioFormat,
    Karaoke,
    LookName,
    Preset,
    Quality,
    SampleRate,
    ScriptFormat,
    Split,
    StyleName,
    TimingFormat,
    TimingMethod,
)
from speech.errors import InvalidRequest, Problem
from speech.fields import AnyCaseFormat, CueRules, Fields, Number, Pauses, Whole, also, limits_of, lower
from speech.lexicons import LexiconField
from speech.naming import check_name as check_job_name
from speech.naming import title_of
from speech.problems import problems_of
from speech.subtitles.styles import LOOKS
from speech.text import has_words

__all__ = ["FORMATS", "SAMPLE_RATES", "STANDARD_FORMATS", "SpeechRequest"]

# PostgreSQL cannot store NUL, and UTF-8 cannot encode half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


# No sensible request has more fields, formats or voices than this.
_MOST_ITEMS = 100

_CAST_NAME = re.compile(r"\w[\w .'’-]{0,39}")


class SpeechRequest(Fields):
    """The text to speak, the voice, and the files to produce."""

    model_config = ConfigDict(
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"examples": [{"text": "Hello there.", "return_word_timings": True}]},
    )

    text: str = Field(
        description="The script. Over RunPod at most MAX_TEXT_CHARS characters (20 000 by default).",
        examples=["The quick brown fox jumps over the lazy dog."],
        json_schema_extra={"position": 0, "format": "text"},
    )
    script_format: Annotated[ScriptFormat, BeforeValidator(lower)] | None = Field(
        default=None, description="How the text is written: text, markdown, html or ssml. Empty: detected."
    )
    cast: dict[str, str] = Field(
        default_factory=dict,
        max_length=_MOST_ITEMS,
        description="Names in the script, as in [alice] or Alice:, and the voices that speak them.",
        examples=[{"alice": "alice.wav"}],
    )
    lexicon: LexiconField = Field(
        default=None,
        description="How words are spoken: the name of a stored lexicon, or up to 500 rows of word, say, language, "
        "voice, case.",
        examples=["names", [{"word": "GIF", "say": "jif"}]],
    )
    pauses: Pauses = Field(
        default_factory=Pauses, description="Silences between paragraphs, voices, headings and scenes, in seconds."
    )
    local_voice: str | None = Field(
        default=None,
        description="Name of a stored voice, or an https URL of a recording. Empty: the default voice.",
        examples=["narrator.wav"],
        # Longer than the limit for clients, because sealing a URL's query (speech.voices.seal) lengthens it.
        max_length=4096,
        json_schema_extra={"position": 1},
    )
    ref_text: str | None = Field(
        default=None,
        description="Transcript of the reference recording. Empty: it is transcribed.",
        max_length=2000,
        json_schema_extra={"position": 2},
    )
    speed: Number = Field(
        default=1.0,
        **limits_of("speed"),
        allow_inf_nan=False,
        description="Speed of the speech; 1.0 is the voice's own pace.",
    )
    seed: Whole | None = Field(
        default=None,
        **limits_of("seed"),
        description="The same seed gives the same speech. Empty: chosen at random and returned in the reply.",
    )
    language: str | None = Field(
        default=None, description="ISO 639-1 code, such as en. Empty: detected.", examples=["en", "de"]
    )
    return_word_timings: bool = Field(default=False, description="Time the words and write subtitle files.")
    timing_method: Annotated[TimingMethod, BeforeValidator(lower)] = Field(
        default="whisperx", description="The aligner to try first; the others follow."
    )
    timing_format: AnyCaseFormat = Field(default="srt", description="The preferred subtitle format. compact means csv.")
    timing_formats: list[AnyCaseFormat] = Field(
        default_factory=lambda: list(STANDARD_FORMATS),
        description="The files to write, in addition to timing_format. ttml and textgrid are written only on request.",
        json_schema_extra={"default": list(STANDARD_FORMATS)},
    )
    quality: Annotated[Quality, BeforeValidator(lower)] = Field(
        default="standard", description="fast uses a quarter of the model's steps."
    )
    reuse_takes: bool = Field(
        default=False,
        description="Take finished takes from the store where everything that decides their samples is the same, and "
        "keep new ones. Without a seed, 1 is used.",
    )
    preset: Annotated[Preset, BeforeValidator(lower)] = Field(
        default="netflix",
        description="Subtitle rules. social: one to three large words, for vertical video; word: one word per cue.",
    )
    cues: CueRules | None = Field(default=None, description="Values that replace those of the preset.")
    style: Annotated[StyleName, BeforeValidator(lower)] | None = Field(
        default=None, description="Style of the ASS file. Empty: classic, or bold for the preset social."
    )
    look: Annotated[LookName, BeforeValidator(lower)] | None = Field(
        default=None,
        description="Finished look of the ASS file, with its own font, size, place and, unless you give them, preset "
        "and karaoke. pop, bubble, marker and neon are for video that people post; cinema is for films.",
    )
    karaoke: Annotated[Karaoke, also(KARAOKE_ALIASES)] = Field(
        default="sweep",
        description="How the ASS file highlights words: sweep (kf), step (k), one at a time, appear, none.",
    )
    speaker_names: bool = Field(
        default=False,
        description="Show who speaks: by name in VTT and ASS, there also in a colour of its own, and in SRT by a dash "
        "where the speaker changes.",
    )
    audio_format: Annotated[AudioFormat, also(AUDIO_ALIASES)] = Field(
        default="wav", description="Format of the audio file; ogg holds Opus, m4a AAC."
    )
    split: Annotated[Split, BeforeValidator(lower)] | None = Field(
        default=None, description="cues: also write one WAV file per cue, in a ZIP file."
    )
    sample_rate: SampleRate = Field(
        default=22050, description="Sample rate of the audio in hertz; the model's output is resampled to it."
    )
    name: str | None = Field(
        default=None,
        description="Name of the job, for its run in Prefect and its files. Empty: the script's title or first words.",
        max_length=MOST_IN_NAME,
    )
    wait: bool = Field(default=True, description="false: the endpoint replies immediately with the job's id.")

    @field_validator("text", "local_voice", "ref_text", "language", "name")
    @classmethod
    def _is_storable(cls, value: str | None, info: ValidationInfo) -> str | None:
        match = _UNSTORABLE.search(value or "")
        if match:
            raise ValueError(
                f"{info.field_name}: character {match.start() + 1} is U+{ord(match[0]):04X}, "
                "which cannot be stored as text; expected Unicode text"
            )
        return value

    @field_validator("text")
    @classmethod
    def _text_says_something(cls, text: str, info: ValidationInfo) -> str:
        if not text.strip():
            raise ValueError("Text input is required")
        limit = (info.context or {}).get("max_text_chars")
        if limit and len(text) > limit:
            raise ValueError(
                f"text: {len(text)} characters is too long; at most {limit} are accepted in one request. "
                "Split the script, raise MAX_TEXT_CHARS, or use f5-flows speak or narrate, which take any length"
            )
        if not has_words(text):
            raise ValueError(f"text: {text.strip()[:40]!r} holds no letter or digit; expected words to speak")
        return text

    @field_validator("local_voice")
    @classmethod
    def _voice_is_valid(cls, voice: str | None) -> str | None:
        from speech.voices import check_name

        return check_name(voice) if voice else None

    @field_validator("cast")
    @classmethod
    def _cast_is_valid(cls, cast: dict[str, str]) -> dict[str, str]:
        from speech.voices import check_name

        for name, voice in cast.items():
            if not _CAST_NAME.fullmatch(name):
                raise ValueError(
                    f"cast: {name[:60]!r} is not accepted as a name; expected letters, digits, spaces, '.', '_' and "
                    "'-', at most 40"
                )
            check_name(voice, field=f"cast.{name}")
        return cast

    @field_validator("language")
    @classmethod
    def _language_exists(cls, language: str | None) -> str | None:
        from speech.language import check

        return check(language) if language else None

    @field_validator("name")
    @classmethod
    def _name_is_valid(cls, name: str | None) -> str | None:
        return check_job_name(name) if name else None

    @model_validator(mode="after")
    def _a_look_sets_what_is_not_given(self) -> SpeechRequest:
        if self.look:
            finish, fields_set = LOOKS[self.look], set(self.model_fields_set)
            if "preset" not in fields_set:
                self.preset = finish.preset
            if "karaoke" not in fields_set:
                self.karaoke = finish.karaoke
        return self

    @model_validator(mode="after")
    def _options_fit_together(self) -> SpeechRequest:
        if self.split and not self.return_word_timings:
            raise ValueError(f"split: {self.split!r} needs return_word_timings: true")
        if self.cues and self.preset == "word" and self.cues.explicit_values():
            raise ValueError("cues: the preset 'word' has no values to replace; expected another preset")
        if self.look and self.style:
            raise ValueError(
                f"style: {self.style!r} does not go with look, which is {self.look!r}; expected one of them"
            )
        return self

    @property
    def formats(self) -> tuple[TimingFormat, ...]:
        """The formats to write, each once, in the order of the contract."""
        requested = {self.timing_format, *self.timing_formats}
        return tuple(name for name in FORMATS if name in requested)

    @property
    def title(self) -> str:
        """The name of the job; without one, the script's title or first words."""
        return title_of(self.name, self.text)

    def presentation(self) -> dict[str, Any]:
        """Return the arguments of `speech.subtitles.make` for the rules and look of the cues."""
        limits = self.cues.explicit_values() if self.cues else {}
        return {
            "preset": self.preset, "own": limits, "style": self.style, "karaoke": self.karaoke, "look": self.look,
            "speakers": self.speaker_names,
        }  # fmt: skip

    @classmethod
    def parse(cls, data: dict[str, Any], max_text_chars: int | None = None) -> SpeechRequest:
        """Parse a request from a client's data.

        Args:
            max_text_chars: maximum length of the text; None for no limit.

        Raises:
            InvalidRequest: `data` is invalid; each of its problems names the field, the value and what is
                accepted.
        """
        # Collecting a million problems would take seconds.
        for field, items in (("request", data), ("timing_formats", data.get("timing_formats"))):
            if isinstance(items, dict | list) and len(items) > _MOST_ITEMS:
                message = f"{field}: it holds {len(items)} items; at most {_MOST_ITEMS} are accepted"
                raise InvalidRequest([Problem(field, None, "", message)])
        try:
            return cls.model_validate(data, context={"max_text_chars": max_text_chars})
        except ValidationError as fault:
            raise InvalidRequest(problems_of(fault, cls)) from None
