"""The look of captions in formats that have one (ASS), and how words are highlighted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from speech.choices import Karaoke
from speech.subtitles.palette import ON_DARK, ON_LIGHT, Colour

__all__ = ["KARAOKE", "LOOKS", "STYLES", "Colour", "Finish", "Karaoke", "Look", "Margins", "Style", "look_for"]

KARAOKE: dict[str, str] = {
    "sweep": "the colour moves through each word while it is heard",
    "step": "each word changes colour when it begins",
    "one": "only the word that is heard is lit",
    "appear": "each word appears when it begins",
    "none": "no word is lit",
}

_WHITE, _GREY, _BLACK, _YELLOW = (255, 255, 255), (150, 150, 150), (0, 0, 0), (255, 222, 33)
_INK = (16, 17, 32)

_BRIGHT = 128


@dataclass(frozen=True, slots=True)
class Style:
    """A style of captions; lengths are in pixels of a frame whose shorter side has 1080.

    Attributes:
        font: the name of a font; that of `speech.subtitles.font` is attached to the file.
        colour: colour of words if none is highlighted.
        heard, waiting: colours of words that are or have been heard, and of words that have not.
        outline: width of the outline of letters, or of the padding of a box, as a share of the font size.
        edge: colour of the outline or the box.
        edge_heard: colour of the outline or the box of the word that is heard; None for `edge`.
        shadow: how far the shadow falls, as a share of the font size.
        blur: how soft the outline is, in pixels.
        pop: size to which a word leaps when it is heard, as a share of its own.
        box: put a box behind the words instead of an outline around them.
        fitted: keep to the part of the frame that players and phone apps leave free, on up to `lines` lines.
    """

    font: str = "Arial"
    size: int = 64
    bold: bool = False
    colour: Colour = _WHITE
    heard: Colour = _WHITE
    waiting: Colour = _GREY
    outline: float = 0.047
    edge: Colour = _BLACK
    edge_heard: Colour | None = None
    shadow: float = 0.0
    blur: float = 0.0
    pop: float = 1.0
    box: bool = False
    position: Literal["bottom", "centre", "top"] = "bottom"
    margin: int = 60
    fitted: bool = False
    lines: int = 3

    def tinted(self, number: int) -> Style:
        """Return the style in the colour of a voice: what has the style's own colour gets it, highlights stay."""
        palette = ON_LIGHT if sum(self.edge) > 3 * _BRIGHT else ON_DARK
        tint = palette[number % len(palette)]
        heard, waiting = (tint if colour == self.colour else colour for colour in (self.heard, self.waiting))
        return replace(self, colour=tint, heard=heard, waiting=waiting)


# What each style changes. The rest is the preset's.
STYLES: dict[str, dict[str, Any]] = {
    "classic": {},
    "box": {"box": True, "outline": 0.156, "waiting": (170, 170, 170)},
    "yellow": {"colour": _YELLOW, "heard": _YELLOW, "waiting": _WHITE},
    "bold": {
        "size": 104, "bold": True, "heard": _YELLOW, "waiting": _WHITE, "outline": 0.067, "position": "centre",
    },
    "paper": {
        "font": "Georgia", "colour": _BLACK, "heard": _BLACK, "waiting": (140, 140, 140), "edge": (250, 246, 235),
        "box": True, "outline": 0.219,
    },
    "top": {"position": "top"},
}  # fmt: skip

# Size and place that a preset gives its captions, unless their style has its own.
_PLACES: dict[str, dict[str, Any]] = {"social": {"size": 104, "bold": True, "position": "centre"}}


@dataclass(frozen=True, slots=True)
class Finish:
    """A finished look, to be chosen by its name.

    Attributes:
        preset: the rules for cues that suit it, in `speech.subtitles.rules.RULES`.
    """

    style: Style
    karaoke: Karaoke
    preset: Literal["social", "netflix"]


def _finish(karaoke: Karaoke = "one", preset: Literal["social", "netflix"] = "social", **style: Any) -> Finish:
    return Finish(replace(Style(font="Nunito Black", fitted=True), **style), karaoke, preset)


LOOKS: dict[str, Finish] = {
    "pop": _finish(
        size=148, heard=_YELLOW, waiting=_WHITE, outline=0.09, shadow=0.035, edge=_BLACK, pop=1.14,
    ),
    "bubble": _finish(
        size=124, waiting=_WHITE, heard=_WHITE, outline=0.25, edge=_INK, edge_heard=(255, 45, 120), pop=1.1,
    ),
    "marker": _finish(
        size=132, waiting=_WHITE, heard=_INK, box=True, outline=0.12, edge=_INK, edge_heard=(255, 214, 10),
    ),
    "neon": _finish(
        size=138, waiting=_WHITE, heard=_WHITE, outline=0.09, blur=10, edge=(40, 0, 90), edge_heard=(255, 0, 200),
        pop=1.1,
    ),
    "cinema": _finish(
        karaoke="sweep", preset="netflix", size=70, colour=_WHITE, heard=(255, 214, 102), waiting=_WHITE,
        outline=0.05, shadow=0.03, blur=1.5, lines=4,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Margins:
    """Parts of a frame that captions keep out of: on either side as a share of its width, else of its height."""

    side: float
    top: float
    bottom: float


# Upright: what the apps of TikTok, Instagram (Reels) and YouTube (Shorts) cover at the most, by guides for makers of
# such videos, 2025 and 2026: 164 of 1080 pixels with buttons on the right, 250 of 1920 at the top, 450 at the bottom.
# The left has as much as the right, so that captions stand in the middle. Wide: the title-safe area of EBU R 95.
_UPRIGHT = Margins(side=0.152, top=0.13, bottom=0.235)
_WIDE = Margins(side=0.05, top=0.05, bottom=0.05)


@dataclass(frozen=True, slots=True)
class Look:
    """A style, how words are highlighted, and the size of the frame in pixels."""

    style: Style
    karaoke: Karaoke = "sweep"
    width: int = 1920
    height: int = 1080

    @property
    def sung(self) -> bool:
        """Whether words keep their highlight after they are heard, as in karaoke."""
        return self.karaoke in ("sweep", "step")

    @property
    def scale(self) -> float:
        """Pixels of this frame per pixel of a style."""
        return min(self.width, self.height) / 1080

    @property
    def margins(self) -> Margins:
        """What a fitted style keeps out of."""
        return _UPRIGHT if self.height > self.width else _WIDE


def look_for(preset: str, style: str | None = None, karaoke: Karaoke = "sweep", look: str | None = None) -> Look:
    """Return the look of a preset; `social` is large, centred and for upright video.

    Args:
        style: a name in `STYLES`; None for the preset's style.
        look: a name in `LOOKS`, in place of a style.
    """
    upright = preset == "social"
    frame = (1080, 1920) if upright else (1920, 1080)
    if look:
        return Look(LOOKS[look].style, karaoke, *frame)
    changes = STYLES[style or ("bold" if upright else "classic")]
    return Look(Style(**(_PLACES.get(preset, {}) | changes)), karaoke, *frame)
