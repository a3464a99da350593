"""What is spoken of a Word document."""

import io
import zipfile

import pytest

from speech.errors import InvalidRequest
from speech.script.readers import load
from tests.fakes.documents import docx, zipped


def paragraph(text, style=None):
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{styled}<w:r><w:t>{text}</w:t></w:r></w:p>"


def unpacked(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def docx_body(text):
    return unpacked(docx(paragraph(text)))["word/document.xml"]


def test_styles_say_what_a_paragraph_is():
    body = (
        paragraph("The Sea", "Title") + paragraph("One", "Heading1") + paragraph("Plain.") + paragraph("Said.", "Quote")
    )
    script = load(docx(body))
    assert [(each.kind, each.text) for each in script.passages] == [
        ("heading", "The Sea"), ("heading", "One"), ("paragraph", "Plain."), ("quotation", "Said."),
    ]  # fmt: skip
    assert (script.format, script.title) == ("docx", "The Sea")


def test_the_properties_of_the_document_name_it():
    script = load(docx(paragraph("Plain."), core="<dc:title>My Sea</dc:title><dc:language>de-DE</dc:language>"))
    assert (script.title, script.language) == ("My Sea", "de")


def test_footnotes_and_tables_are_left_out():
    mark = '<w:p><w:r><w:t>It rained.</w:t></w:r><w:r><w:footnoteReference w:id="1"/></w:r></w:p>'
    cell = "<w:tc><w:p><w:r><w:t>x</w:t></w:r></w:p></w:tc>"
    body = f"{mark}<w:tbl><w:tr>{cell}{cell}</w:tr></w:tbl>"
    script = load(docx(body, notes=f'<w:footnote w:id="1">{paragraph("For a week.")}</w:footnote>'))
    assert script.text == "It rained."
    assert [each.what for each in script.left_out] == ["table: x x", "note: For a week.", "1 note mark"]


def test_lines_broken_in_a_paragraph_are_verse():
    body = "<w:p><w:r><w:t>The moon</w:t><w:br/><w:t>is out</w:t></w:r></w:p>"
    assert [each.kind for each in load(docx(body)).passages] == ["verse", "verse"]


def test_entities_in_its_xml_are_refused():
    parts = unpacked(docx(paragraph("x")))
    bomb = b'<!DOCTYPE w [<!ENTITY a "ha">]>'
    with pytest.raises(InvalidRequest, match="document type"):
        load(zipped(parts | {"word/document.xml": bomb + parts["word/document.xml"]}))


def test_a_document_type_is_refused_in_any_encoding():
    parts = unpacked(docx(paragraph("x")))
    text = parts["word/document.xml"].decode()
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        bomb = f'<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE w [<!ENTITY a "ha">]>{text.replace("x", "&a;")}'
        with pytest.raises(InvalidRequest, match="document type"):
            load(zipped(parts | {"word/document.xml": bomb.encode(encoding)}))


def test_text_under_another_name_is_not_read_around_the_limits():
    parts = unpacked(docx(paragraph("A short one.")))
    parts["word/evil.bin"] = docx_body("Hello there. " * 200_000)
    parts["_rels/.rels"] = parts["_rels/.rels"].replace(b"word/document.xml", b"word/evil.bin")
    try:
        assert "Hello" not in load(zipped(parts)).text
    except InvalidRequest as refusal:
        assert "cannot be read" in str(refusal)


@pytest.mark.parametrize("between", ["", paragraph("by Ann Reed")])
def test_a_title_that_the_first_heading_repeats_is_spoken_once(between):
    body = paragraph("The Sea", "Title") + between + paragraph("The sea", "Heading1") + paragraph("Plain.")
    script = load(docx(body))
    assert [each.text for each in script.passages if each.kind == "heading"] == ["The Sea"]
    assert [each.what for each in script.left_out] == ["title again: The sea"]


def test_a_later_heading_may_be_called_as_the_title_is():
    body = paragraph("The Sea", "Title") + paragraph("One", "Heading1") + paragraph("The Sea", "Heading1")
    assert [each.text for each in load(docx(body)).passages] == ["The Sea", "One", "The Sea"]
