"""Parts of a page are marked, and nothing else about it changes."""

from itertools import count

import pytest
from lxml import etree

from speech.books.overlay.page import Page

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def marked(body, *parts):
    """Mark parts of a page, each given by its text; return the page, and what `wrap` returned, in order."""
    root = etree.fromstring(f"<body {XHTML}>{body}</body>")
    page, ids = Page(root), (f"s{number}" for number in count(1))
    made = [page.wrap(page.text.index(part), page.text.index(part) + len(part), ids) for part in reversed(parts)]
    text = etree.tostring(root, encoding="unicode").removeprefix(f"<body {XHTML}>").removesuffix("</body>")
    assert "".join(etree.fromstring(f"<a>{text}</a>").itertext()) == "".join(
        etree.fromstring(f"<a>{body}</a>").itertext()
    )
    return text, made[::-1]


def test_a_sentence_gets_one_element_with_all_that_is_in_it():
    text, made = marked("<p>One <em>big <b>dog</b></em> ran. Two.</p>", "One big dog ran.", "Two.")
    assert text == '<p><span id="s2">One <em>big <b>dog</b></em> ran.</span> <span id="s1">Two.</span></p>'
    assert made == [[("s2", 16)], [("s1", 4)]]


def test_a_sentence_that_ends_within_an_element_gets_two():
    text, made = marked("<p>One <em>big dog. A cat</em> ran.</p>", "One big dog.", "A cat ran.")
    assert text == (
        '<p><span id="s3">One </span><em><span id="s4">big dog.</span> <span id="s1">A cat</span></em>'
        '<span id="s2"> ran.</span></p>'
    )
    assert made == [[("s3", 4), ("s4", 8)], [("s1", 5), ("s2", 5)]]


@pytest.mark.parametrize(
    "mark", ['<a href="#n1">1</a>', "<!-- here -->", "<?here?>", '<span role="doc-pagebreak">9</span>']
)
def test_what_is_not_read_stays_where_it_was(mark):
    text, _ = marked(f"<p>One{mark} dog.{mark} Two.</p>", "One dog.", "Two.")
    assert text == f'<p><span id="s2">One{mark} dog.</span>{mark} <span id="s1">Two.</span></p>'


def test_no_element_is_put_around_a_paragraph():
    text, _ = marked("<h1>No. 1</h1>\n<p>It began.</p>", "No. 1\n\n\nIt began.")
    assert text == '<h1><span id="s1">No. 1</span></h1>\n<p><span id="s2">It began.</span></p>'


def test_words_are_marked_as_sentences_are():
    text, _ = marked("<p>A <i>b</i> c</p>", "A", "b", "c")
    assert text == '<p><span id="s3">A</span> <span id="s2"><i>b</i></span> <span id="s1">c</span></p>'
