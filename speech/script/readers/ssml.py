"""Reading SSML, the W3C's Speech Synthesis Markup Language."""

from __future__ import annotations

from speech.script.passage import Script
from speech.script.readers.markup import attribute, language, name, parse_xml, refused
from speech.script.readers.page import Page

__all__ = ["read"]


def read(text: str) -> Script:
    """Read an SSML document.

    Voices, breaks, substitutions, languages, rates and the plainer kinds of <say-as> are honoured; the rest is said in
    the notes.

    Raises:
        InvalidRequest: it is not well-formed or not SSML, or a pause or a rate in it cannot be understood.
    """
    root = parse_xml(text)
    if name(root) != "speak":
        raise refused(f"<{name(root)[:40]}> is not accepted as the outermost element of SSML; expected <speak>")
    code = language(attribute(root, "xml:lang"))
    page = Page(code, is_ssml=True)
    page.read(root)
    return Script(tuple(page.passages), "ssml", None, code, page.left_out, tuple(page.notes))
