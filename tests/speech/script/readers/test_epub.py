"""What is spoken of a book."""

import pytest

from speech.errors import InvalidRequest
from speech.script.readers import load
from tests.fakes.documents import epub

FONTS = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData>'
    '<EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'
)


def parts(data):
    return [(passage.kind, passage.text) for passage in load(data).passages]


def entry(target, name, below=""):
    return f'<li><a href="{target}">{name}</a>{f"<ol>{below}</ol>" if below else ""}</li>'


def test_a_book_is_read_page_by_page_in_its_order():
    book = epub({"z.xhtml": "<h1>One</h1><p>First&nbsp;word.</p>", "a.xhtml": "<h1>Two</h1><p>Last.</p>"})
    assert parts(book) == [("heading", "One"), ("paragraph", "First word."), ("heading", "Two"), ("paragraph", "Last.")]
    assert (load(book).format, load(book).title, load(book).language) == ("epub", "The Sea", "en")


def test_names_of_chapters_come_from_the_contents_where_the_page_has_none():
    page = '<p id="one">First.</p><p>More.</p><p id="two">Chapter Two</p><p>Second.</p>'
    page += '<h2 id="three">III</h2><p>Third.</p>'
    contents = entry("p.xhtml", "Book", entry("p.xhtml#two", "Chapter two") + entry("p.xhtml#three", "The Third"))
    script = load(epub({"p.xhtml": page}, contents))
    assert [(each.kind, each.level, each.text) for each in script.passages] == [
        ("heading", 1, "Book"), ("paragraph", 0, "First."), ("paragraph", 0, "More."),
        ("heading", 2, "Chapter Two"), ("paragraph", 0, "Second."), ("heading", 2, "III"), ("paragraph", 0, "Third."),
    ]  # fmt: skip


def test_the_name_of_a_part_without_text_is_kept():
    contents = entry("part.xhtml", "Part One", entry("one.xhtml", "Chapter One"))
    book = epub(
        {"part.xhtml": '<img src="part.png" alt=""/>', "one.xhtml": "<h2>Chapter One</h2><p>First.</p>"}, contents
    )
    assert parts(book) == [("heading", "Part One"), ("heading", "Chapter One"), ("paragraph", "First.")]


@pytest.mark.parametrize(
    "page",
    [
        '<body epub:type="frontmatter"><section epub:type="titlepage"><p>The Sea, by Me</p></section></body>',
        '<body epub:type="colophon"><p>The Sea, by Me</p></body>',
        '<body><section role="doc-endnotes"><p>The Sea, by Me</p></section></body>',
    ],
)
def test_pages_that_nobody_reads_out_are_left_out(page):
    script = load(epub({"t.xhtml": page, "one.xhtml": "<p>First.</p>"}))
    assert script.text == "First."
    assert [each.what.partition(": ")[2] for each in script.left_out] == ["The Sea, by Me"]


HEAD = "<dc:title>The Sea</dc:title><dc:creator>A. Writer</dc:creator><dc:date>1901-05-02</dc:date>"


@pytest.mark.parametrize(
    ("page", "is_left_out"),
    [
        ('<h1 class="title">The Sea</h1><p>by</p><p>A. Writer</p><p>1901</p>', True),
        ("<h1>THE SEA</h1>", True),
        ("<h1>The Sea</h1><p>A. Writer was born in 1901.</p>", False),
        ("<p>A. Writer</p>", False),
    ],
)
def test_a_title_page_that_does_not_say_so_is_known_by_what_the_book_says_of_itself(page, is_left_out):
    script = load(epub({"t.xhtml": page, "one.xhtml": "<p>First.</p>"}, head=HEAD))
    assert (script.text == "First.") is is_left_out
    assert [each.what.partition(":")[0] for each in script.left_out] == ["title page"] * is_left_out


def test_a_book_of_one_page_is_read_though_it_says_no_more_than_its_title():
    assert parts(epub({"t.xhtml": "<h1>The Sea</h1>"}, head=HEAD)) == [("heading", "The Sea")]


def test_landmarks_and_the_order_of_reading_say_what_stands_beside_the_text():
    marks = '<li><a epub:type="copyright-page" href="c.xhtml">Rights</a></li>'
    pages = {"c.xhtml": "<p>All rights.</p>", "one.xhtml": "<p>First.</p>", "extra.xhtml": "<p>A map.</p>"}
    script = load(epub(pages, landmarks=marks, aside=("extra.xhtml",)))
    assert script.text == "First."
    assert [each.what for each in script.left_out] == ["copyright page: All rights.", "page: A map."]


def test_a_role_deep_in_a_page_does_not_silence_the_page():
    page = (
        '<section epub:type="chapter"><p>First.<a epub:type="noteref" href="#n">1</a>'
        '<span epub:type="pagebreak" title="7">7</span></p>'
        '<aside epub:type="footnote" id="n"><p>A note.</p></aside></section>'
    )
    script = load(epub({"one.xhtml": page}))
    assert script.text == "First."
    assert [each.what for each in script.left_out] == ["note: A note.", "1 note mark", "1 page number"]


def test_passages_in_other_languages_say_so():
    book = epub({"one.xhtml": '<p xml:lang="en-US">One.</p><p xml:lang="fr">Deux.</p><p lang="x-none">Three.</p>'})
    assert [passage.language for passage in load(book).passages] == [None, "fr", None]


@pytest.mark.parametrize("page", ["<p>First<br>Second <b>bold", "<p>First &unknown; &nbsp;Second</p></div>"])
def test_a_page_that_is_not_well_formed_is_read_as_html(page):
    assert "First" in load(epub({"one.xhtml": page})).text and "Second" in load(epub({"one.xhtml": page})).text


def test_a_missing_part_is_said():
    script = load(epub({"one.xhtml": "<p>First.</p>"}, more={"EPUB/book.opf": _OPF}))
    assert script.text == "First."
    assert script.notes == ("The book names a part 'EPUB/lost.xhtml' that it does not hold.",)


_OPF = (
    '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest>'
    '<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/>'
    '<item id="b" href="lost.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
)


def test_an_older_book_has_its_contents_in_another_form():
    ncx = (
        '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint><navLabel><text>Chapter One</text>'
        '</navLabel><content src="one.xhtml"/></navPoint></navMap></ncx>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest>'
        '<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>'
        '<spine toc="n"><itemref idref="a"/></spine></package>'
    )
    book = epub({"one.xhtml": "<p>First.</p>"}, more={"EPUB/book.opf": package, "EPUB/toc.ncx": ncx})
    assert parts(book) == [("heading", "Chapter One"), ("paragraph", "First.")]


def test_a_protected_book_is_refused():
    locked = FONTS.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    for more in ({"META-INF/encryption.xml": locked}, {"META-INF/rights.xml": "<rights/>"}):
        with pytest.raises(InvalidRequest, match=r"mine\.epub cannot be read: it is protected against copying \(DRM\)"):
            load(epub({"one.xhtml": "<p>First.</p>"}, more=more), "mine.epub")


def test_veiled_fonts_are_no_protection():
    veiled = FONTS.format("http://www.idpf.org/2008/embedding")
    assert load(epub({"one.xhtml": "<p>First.</p>"}, more={"META-INF/encryption.xml": veiled})).text == "First."


@pytest.mark.service
def test_a_note_tells_of_the_pages_that_are_too_many():
    pages = {f"{number}.xhtml": f"<p>Page {number}.</p>" for number in range(5_002)}
    script = load(epub(pages))
    assert "Page 4999." in script.text and "Page 5000." not in script.text
    assert any("The 2 pages after the first 5000" in note for note in script.notes)
