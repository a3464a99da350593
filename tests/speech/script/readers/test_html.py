"""What is spoken of an HTML page."""

import pytest

from speech.errors import InvalidRequest
from speech.script import read


def parts(text):
    return [(passage.kind, passage.text) for passage in read(text, "html").passages]


def left_out(text):
    return [each.what for each in read(text, "html").left_out]


def test_only_the_text_of_the_page_is_spoken():
    page = """<!doctype html><html lang="en-GB"><head><title>The  Sea</title><style>p {}</style></head><body>
      <nav><a href="/">Home</a></nav><script>let x;</script>
      <main><h1>Why the Sea</h1><p>Every summer&nbsp;we went.<p>Each year, <b>always</b>.</main>
      <form><input value="q"><button>Find</button></form><p hidden>Psst.</p><p style="display: none">Psst.</p>
      <footer>Imprint</footer></body></html>"""
    script = read(page)
    assert parts(page) == [
        ("heading", "Why the Sea"), ("paragraph", "Every summer we went."), ("paragraph", "Each year, always."),
    ]  # fmt: skip
    assert (script.format, script.title, script.language) == ("html", "The Sea", "en")
    assert left_out(page) == [
        "contents: Home", "form: Find", "hidden text: Psst.", "hidden text: Psst.", "page footer: Imprint",
        "1 program or style",
    ]  # fmt: skip


def test_each_thing_that_is_left_out_has_a_reason():
    page = "<p>Words.</p><table><tr><td>1<td>2</table><pre><code>x</code></pre><img src='a/cat.png'><del>no</del>"
    assert all(each.why for each in read(page, "html").left_out)
    assert left_out(page) == ["table: 1 2", "code: x", "picture: cat.png", "crossed-out text: no"]


@pytest.mark.parametrize(
    "mark",
    [
        '<sup><a href="#fn1">1</a></sup>', '<a href="#n" class="footnote-ref">[1]</a>', '<a role="doc-noteref">*</a>',
        '<a href="notes.html#n1">†</a>', "<sup>2</sup>", '<span class="pagenum">[12]</span>',
    ],
)  # fmt: skip
def test_marks_of_notes_and_pages_are_left_out(mark):
    assert parts(f"<p>It rained.{mark} Then it stopped.</p>") == [("paragraph", "It rained. Then it stopped.")]


@pytest.mark.parametrize("text", ["10 m<sup>2</sup>", "x<sup>3</sup>", "the 1<sup>st</sup>", "H<sub>2</sub>O"])
def test_raised_numbers_that_are_no_notes_stay(text):
    [(_, said)] = parts(f"<p>It has {text}.</p>")
    assert said == f"It has {text}.".replace("<sup>", "").replace("</sup>", "").replace("<sub>", "").replace(
        "</sub>", ""
    )


def test_notes_themselves_are_left_out():
    page = '<p>Text.</p><section class="footnotes"><ol><li id="fn1">A note. <a href="#r">↩</a></li></ol></section>'
    assert parts(page) == [("paragraph", "Text.")]
    assert left_out(page) == ["note: A note."]


def test_short_broken_lines_are_verse_and_long_ones_a_paragraph():
    assert parts("<p>The moon is out,<br>the night is long</p>") == [
        ("verse", "The moon is out,"), ("verse", "the night is long"),
    ]  # fmt: skip
    long = "This line is far too long to be a line of verse, whatever it says about the moon."
    assert parts(f"<p>{long}<br>{long}</p>") == [("paragraph", f"{long} {long}")]


@pytest.mark.parametrize(
    "stanza",
    [
        '<div class="poem"><div class="line">The moon</div><div class="line">is out</div></div>',
        '<pre class="verse">The moon\nis out</pre>',
        '<p style="white-space: pre-line">The moon\nis out</p>',
        '<blockquote class="poetry"><p><span>The moon</span><br/><span>is out</span></p></blockquote>',
    ],
)
def test_verse_is_found_by_its_class_and_by_its_lines(stanza):
    passages = read(f"<p>He sang.</p>{stanza}", "html").passages[1:]
    assert [(each.kind, each.text, each.continues) for each in passages] == [
        ("verse", "The moon", False), ("verse", "is out", True),
    ]  # fmt: skip


def test_a_heading_of_two_lines_is_two_headings_of_one_chapter():
    passages = read("<h2>Chapter One<br>The Storm</h2><p>It blew.</p>", "html").passages
    assert [(each.kind, each.text, each.level, each.continues) for each in passages[:2]] == [
        ("heading", "Chapter One", 2, False), ("heading", "The Storm", 2, True),
    ]  # fmt: skip


def test_rows_of_signs_and_rules_are_scenes():
    assert parts("<p>One.</p><p>* * *</p><p>Two.</p><hr><p>Three.</p>")[1::2] == [("scene", "")] * 2


def test_a_table_that_only_arranges_a_page_is_read():
    assert parts("<table><tr><td><p>Dear reader,</p></td></tr><tr><td>hello.</td></tr></table>") == [
        ("paragraph", "Dear reader,"), ("paragraph", "hello."),
    ]  # fmt: skip


def test_a_painted_initial_is_a_letter():
    assert parts('<p><img alt="O" src="o.png">nce upon a time.</p>') == [("paragraph", "Once upon a time.")]


def test_soft_hyphens_and_reading_aids_are_not_spoken():
    assert parts("<p>Donau\u00addampf und <ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>.</p>") == [
        ("paragraph", "Donaudampf und 漢."),
    ]  # fmt: skip


def test_a_page_that_is_nested_without_end_is_refused():
    with pytest.raises(InvalidRequest, match="text: the HTML is nested too deeply"):
        read("<div>" * 5000 + "x", "html")


def test_broken_lines_after_other_text_begin_a_stanza():
    passages = read("<section><div>By</div><div>Hans<br>Andersen</div><div>One<br>Two</div></section>", "html").passages
    assert [each.continues for each in passages] == [False, False, True, False, True]
