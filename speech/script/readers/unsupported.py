"""Recognising files that are not scripts, to name their type in the error."""

from __future__ import annotations

__all__ = ["unsupported_type"]

# What the content begins with, or has at the given place.
_SIGNATURES = (
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"II*\x00", "a TIFF picture"),
    (0, b"MM\x00*", "a TIFF picture"),
    (8, b"WEBP", "a WebP picture"),
    (8, b"WAVE", "a WAV recording"),
    (8, b"AVI ", "an AVI video"),
    (0, b"ID3", "an MP3 recording"),
    (0, b"\xff\xfb", "an MP3 recording"),
    (0, b"\xff\xf3", "an MP3 recording"),
    (0, b"fLaC", "a FLAC recording"),
    (0, b"OggS", "an Ogg recording"),
    (4, b"ftyp", "an MP4 video or recording"),
    (0, b"\x1aE\xdf\xa3", "a Matroska video"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"(\xb5/\xfd", "a Zstandard archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\xd0\xcf\x11\xe0", "an old Office document; save it as DOCX"),
    (0, b"{\\rtf", "an RTF document; save it as DOCX"),
    (60, b"BOOKMOBI", "a Kindle book; convert it to EPUB"),
    (60, b"TPZ", "a Kindle book; convert it to EPUB"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"SQLite format 3", "a database"),
)
# How parts in a ZIP archive are named.
_ZIPPED = (
    (b"application/vnd.oasis.opendocument.text", "an OpenDocument text; save it as DOCX"),
    (b"application/vnd.oasis.opendocument", "an OpenDocument file"),
    (b"xl/workbook", "an Excel sheet"),
    (b"ppt/presentation", "a PowerPoint presentation"),
)


def unsupported_type(data: bytes) -> str | None:
    """Return the type of a file that is not a script; None if it may be one.

    >>> unsupported_type(b"\\x89PNG\\r\\n"), unsupported_type(b"Hello.")
    ('a PNG picture', None)
    """
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return next((kind for part, kind in _ZIPPED if part in data), "a ZIP archive")
    return next((kind for at, mark, kind in _SIGNATURES if data[at : at + len(mark)] == mark), None)
