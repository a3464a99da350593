"""Advanced SubStation with karaoke, through pysubs2."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pysubs2
import regex

from speech.subtitles.styles import Colour, Look

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.subtitles.cues import Cue
    from speech.words import Word

# libass reads a braced text as markup unless the brace is escaped; a backslash has no escape, so a
# word joiner keeps it from meeting the letter behind it.
_ESCAPES = str.maketrans({"{": "\\{", "}": "\\}", "\\": "\\\u2060"})
_ALIGNMENTS = {
    "bottom": pysubs2.Alignment.BOTTOM_CENTER,
    "centre": pysubs2.Alignment.MIDDLE_CENTER,
    "top": pysubs2.Alignment.TOP_CENTER,
}
_OUTLINED, _BOXED = 1, 3
# Width of a letter, as a share of the font's size: of a wide Latin face, and of one that fills its square.
_LETTER, _SQUARE = 0.58, 1.0
_WIDE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_USABLE = 0.94


def write(subtitles: Subtitles) -> str:
    look = subtitles.look
    file = pysubs2.SSAFile()
    file.info.update(
        {"Title": " ".join(subtitles.job_id.split()), "PlayResX": str(look.width), "PlayResY": str(look.height),
         "WrapStyle": "2", "ScaledBorderAndShadow": "yes"}
    )  # fmt: skip
    file.styles["Default"] = _style(look, subtitles.cues)
    for cue in subtitles.cues:
        start, end = _centiseconds(cue.start), max(_centiseconds(cue.end), _centiseconds(cue.start) + 1)
        text = _karaoke(cue, start, end, look)
        file.append(pysubs2.SSAEvent(start=start * 10, end=end * 10, text=text))
    return file.to_string("ass")


def _style(look: Look, cues: Iterable[Cue]) -> pysubs2.SSAStyle:
    style, scale = look.style, look.scale
    widest = max((_ems(line) for cue in cues for line in cue.texts()), default=1.0)
    size = min(style.size * scale, max(_USABLE * look.width / max(widest, 1.0), 10 * scale))
    return pysubs2.SSAStyle(
        fontname=style.font,
        fontsize=round(size, 1),
        bold=style.bold,
        primarycolor=_colour(style.heard if look.sung else style.waiting if look.karaoke == "one" else style.colour),
        secondarycolor=_colour(style.waiting),
        outlinecolor=_colour(style.edge),
        backcolor=_colour(style.edge),
        borderstyle=_BOXED if style.box else _OUTLINED,
        outline=round(style.outline * scale, 1),
        shadow=0,
        alignment=_ALIGNMENTS[style.position],
        marginv=round(style.margin * scale),
    )


def _ems(line: str) -> float:
    wide = len(_WIDE.findall(line))
    return wide * _SQUARE + (len(line) - wide) * _LETTER


def _colour(colour: Colour) -> pysubs2.Color:
    return pysubs2.Color(*colour)


def _centiseconds(ms: int) -> int:
    return (ms + 5) // 10


def _karaoke(cue: Cue, start: int, end: int, look: Look) -> str:
    r"""The words, each after the tag that lights it at its time.

    `\k` and `\kf` count from one word to the next: borders are rounded and their differences written,
    so that the lengths add up to the cue's. An empty `\k` waits through what lies between.
    """
    at, text = start, ""
    for number, row in enumerate(cue.rows()):
        text += "\\N" if number else ""
        for place, word in enumerate(row):
            if look.sung:
                begin = min(max(_centiseconds(word.start), at), end)
                until = min(max(_centiseconds(word.end), begin), end)
                text += f"{{\\k{begin - at}}}" if begin > at else ""
                text += f"{{\\k{'f' if look.karaoke == 'sweep' else ''}{until - begin}}}"
                at = until
            else:
                text += _change(word, start * 10, look)
            text += word.text.translate(_ESCAPES) + (word.space if place < len(row) - 1 else "")
    return text + (f"{{\\k{end - at}}}" if end > at and look.sung else "")


def _change(word: Word, start: int, look: Look) -> str:
    """What changes a word at once, when it begins and when it ends: milliseconds from the cue's start."""
    begin, end = max(word.start - start, 0), max(word.end - start, 0)
    if look.karaoke == "one" and end > begin:
        colours = look.style.heard, look.style.waiting
        lit, unlit = (f"\\1c&H{blue:02X}{green:02X}{red:02X}&" for red, green, blue in colours)
        return "{" + (_at(begin, lit, unlit) if begin else lit) + _at(end, unlit) + "}"
    if look.karaoke == "appear" and begin:
        return "{" + _at(begin, "\\1a&H00&\\3a&H00&\\4a&H00&", "\\1a&HFF&\\3a&HFF&\\4a&HFF&") + "}"
    return ""


def _at(time: int, then: str, before: str = "") -> str:
    """An override that holds from a time on; a renderer takes it as done at the end of its interval."""
    return f"{before}\\t({time - 1},{time},{then})"
