"""The values and limits that a request accepts, shared by the request, the command line and its help."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, get_args

__all__ = [
    "AUDIO_ALIASES",
    "AUDIO_FORMATS",
    "FORMATS",
    "FORMAT_ALIASES",
    "KARAOKE_ALIASES",
    "LIMITS",
    "MOST_IN_NAME",
    "SAMPLE_RATES",
    "SEED",
    "STANDARD_FORMATS",
    "AudioFormat",
    "BookPreset",
    "EngineName",
    "Karaoke",
    "LookName",
    "Preset",
    "Quality",
    "SampleRate",
    "ScriptFormat",
    "Split",
    "StyleName",
    "TimingFormat",
    "TimingMethod",
]

TimingFormat = Literal["srt", "vtt", "csv", "json", "ass", "ttml", "textgrid"]
AudioFormat = Literal["wav", "mp3", "flac", "ogg", "m4a"]
TimingMethod = Literal["whisperx", "google"]
Quality = Literal["standard", "fast"]
BookPreset = Literal["acx", "podcast", "none"]
Preset = Literal["netflix", "netflix-children", "bbc", "social", "word"]
StyleName = Literal["classic", "box", "yellow", "bold", "paper", "top"]
LookName = Literal["pop", "bubble", "marker", "neon", "cinema"]
Karaoke = Literal["sweep", "step", "one", "appear", "none"]
Split = Literal["cues"]
ScriptFormat = Literal["text", "markdown", "html", "ssml"]
SampleRate = Literal[16000, 22050, 24000, 44100, 48000]
EngineName = Literal["auto", "f5-tts", "espeak"]

FORMATS: tuple[TimingFormat, ...] = get_args(TimingFormat)
STANDARD_FORMATS = FORMATS[:5]
AUDIO_FORMATS: tuple[AudioFormat, ...] = get_args(AudioFormat)
SAMPLE_RATES: tuple[SampleRate, ...] = get_args(SampleRate)

# Other names that are accepted for a value.
FORMAT_ALIASES = MappingProxyType({"compact": "csv"})
AUDIO_ALIASES = MappingProxyType({"opus": "ogg", "aac": "m4a"})
KARAOKE_ALIASES = MappingProxyType({"kf": "sweep", "k": "step"})

# The smallest and the largest number that a field accepts.
LIMITS: MappingProxyType[str, tuple[float, float]] = MappingProxyType(
    {
        "speed": (0.5, 2.0),
        "seed": (1, 2_147_483_647),
        "max_chars": (4, 200),
        "max_lines": (1, 4),
        "max_words": (1, 50),
        "max_cps": (1, 100),
        "min_duration": (0, 10),
        "max_duration": (0.2, 60),
        "gap": (0, 2),
    }
)

MOST_IN_NAME = 80

# The seed of books and of requests that reuse takes, where none is given: one seed for all, or nothing would be reused.
SEED = 1
