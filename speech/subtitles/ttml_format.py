"""TTML for broadcasters (the W3C's IMSC 1.1 text profile), written with ttconv."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING

import ttconv.imsc.writer as imsc
from ttconv.imsc.config import IMSCWriterConfiguration, TimeExpressionSyntaxEnum
from ttconv.model import Body, Br, ContentDocument, Div, P, Region, Span, Text
from ttconv.style_properties import (
    DisplayAlignType,
    ExtentType,
    LengthType,
    NamedColors,
    PositionType,
    StyleProperties,
    TextAlignType,
)

if TYPE_CHECKING:
    from speech.subtitles import Subtitles
    from speech.subtitles.cues import Cue

# Invisible characters that XML does not allow.
_NOT_XML = dict.fromkeys((0xFFFE, 0xFFFF))
_ALIGNMENTS = {"bottom": DisplayAlignType.after, "centre": DisplayAlignType.center, "top": DisplayAlignType.before}


def write(subtitles: Subtitles) -> str:
    """Return the cues as TTML."""
    document = ContentDocument()
    document.set_lang(subtitles.language)
    region = _region(document, subtitles.look.style.position)
    document.put_region(region)
    # One division for all paragraphs of the script: pycaption keeps only the last one of a language.
    body, div = Body(document), Div(document)
    for cue in subtitles.cues:
        div.push_child(_paragraph(document, cue, region))
    body.push_child(div)
    document.set_body(body)
    clock = IMSCWriterConfiguration(time_format=TimeExpressionSyntaxEnum.clock_time)
    out = io.BytesIO()
    imsc.from_model(document, clock).write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue().decode("utf-8") + "\n"


def _region(document: ContentDocument, position: str) -> Region:
    """Return the region of the captions: the safe area, nine tenths of the picture in each direction."""
    region = Region("captions", document)
    tenths = LengthType.Units.pct
    region.set_style(StyleProperties.Extent, ExtentType(height=LengthType(90, tenths), width=LengthType(90, tenths)))
    region.set_style(StyleProperties.Position, PositionType(LengthType(5, tenths), LengthType(5, tenths)))
    region.set_style(StyleProperties.DisplayAlign, _ALIGNMENTS[position])
    region.set_style(StyleProperties.TextAlign, TextAlignType.center)
    return region


def _paragraph(document: ContentDocument, cue: Cue, region: Region) -> P:
    paragraph = P(document)
    paragraph.set_begin(Fraction(cue.start, 1000))
    paragraph.set_end(Fraction(cue.end, 1000))
    paragraph.set_region(region)
    span = Span(document)
    span.set_style(StyleProperties.BackgroundColor, NamedColors.black.value)
    for number, line in enumerate(cue.texts()):
        if number:
            span.push_child(Br(document))
        span.push_child(Text(document, line.translate(_NOT_XML)))
    paragraph.push_child(span)
    return paragraph
