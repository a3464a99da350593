"""What captions look like where the format can say it (ASS), and how the words are lit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["KARAOKE", "STYLES", "Karaoke", "Look", "Style", "look_for"]

Colour = tuple[int, int, int]
Karaoke = Literal["sweep", "step", "one", "appear", "none"]

KARAOKE: dict[str, str] = {
    "sweep": "the colour moves through each word while it is heard",
    "step": "each word changes colour when it begins",
    "one": "only the word that is heard is lit",
    "appear": "each word appears when it begins",
    "none": "no word is lit",
}

_WHITE, _GREY, _BLACK, _YELLOW = (255, 255, 255), (150, 150, 150), (0, 0, 0), (255, 222, 33)


@dataclass(frozen=True, slots=True)
class Style:
    """Lengths are pixels in a frame whose shorter side has 1080.

    Attributes:
        colour: of words where none is lit.
        heard, waiting: of words that are lit, or have been, and of those that are not yet.
        outline: width of the line around letters, or of the rim of a box.
        edge: colour of the outline, or of the box.
        box: a box behind the words instead of an outline.
    """

    font: str = "Arial"
    size: int = 64
    bold: bool = False
    colour: Colour = _WHITE
    heard: Colour = _WHITE
    waiting: Colour = _GREY
    outline: float = 3
    edge: Colour = _BLACK
    box: bool = False
    position: Literal["bottom", "centre", "top"] = "bottom"
    margin: int = 60


STYLES: dict[str, Style] = {
    "classic": Style(),
    "box": Style(box=True, outline=10, waiting=(170, 170, 170)),
    "yellow": Style(colour=_YELLOW, heard=_YELLOW, waiting=_WHITE),
    "bold": Style(size=104, bold=True, heard=_YELLOW, waiting=_WHITE, outline=7, position="centre"),
    "paper": Style(
        font="Georgia", colour=_BLACK, heard=_BLACK, waiting=(140, 140, 140), edge=(250, 246, 235), box=True, outline=14
    ),
    "top": Style(position="top"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """A style, how words are lit, and the frame in pixels."""

    style: Style
    karaoke: Karaoke = "sweep"
    width: int = 1920
    height: int = 1080

    @property
    def sung(self) -> bool:
        """Whether words keep their colour once they are heard, as in karaoke."""
        return self.karaoke in ("sweep", "step")

    @property
    def scale(self) -> float:
        """Pixels of this frame for one of a style's."""
        return min(self.width, self.height) / 1080


def look_for(preset: str, style: str | None = None, karaoke: Karaoke = "sweep") -> Look:
    """The look of a preset: social is large, centred and for upright video."""
    upright = preset == "social"
    chosen = STYLES[style or ("bold" if upright else "classic")]
    return Look(chosen, karaoke, *((1080, 1920) if upright else (1920, 1080)))
