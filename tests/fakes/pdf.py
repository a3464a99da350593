"""A small writer of PDF files: lines of text at places on pages, and an outline."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["pdf"]

Line = tuple[float, float, float, str]
"""Left, bottom, size of the letters, text."""


def pdf(pages: Sequence[Sequence[Line]], outline: Sequence[tuple[str, int]] = (), title: str = "") -> bytes:
    """Make a PDF of A5 pages in Helvetica; the outline has names and the numbers of pages, from 0."""
    first = 4
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    marks = first + 2 * len(pages)
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {f'/Outlines {marks} 0 R' if outline else ''} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        drawn = "".join(f"BT /F1 {size} Tf {x} {y} Td ({_text(text)}) Tj ET\n" for x, y, size, text in lines)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents {first + 2 * number + 1} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(drawn.encode('cp1252'))} >>\nstream\n{drawn}endstream")
    if outline:
        count = len(outline)
        objects.append(f"<< /Type /Outlines /First {marks + 1} 0 R /Last {marks + count} 0 R /Count {count} >>")
        for number, (name, page) in enumerate(outline):
            beside = f"/Prev {marks + number} 0 R " if number else ""
            beside += f"/Next {marks + number + 2} 0 R " if number + 1 < count else ""
            target = f"/Dest [{first + 2 * page} 0 R /Fit]"
            objects.append(f"<< /Title ({_text(name)}) /Parent {marks} 0 R {beside}{target} >>")
    objects.append(f"<< /Title ({_text(title)}) >>")
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(made))
        made += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>"
    return (
        made + f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(made)}\n%%EOF".encode()
    )


def _text(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
