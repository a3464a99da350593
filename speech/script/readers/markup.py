"""Parsing untrusted HTML and XML: no custom entities, no network access, limited nesting and size."""

from __future__ import annotations

from html.entities import html5
from typing import Any

import regex

from speech.errors import InvalidRequest, Problem

__all__ = ["attribute", "kinds", "language", "name", "parse_html", "parse_xml", "refused"]

_DECLARATION = regex.compile(r"^\s*<\?xml[^>]*\?>")
_ENTITY = regex.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(\w{2,32});")
_NAMESPACES = {
    "xml": "http://www.w3.org/XML/1998/namespace",
    "epub": "http://www.idpf.org/2007/ops",
}
# Catalogues write languages with three letters, in two ways.
_THREE_LETTERS = {
    "eng": "en", "deu": "de", "ger": "de", "fra": "fr", "fre": "fr", "spa": "es", "ita": "it", "por": "pt", "nld": "nl",
    "dut": "nl", "pol": "pl", "rus": "ru", "zho": "zh", "chi": "zh", "jpn": "ja", "lat": "la",
}  # fmt: skip


def parse_html(text: str) -> Any:
    """Parse HTML, whole or a fragment; return its root element.

    Raises:
        InvalidRequest: it is nested too deeply, or one text in it is too long.
    """
    import lxml.html
    from lxml import etree

    # The characters that markup may not hold would end the text for the parser.
    clean = _DECLARATION.sub("", text).replace("\x00", "").encode("utf-8", "replace")
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    try:
        root = lxml.html.document_fromstring(clean, parser=parser, ensure_head_body=True)
    except etree.ParserError:
        # There is no element, and no text.
        return lxml.html.document_fromstring("<html><head></head><body></body></html>")
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise refused("the HTML is nested too deeply, or holds a text of more than 10 MB")
    return root


def parse_xml(text: str) -> Any:
    """Parse XML; return its root element.

    Raises:
        InvalidRequest: it is not well-formed, or declares entities.
    """
    from lxml import etree

    if "<!ENTITY" in text:
        raise refused("the XML declares entities, which are not accepted")
    clean = _ENTITY.sub(_character, _DECLARATION.sub("", text)).strip().encode("utf-8", "replace")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False
    )
    try:
        return etree.fromstring(clean, parser)
    except etree.XMLSyntaxError as fault:
        raise refused(f"the XML is not well-formed: {fault.msg or fault}") from None


def _character(match: regex.Match[str]) -> str:
    """Return what a named entity of HTML means, which XML does not know."""
    characters = html5.get(f"{match[1]};")
    return "".join(f"&#{ord(character)};" for character in characters) if characters else str(match[0])


def refused(reason: str, field: str = "text") -> InvalidRequest:
    """Return the error that refuses a text, or a file."""
    return InvalidRequest([Problem(field, None, "", f"{field}: {reason}")])


def name(node: Any) -> str:
    """Return the name of an element, without its namespace, in lower case; empty for what is no element."""
    return node.tag.rpartition("}")[2].rpartition(":")[2].lower() if isinstance(node.tag, str) else ""


def attribute(node: Any, name: str) -> str:
    """Return an attribute, with or without its namespace, in XML as in HTML."""
    prefix, _, local = name.rpartition(":")
    return node.get(f"{{{_NAMESPACES[prefix]}}}{local}" if prefix else local) or node.get(name) or ""


def kinds(node: Any) -> set[str]:
    """Return what an element says that it is, by epub:type or by its ARIA role."""
    roles = (role.removeprefix("doc-") for role in attribute(node, "role").split())
    return {*attribute(node, "epub:type").split(), *roles}


def language(tag: str) -> str | None:
    """Return the ISO 639-1 code of a language tag, if it has one.

    >>> language("fr-CA"), language("deu"), language("und")
    ('fr', 'de', None)
    """
    from speech.language import check

    code = regex.split("[-_]", tag.strip().lower(), maxsplit=1)[0]
    try:
        return check(_THREE_LETTERS.get(code, code)) if len(code) in (2, 3) else None
    except ValueError:
        return None
