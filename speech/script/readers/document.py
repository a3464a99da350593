"""Reading files: books, documents, subtitles and texts, whose kind is detected by their content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import regex

from speech.errors import InvalidRequest, Problem, SpeechError
from speech.script.passage import Script
from speech.script.readers.archive import Archive
from speech.script.readers.detect import detect, parse
from speech.script.readers.encodings import decode
from speech.script.readers.markup import refused
from speech.script.readers.unsupported import unsupported_type
from speech.text import has_words

__all__ = ["ACCEPTED", "SUFFIXES", "Document", "load", "open_document"]

ACCEPTED = "text, Markdown, HTML, SSML, EPUB, Word (DOCX), PDF, SRT or WebVTT"
SUFFIXES = (".txt", ".md", ".markdown", ".html", ".htm", ".ssml", ".epub", ".docx", ".pdf", ".srt", ".vtt")
"""How the names of readable files end."""

_XML = regex.compile(r"\s*<\?xml\b")
_ROOT = regex.compile(r"<([A-Za-z][\w.:-]{0,40})")


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read.

    Attributes:
        script: its passages; directions in it are not yet carried out, and there may be line breaks in its passages.
        text: the document as it travels in a request: plain text and SSML as they are, all else as Markdown.
        kind: the format of that text; None if a reader detects the same as was detected here.
    """

    script: Script
    text: str
    kind: str | None


def load(data: bytes, name: str | None = None, kind: str | None = None) -> Script:
    """Read a file; see `open_document`."""
    return open_document(data, name, kind).script


def open_document(data: bytes, name: str | None = None, kind: str | None = None) -> Document:
    """Read a file, whatever it is.

    Args:
        name: what messages call it.
        kind: how a text is written, one of `speech.script.readers.FORMATS`; None to detect it.

    Raises:
        InvalidRequest: it cannot be read; the text says what it looks like, and what is accepted.
    """
    label = name or "The file"
    try:
        return _open(data, kind)
    except InvalidRequest as fault:
        raise InvalidRequest([_with_name(problem, label) for problem in fault.problems]) from None
    except SpeechError:
        raise
    except Exception as fault:
        # The libraries raise whatever they stumble over in a damaged file.
        message = f"{label} cannot be read: it is damaged, or nested too deeply ({type(fault).__name__})."
        raise InvalidRequest([Problem("file", None, "", message)]) from fault


def _open(data: bytes, kind: str | None) -> Document:
    from speech.script.readers.markdown_writer import write

    text = None if (binary := _binary(data)) else decode(data)
    if text is None:
        assert binary
        script = binary()
    else:
        script = _text(text[0], kind)
        script = replace(script, notes=(*text[1], *script.notes))
    if not has_words(script.text):
        raise refused("it holds no words to speak", "file")
    if text is not None and script.format in ("text", "ssml"):
        return Document(script, text[0], kind)
    return Document(script, write(script), "markdown")


def _binary(data: bytes) -> Callable[[], Script] | None:
    """Return the reader of a binary format; None for a text.

    Raises:
        InvalidRequest: it is of another format.
    """
    from speech.script.readers import docx, epub, pdf

    if b"%PDF-" in data[:1024]:
        return lambda: pdf.read(data)
    if data.startswith(b"PK\x03\x04"):
        archive = Archive(data)
        if epub.CONTAINER in archive:
            return lambda: epub.read(archive)
        if docx.DOCUMENT in archive:
            return lambda: docx.read(archive)
    if kind := unsupported_type(data):
        raise refused(f"it looks like {kind}; accepted are {ACCEPTED}", "file")
    return None


def _text(text: str, kind: str | None) -> Script:
    from speech.script.readers import subtitles

    if kind is None and subtitles.is_subtitles(text):
        return subtitles.read(text)
    kind = kind or detect(text)
    if kind == "text" and _XML.match(text):
        root = _ROOT.search(text)
        element = f" (<{root[1]}>)" if root else ""
        raise refused(f"it looks like XML of another kind{element}; accepted are {ACCEPTED}", "file")
    return parse(text, kind)


def _with_name(problem: Problem, label: str) -> Problem:
    """Return a problem of a file under the name of the file."""
    sentence = str(problem).partition(": ")[2]
    return Problem("file", problem.value, problem.accepted, f"{label} cannot be read: {sentence.rstrip('.')}.")
