"""Reading Word documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace

from speech.script.passage import LeftOut, Script
from speech.script.readers.archive import Archive
from speech.script.readers.html import read_as
from speech.script.readers.markup import language, parse_xml, refused

__all__ = ["DOCUMENT", "read"]

DOCUMENT = "word/document.xml"
# How many passages a title with its author and its date may have.
_TITLE_PAGE = 5
_WHY_AGAIN = "the title was spoken already"
# Word's styles that mammoth has no opinion on, by their English names, which Word stores in any language.
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => h2:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='Block Text'] => blockquote > p:fresh
p[style-name='Verse'] => p.verse:fresh
p[style-name^='Source Code'] => pre > code:fresh
strike => s
"""


def read(archive: Archive) -> Script:
    """Read a DOCX document.

    Raises:
        InvalidRequest: it is damaged, has a document type, or is larger than it looks.
    """
    import mammoth

    parts = {name: archive.read(name) for name in archive.texts()}
    for name, part in parts.items():
        # In UTF-16 there are zeros between the letters.
        if b"<!DOCTYPE" in part.replace(b"\0", b""):
            raise refused(f"its part {name[:80]!r} has a document type, which Word never writes", "file")
    title = code = None
    creator = ""
    if "docProps/core.xml" in archive:
        core = parse_xml(archive.read("docProps/core.xml").decode("utf-8", "replace"))
        title = core.findtext("{*}title")
        code = language(core.findtext("{*}language") or "")
        creator = " ".join((core.findtext("{*}creator") or "").split())
    no_pictures = mammoth.images.img_element(lambda image: {"src": "", "alt": image.alt_text or ""})
    html = mammoth.convert_to_html(_repacked(parts), style_map=_STYLES, convert_image=no_pictures).value
    script = _without_repeated_title(read_as(html, "docx", " ".join((title or "").split()) or None, code))
    return replace(script, facts=(("creator", creator),)) if creator else script


def _repacked(parts: Mapping[str, bytes]) -> io.BytesIO:
    """Return an archive of the parts that were checked, the only ones that the library then finds by any name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    buffer.seek(0)
    return buffer


def _without_repeated_title(script: Script) -> Script:
    """Return a document without a first heading that only repeats its title.

    Its title is the heading that it begins with; an author or a date may stand between the two.
    """
    passages = script.passages
    if not passages or passages[0].kind != "heading":
        return script
    repeated = next(
        (number for number in range(1, len(passages[:_TITLE_PAGE])) if passages[number].kind == "heading"), 0
    )
    if not repeated or _normalize(passages[repeated].text) != _normalize(passages[0].text):
        return script
    left_out = (*script.left_out, LeftOut(f"title again: {passages[repeated].text}", _WHY_AGAIN))
    return replace(script, passages=passages[:repeated] + passages[repeated + 1 :], left_out=left_out)


def _normalize(text: str) -> str:
    return " ".join("".join(character if character.isalnum() else " " for character in text.casefold()).split())
