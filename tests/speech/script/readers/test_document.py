"""Files of every kind are recognised by their content; what cannot be read is refused with a sentence."""

import io
import tarfile
import zipfile

import pytest

from speech.errors import InvalidRequest
from speech.script.readers import load, open_document, read
from tests.fakes.documents import docx, epub, zipped
from tests.scripts import EFFI, SPOSI, SWANN

UMLAUTS = "Die Bäume blühten über den Hügeln, und alle freuten sich sehr."


@pytest.mark.parametrize(
    ("data", "note"),
    [
        (UMLAUTS.encode(), None),
        (b"\xef\xbb\xbf" + UMLAUTS.encode(), None),
        (UMLAUTS.encode("utf-16"), None),
        (b"\xfe\xff" + UMLAUTS.encode("utf-16-be"), None),
        (UMLAUTS.encode("utf-16-le"), "no byte order mark; it was read as UTF-16-LE"),
        (UMLAUTS.encode("utf-16-be"), "no byte order mark; it was read as UTF-16-BE"),
        (UMLAUTS.encode("utf-32"), None),
        (UMLAUTS.encode("latin-1"), "not UTF-8; it was read as Windows-1252"),
    ],
)
def test_a_text_is_read_in_its_encoding_and_what_was_assumed_is_said(data, note):
    script = load(data)
    assert script.text == UMLAUTS
    assert len(script.notes) == bool(note) and (not note or note in script.notes[0])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (EFFI, "cp1252"), (SWANN + " « Déjà », cœur — “été”", "cp1252"), (SPOSI, "latin-1"),
        ("schön", "cp1252"), ("Grüße aus Köln.", "cp1252"),
        ("Ещё в полдень ничего не предвещало беды, но к вечеру поднялся сильный ветер и пошёл дождь.", "cp1251"),
        ("Zażółć gęślą jaźń, powiedział stary człowiek i zamknął drzwi, żeby nikt go nie słyszał.", "cp1250"),
        ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。", "cp932"),
    ],
)  # fmt: skip
def test_old_encodings_are_found(text, encoding):
    assert load(text.encode(encoding)).text == text


@pytest.mark.parametrize(
    ("data", "sort"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a PNG picture"),
        (b"\xff\xd8\xff\xe0\x00", "a JPEG picture"),
        (b"\x7fELF\x02\x01", "a program"),
        (b"\x1f\x8b\x08\x00", "a gzip archive"),
        (b"ID3\x04\x00", "an MP3 recording"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "a WAV recording"),
        (b"\x00\x00\x00\x20ftypM4A ", "an MP4 video or recording"),
        (b"{\\rtf1 Hello}", "an RTF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Office document"),
        (b"\x00" * 60 + b"BOOKMOBI", "a Kindle book"),
        (zipped({"a.txt": "Hello."}), "a ZIP archive"),
        (zipped({"xl/workbook.xml": "<x/>"}), "an Excel sheet"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "a ZIP archive"),
        (b'<?xml version="1.0"?><FictionBook>Hello there.</FictionBook>', "XML of another kind (<FictionBook>)"),
    ],
)
def test_what_is_no_script_is_refused_by_what_it_looks_like(data, sort):
    with pytest.raises(InvalidRequest) as refusal:
        load(data, "mine.bin")
    assert str(refusal.value).startswith(f"mine.bin cannot be read: it looks like {sort}")
    assert str(refusal.value).endswith(
        "accepted are text, Markdown, HTML, SSML, EPUB, Word (DOCX), PDF, SRT or WebVTT."
    )
    assert refusal.value.problems[0].field == "file"


def test_a_tar_archive_is_one_as_well():
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(InvalidRequest, match="a tar archive"):
        load(made.getvalue())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it holds no words"), (b" \n*** ", "it holds no words"), (b"a\x00b", r"character 2 is U\+0000"),
        (bytes(range(1, 32)) * 9, "it is not text"), (b"\xff\xfea", "it begins as UTF-16 text, but is none"),
        (b"# \n\n```\nls\n```\n", "it holds no words"), (b"<speak>", "The file cannot be read: the XML is not well"),
    ],
)  # fmt: skip
def test_what_holds_no_words_is_refused(data, reason):
    with pytest.raises(InvalidRequest, match=reason):
        load(data)


def test_archives_that_swell_are_refused():
    bomb = epub({"one.xhtml": "<p>First.</p>"}, more={"EPUB/one.xhtml": b"<p>" + b" " * 50_000_000})
    with pytest.raises(InvalidRequest, match="would unpack to 50 MB of nothing"):
        load(bomb)
    with pytest.raises(InvalidRequest, match="would unpack to"):
        load(docx("<w:p/>" * 2_000_000))


def test_many_parts_together_may_not_swell_either():
    noise = "".join(chr(0x4E00 + (number * 7919) % 20000) for number in range(400_000))  # 1.2 MB
    pages = {f"{number}.xhtml": f"<p>{noise[number:]}</p>" for number in range(30)}
    with pytest.raises(InvalidRequest, match="its text has more than 30 MB"):
        load(epub(pages))


def test_too_many_parts_are_refused():
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(20_001):
            archive.writestr(f"{number}", b"")
    with pytest.raises(InvalidRequest, match="20001 parts"):
        load(made.getvalue())


def test_text_and_ssml_travel_as_they_are_and_all_else_as_markdown():
    assert (open_document(b"Hello *there*.").text, open_document(b"Hello *there*.").kind) == ("Hello *there*.", None)
    ssml = '<speak>Hello <voice name="alice">there</voice></speak>'
    assert open_document(ssml.encode()).text == ssml
    book = open_document(epub({"one.xhtml": "<h1>One</h1><p>First *word*.</p>"}))
    assert (book.text, book.kind) == ("---\ntitle: The Sea\nlang: en\n---\n\n# One\n\nFirst \\*word\\*.\n", "markdown")
    assert read(book.text, book.kind).passages == book.script.passages


def test_the_kind_of_a_text_may_be_given():
    assert [each.kind for each in load(b"* one\n* two", kind="markdown").passages] == ["item", "item"]
    assert load(b"**Stars** everywhere", kind="text").text == "**Stars** everywhere"
