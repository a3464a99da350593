"""Small books and Word documents, made on the spot."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

__all__ = ["CONTAINER", "docx", "epub", "zipped"]

CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" '
    'xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
    '<rootfiles><rootfile full-path="EPUB/book.opf" '
    'media-type="application/oebps-package+xml"/></rootfiles></container>'
)
_XHTML = 'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>'
)
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """Make a ZIP archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def epub(
    pages: Mapping[str, str],
    contents: str = "",
    *,
    head: str = "<dc:title>The Sea</dc:title><dc:language>en-GB</dc:language>",
    landmarks: str = "",
    aside: tuple[str, ...] = (),
    manifest: str = "",
    more: Mapping[str, str] | None = None,
) -> bytes:
    """Make an EPUB 3 book.

    Args:
        pages: the bodies of its pages by their names, in the order of reading.
        contents: list items of the table of contents; landmarks: those of the landmarks.
        aside: the pages that do not belong to the main line.
        manifest: items for other parts.
        more: other parts, by their names.
    """
    items = "".join(
        f'<item id="p{number}" href="{name}" media-type="application/xhtml+xml"/>' for number, name in enumerate(pages)
    )
    spine = "".join(
        f'<itemref idref="p{number}"{" linear=" + repr("no") if name in aside else ""}/>'
        for number, name in enumerate(pages)
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/">{head}</metadata><manifest>'
        f'<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>{items}{manifest}'
        "</manifest>"
        f"<spine>{spine}</spine></package>"
    )
    nav = (
        f'<html {_XHTML}><body><nav epub:type="toc"><ol>{contents}</ol></nav>'
        f'<nav epub:type="landmarks"><ol>{landmarks}</ol></nav></body></html>'
    )
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "EPUB/book.opf": package,
        "EPUB/nav.xhtml": nav,
    }
    for name, body in pages.items():
        whole = body if "<body" in body else f"<body>{body}</body>"
        parts[f"EPUB/{name}"] = f'<?xml version="1.0"?><html {_XHTML}><head><title/></head>{whole}</html>'
    return zipped({**parts, **(more or {})})


def docx(body: str, *, notes: str = "", core: str = "") -> bytes:
    """Make a Word document; body, notes and core are the XML within the outermost elements."""
    namespaces = f'xmlns:w="{_WORD}" xmlns:r="{_OFFICE}"'
    names = {"Heading1": "heading 1", "Title": "Title", "Quote": "Quote", "Verse": "Verse"}
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{key}"><w:name w:val="{name}"/></w:style>'
        for key, name in names.items()
    )
    relations = {
        "_rels/.rels": f'<Relationship Id="a" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>',
        "word/_rels/document.xml.rels": f'<Relationship Id="b" Type="{_OFFICE}/footnotes" Target="footnotes.xml"/>'
        f'<Relationship Id="c" Type="{_OFFICE}/styles" Target="styles.xml"/>',
    }
    parts = {name: f'<Relationships xmlns="{_RELATIONS}">{each}</Relationships>' for name, each in relations.items()}
    parts |= {
        "[Content_Types].xml": _TYPES,
        "word/document.xml": f"<w:document {namespaces}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": f"<w:styles {namespaces}>{styles}</w:styles>",
        "word/footnotes.xml": f"<w:footnotes {namespaces}>{notes}</w:footnotes>",
        "docProps/core.xml": '<cp:coreProperties xmlns:cp="x" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"{core}</cp:coreProperties>",
    }
    return zipped(parts)
