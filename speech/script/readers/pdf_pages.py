"""The process that reads PDFs with pdfium, which nothing bounds from within: `speech.processes` does, from outside.

It is run as a module. It reads a PDF from standard input, and answers with JSON: `{"refused": "what is wrong"}`, or
`lines`, each with its text, page, left edge, bottom, size, and whether its last word is divided; `outline`, of pages,
names and levels; and the `title`.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

import regex

__all__ = ["DIVIDED"]

DIVIDED = "\ufffe"
"""What pdfium puts where a word was divided at the end of a line."""

_MOST_PAGES, _MOST_CHARS = 5_000, 20_000_000
_PARTS = regex.compile(f"(\r\n|{DIVIDED})")

_Line = tuple[str, int, float, float, float, bool]


def _answer(data: bytes) -> dict[str, Any]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as fault:
        is_locked = "password" in str(fault).lower()
        return {"refused": "it is locked with a password; remove that first" if is_locked else "it is a damaged PDF"}
    if len(document) > _MOST_PAGES:
        return {"refused": f"it has {len(document)} pages; at most {_MOST_PAGES} are read"}
    lines: list[_Line] = []
    chars = 0
    for number in range(len(document)):
        page_lines = [*_lines(document[number], number)]
        lines += page_lines
        chars += sum(len(line[0]) for line in page_lines)
        if chars > _MOST_CHARS:
            return {"refused": f"it has more than {_MOST_CHARS / 1e6:.0f} million characters"}
    outline = []
    for mark in itertools.islice(document.get_toc(), 10_000):
        target = mark.get_dest()
        if target is not None and target.get_index() is not None:
            outline.append((target.get_index(), mark.get_title(), min(mark.level + 1, 6)))
    return {"lines": lines, "outline": outline, "title": document.get_metadata_dict().get("Title") or ""}


def _lines(page: Any, number: int) -> Iterator[_Line]:
    import pypdfium2.raw as raw

    content = page.get_textpage()
    try:
        text, at = content.get_text_range(), 0
        count = content.count_chars()
        parts = _PARTS.split(text)
        for part, following in zip(parts, [*parts[1:], ""], strict=True):
            index = at + next((offset for offset, char in enumerate(part) if not char.isspace()), 0)
            # Places are counted in UTF-16.
            at += len(part.encode("utf-16-le", "surrogatepass")) // 2
            if not part.strip() or part == DIVIDED or index >= count:
                continue
            # Loose boxes of one font have one height, whatever the letter.
            left, bottom, *_ = content.get_charbox(index, loose=True)
            size = round(raw.FPDFText_GetFontSize(content, index), 1)
            yield part, number, left, bottom, size, following == DIVIDED
    finally:
        content.close()
        page.close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(sys.stdin.buffer.read())))
