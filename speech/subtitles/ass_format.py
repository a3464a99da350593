"""Advanced SubStation Alpha with karaoke, written with pysubs2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING

import pysubs2
import regex
from pysubs2.formats.substation import SubstationFormat
from pysubs2.time import ms_to_times

from speech.subtitles.font import FONT, font
from speech.subtitles.layout import fit, size_of
from speech.subtitles.styles import Colour, Look, Style

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.subtitles.cues import Cue
    from speech.words import Word

# libass reads text in braces as markup unless the braces are escaped. A backslash cannot be escaped, so a
# word joiner separates it from the letter after it.
_ESCAPES = str.maketrans({"{": "\\{", "}": "\\}", "\\": "\\\u2060"})
_ALIGNMENTS = {
    "bottom": pysubs2.Alignment.BOTTOM_CENTER,
    "centre": pysubs2.Alignment.MIDDLE_CENTER,
    "top": pysubs2.Alignment.TOP_CENTER,
}
_OUTLINED, _BOXED = 1, 3
# Without this encoding, libass takes a line for left to right, and orders what is between two tags by itself.
_WHOLE_LINES = -1
_RIGHT_TO_LEFT = regex.compile(r"[\p{Bidi_Class:R}\p{Bidi_Class:AL}]")
# How long a word leaps up, and how long it takes to come down, in milliseconds.
_UP, _DOWN = 70, 150
_BREADTH, _SIZE = "\\fscx{0}", "\\fscx{0}\\fscy{0}"
_OWN_SIZE = _SIZE.format(100)
# An attached file has 80 characters a line, three bytes in four characters from "!" to "`".
_ATTACHED_LINE, _ATTACHED_ZERO = 80, 33


def write(subtitles: Subtitles) -> str:
    """Return the subtitles as ASS; a font that comes with the look is attached."""
    look = subtitles.look
    size = size_of(look, subtitles.cues)
    file = pysubs2.SSAFile()
    file.info.update(
        {"Title": " ".join(subtitles.job_id.split()), "PlayResX": str(look.width), "PlayResY": str(look.height),
         "WrapStyle": "2", "ScaledBorderAndShadow": "yes"}
    )  # fmt: skip
    words = " ".join(word.text for word in subtitles.words)
    looks = {"": look} | (_speaker_looks(look, subtitles.cues) if subtitles.speakers else {})
    for name, speaker_look in looks.items():
        file.styles[_style_name(name)] = _style(speaker_look, size)
        if _RIGHT_TO_LEFT.search(words):
            file.styles[_style_name(name)].encoding = _WHOLE_LINES
    if look.style.font == FONT:
        file.fonts_opaque[f"{FONT.replace(' ', '-')}.ttf"] = _attached(font().part(words))
    for cue in subtitles.cues:
        start, end = _centiseconds(cue.start), max(_centiseconds(cue.end), _centiseconds(cue.start) + 1)
        name = _name(cue) if subtitles.speakers else ""
        text = _karaoke(cue, start, end, looks[name], size)
        file.append(pysubs2.SSAEvent(start=start * 10, end=end * 10, text=text, style=_style_name(name), name=name))
    whole = StringIO()
    _LongFormat.to_file(file, whole, "ass")
    return whole.getvalue()


class _LongFormat(SubstationFormat):
    """ASS whose hours may have two digits, as libass reads them; pysubs2 makes all later times the end of hour ten."""

    @staticmethod
    def ms_to_timestamp(requested_ms: int) -> str:
        hours, minutes, seconds, ms = ms_to_times(requested_ms)
        return f"{hours}:{minutes:02}:{seconds:02}.{ms // 10:02}"


def _speaker_looks(look: Look, cues: Sequence[Cue]) -> dict[str, Look]:
    """Return the look of each speaker, by name in the order of their first words."""
    names = dict.fromkeys(filter(None, map(_name, cues)))
    return {name: replace(look, style=look.style.tinted(number)) for number, name in enumerate(names)}


def _name(cue: Cue) -> str:
    """Return the name of a cue's speaker as a field of ASS may hold it."""
    return " ".join((cue.speaker or "").replace(",", " ").split())


def _style_name(name: str) -> str:
    return f"Voice {name}" if name else "Default"


def _style(look: Look, size: float) -> pysubs2.SSAStyle:
    """Return the look as a style, in a font size in pixels."""
    style = look.style
    side, margin = 0, round(style.margin * look.scale)
    if style.fitted:
        share = look.margins.top if style.position == "top" else look.margins.bottom
        side, margin = round(look.margins.side * look.width), round(share * look.height + style.outline * size)
    return pysubs2.SSAStyle(
        fontname=style.font,
        fontsize=round(size, 1),
        bold=style.bold,
        primarycolor=_colour(style.heard if look.sung else style.waiting if look.karaoke == "one" else style.colour),
        secondarycolor=_colour(style.waiting),
        outlinecolor=_colour(style.edge),
        backcolor=_colour(style.edge),
        borderstyle=_BOXED if style.box else _OUTLINED,
        outline=round(style.outline * size, 1),
        shadow=round(style.shadow * size, 1),
        alignment=_ALIGNMENTS[style.position],
        marginl=side,
        marginr=side,
        marginv=margin,
    )


def _colour(colour: Colour) -> pysubs2.Color:
    return pysubs2.Color(*colour)


def _attached(data: bytes) -> list[str]:
    """Encode a file as ASS attaches it: each three bytes as four characters, the rest with as few as hold it."""
    text = "".join(
        "".join(
            chr(_ATTACHED_ZERO + (int.from_bytes(data[at : at + 3].ljust(3, b"\0"), "big") >> shift & 63))
            for shift in (18, 12, 6, 0)
        )[: len(data[at : at + 3]) + 1]
        for at in range(0, len(data), 3)
    )
    return [text[at : at + _ATTACHED_LINE] for at in range(0, len(text), _ATTACHED_LINE)]


def _centiseconds(ms: int) -> int:
    return (ms + 5) // 10


def _karaoke(cue: Cue, start: int, end: int, look: Look, size: float) -> str:
    r"""Return the words of a cue, each after the tag that highlights it at its time.

    The durations of `\k` and `\kf` follow one another, so the word boundaries are rounded and their
    differences written: the durations then add up to the cue's. A `\k` without text spans each gap.
    """
    layout = fit(cue, look)
    at, text = start, _head(look.style, size, layout.share)
    for number, row in enumerate(layout.rows):
        text += ("\\N" if number else "") + _strut(look.style)
        for position, word in enumerate(row):
            if look.sung:
                begin = min(max(_centiseconds(word.start), at), end)
                until = min(max(_centiseconds(word.end), begin), end)
                text += f"{{\\k{begin - at}}}" if begin > at else ""
                text += f"{{\\k{'f' if look.karaoke == 'sweep' else ''}{until - begin}}}"
                at = until
            else:
                text += _change(word, start * 10, look)
            text += word.text.translate(_ESCAPES)
            text += _space(row, position, start * 10, look)
    return text + (f"{{\\k{end - at}}}" if end > at and look.sung else "")


def _head(style: Style, size: float, share: float) -> str:
    """Return the tags of a whole cue."""
    tags = f"\\fs{size * share:.1f}\\bord{style.outline * size * share:.1f}" if share < 1 else ""
    tags += f"\\blur{style.blur:g}" if style.blur else ""
    return f"{{{tags}}}" if tags else ""


def _strut(style: Style) -> str:
    """Return a strut as high as the box or the largest word, so that a leaping word does not lift the lines above."""
    height = max(style.pop, 1 + 2 * style.outline if style.box else 1.0)
    if not style.fitted or height == 1:
        return ""
    return f"{{\\fscx1\\fscy{round(100 * height)}\\alpha&HFF&}}\\h{{{_OWN_SIZE}\\alpha&H00&}}"


def _change(word: Word, start: int, look: Look) -> str:
    """Return the tag that changes a word at its start and end, in milliseconds from the cue's start."""
    begin, end = max(word.start - start, 0), max(word.end - start, 0)
    style = look.style
    own_size = _OWN_SIZE if style.pop > 1 else ""
    if look.karaoke == "one" and end > begin:
        lit, unlit = _tint(style.heard, style.edge_heard), _tint(style.waiting, style.edge_heard and style.edge)
        leap = _leap(begin, style.pop) if style.pop > 1 else ""
        return "{" + (_at(begin, lit, unlit) if begin else lit) + _at(end, unlit) + own_size + leap + "}"
    if look.karaoke == "one" and own_size:
        # The space before a dash, which is never heard, may just give way.
        return f"{{{own_size}}}"
    if look.karaoke == "appear" and begin:
        return "{" + _at(begin, "\\1a&H00&\\3a&H00&\\4a&H00&", "\\1a&HFF&\\3a&HFF&\\4a&HFF&") + "}"
    return ""


def _space(row: Sequence[Word], position: int, start: int, look: Look) -> str:
    """Return the space after a word of a line. While a word beside it leaps, it gives way, so that the others stand."""
    word, style = row[position], look.style
    if position == len(row) - 1 or not word.space:
        return ""
    if look.karaoke != "one" or style.pop == 1:
        return word.space
    face = font()
    tags = ""
    for neighbour in row[position : position + 2]:
        narrow = max(1 - face.width(neighbour.text) * (style.pop - 1) / 2 / face.width(word.space), 0.1)
        tags += _leap(max(neighbour.start - start, 0), narrow, _BREADTH)
    return f"{{{_OWN_SIZE}{tags}}}{word.space}"


def _leap(time: int, size: float, tags: str = _SIZE) -> str:
    """Return an override that changes the size of what follows for a moment."""
    top = time + _UP
    peak, normal = tags.format(round(100 * size)), tags.format(100)
    return f"\\t({time},{top},{peak})\\t({top},{top + _DOWN},{normal})"


def _tint(colour: Colour, edge: Colour | None) -> str:
    """Return the tags of the colours of letters and of their outline or box."""
    tags = (("1c", colour), ("3c", edge))
    return "".join(f"\\{name}&H{tint[2]:02X}{tint[1]:02X}{tint[0]:02X}&" for name, tint in tags if tint)


def _at(time: int, then: str, before: str = "") -> str:
    """Return an override that applies from `time` on; a renderer completes it at the end of its interval."""
    return f"{before}\\t({time - 1},{time},{then})"
