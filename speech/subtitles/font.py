"""The font that comes with the captions, read with fontTools: how wide a text is, and the part that a text needs."""

from __future__ import annotations

import io
import string
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import regex

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

__all__ = ["FONT", "Font", "font"]

FONT = "Nunito Black"
"""The name of the font, in files and on systems where it is installed."""

# Height of a line above and below the baseline, in em. The font's own, 1.08 and 0.3, leave room for two accents on a
# capital, and set the two or three large lines of a caption too far apart.
_ABOVE, _BELOW = 0.84, 0.22

_FILE = Path(__file__).parent / "nunito" / "Nunito-Black.ttf"
# Widths of characters that another font will have to show, in font sizes: full-width characters, and all others.
_SQUARE, _OTHER = 1.0, 0.65
_WIDE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Emoji_Presentation}]")
_MARK = regex.compile(r"\p{M}|\p{Cf}")
# Letters that a later change of the captions is likely to need.
_COMMON = string.ascii_letters + string.digits + string.punctuation + " …–—’“”"


class Font:
    """Nunito Black, with Latin, Cyrillic and Vietnamese letters, set in closer lines than its own.

    Attributes:
        em: size of the font's em square as a share of the size that ASS gives, which is the height of a line.
    """

    em = 1 / (_ABOVE + _BELOW)

    def __init__(self) -> None:
        """Read the tables that say how wide its characters are."""
        font = _read()
        units, widths = font["head"].unitsPerEm, font["hmtx"].metrics
        self._widths = {chr(code): widths[name][0] / units for code, name in font.getBestCmap().items()}

    def width(self, text: str) -> float:
        """Return the width of a line of text, in em; a guess for characters that the font does not have."""
        return sum(self._widths[char] if char in self._widths else _guess(char) for char in text)

    def part(self, text: str) -> bytes:
        """Return the font as TrueType with the characters of a text, and those common in English."""
        from fontTools.subset import Options, Subsetter

        font = _read()
        subsetter = Subsetter(Options(notdef_outline=True, hinting=False))
        subsetter.populate(text=text + _COMMON)
        subsetter.subset(font)
        units, metrics, lines = font["head"].unitsPerEm, font["OS/2"], font["hhea"]
        metrics.usWinAscent = metrics.sTypoAscender = lines.ascent = round(_ABOVE * units)
        metrics.usWinDescent = round(_BELOW * units)
        metrics.sTypoDescender = lines.descent = -metrics.usWinDescent
        written = io.BytesIO()
        font.save(written)
        return written.getvalue()


@cache
def font() -> Font:
    """Return the font, read once."""
    return Font()


def _read() -> TTFont:
    from fontTools.ttLib import TTFont

    # A time of its own would make the same captions a different file each time.
    return TTFont(_FILE, recalcTimestamp=False)


def _guess(char: str) -> float:
    if _MARK.match(char):
        return 0.0
    return _SQUARE if _WIDE.match(char) else _OTHER
