"""What a book consists of: chapters by its table of contents or by its headings, and ids that survive edits."""

import shutil
import subprocess

import pytest

from speech.books.book import read_book, script_of
from speech.script.readers import write
from tests.conftest import needed
from tests.fakes.documents import docx, epub
from tests.scripts import ALICE

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
HEAD = "<dc:title>The Sea</dc:title><dc:creator>A. Writer</dc:creator><dc:creator>B. Other</dc:creator>"


def entry(target, name, below=""):
    return f'<li><a href="{target}">{name}</a>{f"<ol>{below}</ol>" if below else ""}</li>'


def read(data):
    return read_book(data, "The file", "Untitled")


def chapters(data):
    return [
        (chapter.level, chapter.title, *(each.text for each in chapter.passages)) for chapter in read(data).chapters
    ]


def test_a_chapter_begins_where_the_contents_say_down_to_places_within_a_file():
    page = (
        '<p id="c1">It was dark.</p><h3>No chapter</h3><p>Still dark.</p><h2><a id="c2"></a>II</h2><p>Light.</p>'
        '<p>A note.<a epub:type="noteref" href="#n">1</a></p><span epub:type="pagebreak" id="p9">9</span>'
        '<div id="two"><p>More light.</p></div><aside epub:type="footnote" id="n"><p>The note.</p></aside>'
    )
    contents = entry("p.xhtml#c1", "Night", entry("p.xhtml#c2", "Morning")) + entry("p.xhtml#two", "Noon")
    assert chapters(epub({"p.xhtml": page}, contents)) == [
        (1, "Night", "Night", "It was dark.", "No chapter", "Still dark."),
        (2, "Morning", "II", "Light.", "A note."),
        (1, "Noon", "Noon", "More light."),
    ]


def test_the_files_of_a_book_are_no_chapters():
    book = epub({"1.xhtml": "<h1>One</h1><p>First.</p>", "2.xhtml": "<p>Second.</p>"}, entry("1.xhtml", "One"))
    assert chapters(book) == [(1, "One", "One", "First.", "Second.")]


def test_a_passage_knows_the_file_that_holds_it():
    book = epub({"1.xhtml": "<h1>One</h1>", "2.xhtml": "<p>Second.</p>"}, entry("1.xhtml", "One"))
    assert [each.part for each in read(book).passages] == ["EPUB/1.xhtml", "EPUB/2.xhtml"]


def test_what_a_book_says_of_itself_is_kept_with_its_cover():
    cover = '<meta name="cover" content="c"/>'
    data = epub({"1.xhtml": "<p>First.</p>"}, head=HEAD + cover)
    assert (read(data).authors, read(data).cover) == (("A. Writer", "B. Other"), None)
    package = '<item id="c" href="c.png" media-type="image/png"/>'
    data = epub({"1.xhtml": "<p>First.</p>"}, head=HEAD + cover, manifest=package, more={"EPUB/c.png": PNG})
    assert read(data).cover == PNG


def test_without_contents_headings_divide_a_book():
    text = "# The Sea\n\nBy me.\n\n## One\n\nFirst.\n\n### Deeper\n\nMore.\n\n## Two\n\nSecond.\n"
    assert chapters(text.encode()) == [
        (1, "The Sea", "The Sea", "By me."),
        (2, "One", "One", "First.", "Deeper", "More."),
        (2, "Two", "Two", "Second."),
    ]


def test_the_names_of_parts_do_not_hide_the_chapters_in_them():
    text = "# Part 1\n\n## A\n\nFirst.\n\n# Part 2\n\n## B\n\nSecond.\n"
    assert [each[1] for each in chapters(text.encode())] == ["Part 1", "A", "Part 2", "B"]


def test_nor_do_pages_before_and_after_the_parts():
    text = (
        "# Dedication\n\nFor you.\n\n# Part 1\n\n## A\n\nThe first of them.\n\n# Part 2\n\n## B\n\nThe second of them."
        "\n\n# Afterword\n\nThanks.\n"
    )
    assert [each[1] for each in chapters(text.encode())] == ["Dedication", "Part 1", "A", "Part 2", "B", "Afterword"]


def test_a_chapter_that_begins_with_a_section_does_not_divide_the_others():
    text = "# A\n\n## Early\n\nFirst.\n\n# B\n\nA long second.\n\n## Late\n\nMore of it.\n\n# C\n\nA third.\n"
    assert [each[1] for each in chapters(text.encode())] == ["A", "B", "C"]


def test_a_word_document_is_divided_by_its_headings():
    heading = '<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>{}</w:t></w:r></w:p>'
    text = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    body = heading.format("One") + text.format("First.") + heading.format("Two") + text.format("Second.")
    data = docx(body, core="<dc:creator>A. Writer</dc:creator>")
    assert chapters(data) == [(1, "One", "One", "First."), (1, "Two", "Two", "Second.")]
    assert read(data).authors == ("A. Writer",)


def test_what_stands_before_the_first_chapter_has_the_title_of_the_book():
    text = "---\ntitle: Salt\n---\n\nFor you.\n\n# One\n\nFirst.\n\n# Two\n\nSecond.\n"
    assert [each[1] for each in chapters(text.encode())] == ["Salt", "One", "Two"]


def test_the_first_of_many_chapters_does_not_give_the_book_its_title():
    assert read(b"# One\n\nFirst.\n\n# Two\n\nSecond.\n").title == "Untitled"
    assert read(b"# Salt\n\n## One\n\nFirst.\n\n## Two\n\nSecond.\n").title == "Salt"


def test_ids_stay_the_same_when_other_passages_change():
    text = "Yes.\n\nNo.\n\nYes.\n\nPerhaps."
    before, after = ([*read(each.encode()).chapters[0].ids] for each in (text, text.replace("No.", "Never.")))
    assert len(set(before)) == 4
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, True, True]


def test_a_book_written_as_markdown_has_the_same_chapters_and_passages():
    page = '<h2 id="c1">Night</h2><p>It was dark.</p><h1>No chapter</h1><p>Dark.</p><h2 id="c2">Day</h2><p>Light.</p>'
    contents = entry("p.xhtml#c1", "Night", entry("p.xhtml#c2", "Day"))
    book = read(epub({"p.xhtml": page}, contents, head=HEAD))
    again = read(write(script_of(book)).encode())
    assert [(each.title, each.level) for each in again.chapters] == [("Night", 1), ("Day", 2)]
    assert [each.text for each in again.passages] == [each.text for each in book.passages]
    assert [each.ids for each in again.chapters] == [each.ids for each in book.chapters]
    assert (again.title, again.authors) == ("The Sea", ("A. Writer, B. Other",))


@pytest.mark.service
def test_a_book_made_by_pandoc_has_its_chapters(tmp_path):
    if shutil.which("pandoc") is None:
        needed("pandoc is needed: apt-get install --no-install-recommends pandoc")
    text = "---\ntitle: Alice\nauthor: Lewis Carroll\nlang: en\n---\n\n# One\n\n"
    text += f"{ALICE}[^1]\n\n## Inner\n\nMore.\n\n# Two\n\nEnd.\n\n[^1]: A note.\n"
    subprocess.run(["pandoc", "-f", "markdown", "-o", tmp_path / "a.epub"], input=text.encode(), check=True)
    book = read((tmp_path / "a.epub").read_bytes())
    assert [(each.level, each.title) for each in book.chapters] == [(1, "One"), (2, "Inner"), (1, "Two")]
    assert (book.authors, book.language) == (("Lewis Carroll",), "en")
    assert any("A note." in each.what for each in book.left_out)
