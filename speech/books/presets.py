"""How a finished book should sound, by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from speech.books.figures import Limits
from speech.choices import BookPreset

__all__ = ["PRESETS", "Preset"]

_ANY = math.inf


@dataclass(frozen=True, slots=True)
class Preset:
    """How a book should sound.

    Attributes:
        limits: what the finished files are measured for.
        aim: the loudness (LUFS) or RMS (dBFS) of the book that the gain is chosen for; None to leave the takes alone.
        by_rms: whether `aim` is an RMS.
        ceiling: level in dBFS that no sample passes before it is encoded. It lies below the limit of the peaks,
            because encoders add to them, and so do players between the samples.
        room: RMS of the room tone in dBFS, which is heard under everything.
        longest_minutes: the length that no chapter should exceed.
        mp3_rate: sample rate of the MP3 files; None for that of the book.
        mp3_bitrate: their constant bit rate.
        m4b_bitrate: bit rate of the M4B. At 64 kbit/s AAC raises peaks of speech by up to 3.6 dB, at 96 by up to 1.3.
    """

    limits: Limits = field(default_factory=dict)
    aim: float | None = None
    by_rms: bool = False
    ceiling: float = 0.0
    room: float = -_ANY
    longest_minutes: float = _ANY
    mp3_rate: int | None = None
    mp3_bitrate: str = "64k"
    m4b_bitrate: str = "64k"


PRESETS: Mapping[BookPreset, Preset] = {
    # Audible's requirements for files that are submitted to ACX.
    "acx": Preset(
        limits={"RMS": (-23, -18), "peak": (-_ANY, -3), "floor": (-_ANY, -60)},
        aim=-20.5,
        by_rms=True,
        ceiling=-5,
        room=-75,
        longest_minutes=120,
        mp3_rate=44_100,
        mp3_bitrate="192k",
        m4b_bitrate="96k",
    ),
    # What Apple and Spotify ask of podcasts.
    "podcast": Preset(
        limits={"loudness": (-17, -15), "true peak": (-_ANY, -1)},
        aim=-16,
        ceiling=-4,
        room=-75,
        mp3_rate=44_100,
        mp3_bitrate="96k",
        m4b_bitrate="96k",
    ),
    "none": Preset(),
}
