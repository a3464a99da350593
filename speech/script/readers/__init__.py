"""Reading a script from what people write it in; the kind is detected by content, not by name."""

from speech.script.readers.detect import FORMATS, read
from speech.script.readers.document import SUFFIXES, Document, load, open_document
from speech.script.readers.markdown_writer import write

__all__ = ["FORMATS", "SUFFIXES", "Document", "load", "open_document", "read", "write"]
