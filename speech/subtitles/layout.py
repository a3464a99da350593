"""How captions are set in a frame: the size of their font, and the lines that a cue is broken into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import regex

from speech.subtitles.cues import Cue
from speech.subtitles.font import font
from speech.subtitles.styles import Look, Style
from speech.words import Word

__all__ = ["CueLayout", "fit", "size_of"]

# Width of a letter as a share of the font size: in a wide Latin font, and for a full-width character.
_LETTER, _SQUARE = 0.58, 1.0
_WIDE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
# Share of the frame's width that a line may take, unless the style is fitted.
_USABLE = 0.94
_SMALLEST = 10
_PRECISION = 0.01

Words = tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class CueLayout:
    """A cue as it is set: the words of each line, and their size as a share of the style's."""

    rows: Sequence[Words]
    share: float = 1.0


def size_of(look: Look, cues: Iterable[Cue]) -> float:
    """Return the font size in pixels: the style's, or one small enough for the widest line if it is not fitted."""
    style, scale = look.style, look.scale
    if style.fitted:
        return style.size * scale
    widest = max((_ems(line) for cue in cues for line in cue.texts()), default=1.0)
    return min(style.size * scale, max(_USABLE * look.width / max(widest, 1.0), _SMALLEST * scale))


def fit(cue: Cue, look: Look) -> CueLayout:
    """Break a cue into lines that fit: its own lines, else the fewest of similar width, else in a smaller size.

    A style that is not fitted keeps the cue's own lines.
    """
    style, rows = look.style, cue.rows()
    if not style.fitted:
        return CueLayout(rows)
    max_ems = look.width * (1 - 2 * look.margins.side) / (style.size * look.scale)
    if max(_width(row, look.style) for row in rows) > max_ems:
        rows = _balanced(cue.words, style, min(len(_wrapped(cue.words, style, max_ems)), style.lines))
    widest = max(_width(row, look.style) for row in rows)
    return CueLayout(rows, min(1.0, max(max_ems / widest, _SMALLEST / style.size)))


def _balanced(words: Words, style: Style, lines: int) -> list[Words]:
    """Break words into at most so many lines, the widest of which is as narrow as possible to a hundredth."""
    least, most = 0.0, _width(words, style)
    while most - least > _PRECISION:
        limit = (least + most) / 2
        if len(_wrapped(words, style, limit)) <= lines and max(_width(word, style) for word in zip(words)) <= limit:
            most = limit
        else:
            least = limit
    return _wrapped(words, style, most)


def _wrapped(words: Words, style: Style, max_ems: float) -> list[Words]:
    """Fill lines with words, one line after the other; a line holds one word at least."""
    rows, first = [], 0
    for last in range(1, len(words) + 1):
        if last == len(words) or _width(words[first : last + 1], style) > max_ems:
            rows.append(words[first:last])
            first = last
    return rows


def _width(row: Words, style: Style) -> float:
    """Return the width of a line with its outline, in font sizes, at the moment when its widest word leaps."""
    face = font()
    widths = [face.width(word.text) for word in row]
    spaces = sum(face.width(word.space) for word in row[:-1])
    return face.em * (sum(widths) + spaces + (style.pop - 1) * max(widths)) + 2 * style.outline


def _ems(line: str) -> float:
    """Estimate the width of a line in font sizes."""
    wide_count = len(_WIDE.findall(line))
    return wide_count * _SQUARE + (len(line) - wide_count) * _LETTER
