"""Text from bytes: the encoding is found in the byte order mark, a declaration, or the letters."""

from __future__ import annotations

import codecs

import regex

from speech.script.readers.markup import refused

__all__ = ["decode"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = regex.compile(rb"""(?:<\?xml[^>]{0,80}encoding|<meta[^>]{0,200}charset)\s*=\s*["']?\s*([\w-]{3,20})""")
# The encodings of old text files; the many others that there are only make guesses worse.
_OLD = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "cp932", "euc_jp",
    "gb18030", "big5", "cp949",
]  # fmt: skip
_NAMES = {"cp1252": "Windows-1252 (Latin-1)", "cp932": "Shift JIS", "gb18030": "GB 18030", "cp949": "EUC-KR"}
_CONTROL = regex.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# Western letters with accents, and the characters that typesetters use: what high bytes mean in most old files.
_WESTERN = regex.compile("[ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüÿœŒ‘’“”„–—…«»¡¿°§£€·\u00a0]")
_MOST_CONTROLS = 0.1
# Other scripts need high bytes for nearly every letter.
_MOST_WESTERN = 0.3


def decode(data: bytes) -> tuple[str, list[str]]:
    """Return the text of bytes, and what was assumed to read it.

    Raises:
        InvalidRequest: they are no text.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            text = _strictly(data, "utf-8-sig" if name == "utf-8" else name)
            if text is None:
                raise refused(f"it begins as {name.upper()} text, but is none", "file")
            return _checked(text), []
    if (decoded := _without_mark(data)) is not None:
        name, text = decoded
        return _checked(text), [f"The text has no byte order mark; it was read as {name}."]
    text = _strictly(data, "utf-8")
    if text is not None:
        return _checked(text), []
    name, text = _guess(data)
    label = _NAMES.get(name, name.replace("cp125", "Windows-125"))
    return _checked(text), [f"The text is not UTF-8; it was read as {label}."]


def _strictly(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _without_mark(data: bytes) -> tuple[str, str] | None:
    """Recognise UTF-16 by its zeros: every second byte of Western text."""
    sample = data[: 4000 // 2 * 2]
    if len(data) % 2 or len(sample) < 4:
        return None
    for name, zeros, letters in (("utf-16-le", sample[1::2], sample[::2]), ("utf-16-be", sample[::2], sample[1::2])):
        if zeros.count(0) > len(zeros) * 0.4 and letters.count(0) < len(letters) * 0.02:
            text = _strictly(data, name)
            return (name.upper(), text) if text is not None else None
    return None


def _guess(data: bytes) -> tuple[str, str]:
    declared = _DECLARED.search(data[:2000])
    if declared and (text := _strictly(data, declared[1].decode())) is not None:
        return declared[1].decode(), text
    western = _strictly(data, "cp1252")
    high = sum(byte > 127 for byte in data)
    if western is not None and len(_WESTERN.findall(western)) == high and high < len(data) * _MOST_WESTERN:
        return "cp1252", western
    from charset_normalizer import from_bytes

    best = from_bytes(data[:200_000], cp_isolation=_OLD).best()
    if best is not None and (text := _strictly(data, best.encoding)) is not None:
        return best.encoding, text
    return "cp1252", data.decode("cp1252", "replace")


def _checked(text: str) -> str:
    controls = _CONTROL.search(text)
    if controls and ("\x00" in text or len(_CONTROL.findall(text)) > len(text) * _MOST_CONTROLS):
        raise refused(f"it is not text: character {controls.start() + 1} is U+{ord(controls[0]):04X}", "file")
    return text
