"""What is guessed of a PDF."""

import pytest

from speech.errors import InvalidRequest
from speech.script.readers import load
from tests.fakes.pdf import pdf

pytestmark = pytest.mark.service

BODY = [
    "It was a bright cold day in the month of April and",
    "the clocks of the town were striking thirteen while all of",
]


def lines(*texts, top=540, left=50, size=11, pitch=14):
    return [(left, top - pitch * number, size, text) for number, text in enumerate(texts)]


def parts(data):
    return [(passage.kind, passage.text.replace("\n", " ")) for passage in load(data).passages]


def test_lines_are_joined_to_paragraphs():
    page = lines(*BODY, "them hurried home.", "Nobody looked up, since nobody had any time to do so on", "that day.")
    assert parts(pdf([page])) == [
        ("paragraph", f"{' '.join(BODY)} them hurried home."),
        ("paragraph", "Nobody looked up, since nobody had any time to do so on that day."),
    ]


def test_an_indent_or_a_gap_begins_a_paragraph():
    indented = lines(*BODY, left=50) + lines(
        "Nobody looked up, since nobody had any time to do so at all", left=65, top=512
    )
    apart = lines(*BODY) + lines("Nobody looked up, since nobody had any time to do so at all", top=480)
    assert len(parts(pdf([indented]))) == len(parts(pdf([apart]))) == 2


def test_words_divided_at_the_end_of_a_line_are_whole_again():
    page = lines(
        "It was a bright cold day in the month of the hyphen-", "ated words, and of well-", "known ones, and so on."
    )
    page += lines("The well-known words and others.", top=450)
    assert (
        parts(pdf([page]))[0][1]
        == "It was a bright cold day in the month of the hyphenated words, and of well-known ones, and so on."
    )


def test_larger_lines_and_those_of_the_outline_are_headings():
    page = lines("Chapter One", size=18, top=560) + lines(*BODY) + lines("Aftermath", *BODY, top=460)
    made = load(pdf([page], [("Aftermath", 0)], "The Sea"))
    assert [(each.kind, each.text) for each in made.passages if each.kind == "heading"] == [
        ("heading", "Chapter One"), ("heading", "Aftermath"),
    ]  # fmt: skip
    assert made.title == "The Sea"


def test_running_heads_and_page_numbers_are_left_out():
    words = ["one", "two", "three", "four"]
    pages = [
        [
            (150, 570, 9, f"THE SEA {number + 1}"),
            *lines(
                f"On day {word} it was bright and cold in the", f"month of {word}, and the clocks", f"struck {word}."
            ),
            (200, 30, 9, f"- {number + 1} -"),
        ]
        for number, word in enumerate(words)
    ]
    script = load(pdf(pages))
    assert "SEA" not in script.text and "-" not in script.text
    assert [each.what for each in script.left_out] == ["running head: THE SEA 1", "4 page numbers"]


def test_a_paragraph_goes_on_over_the_page():
    first, second = "It was a bright cold day in the month of April, and", "the clocks were striking."
    assert parts(pdf([lines(first), lines(second, top=560)])) == [("paragraph", f"{first} {second}")]


def test_it_says_that_it_is_a_guess():
    assert "guessed" in load(pdf([lines("Hello there.")])).notes[0]


def test_a_scan_and_a_damaged_file_are_refused():
    with pytest.raises(InvalidRequest, match=r"scan\.pdf cannot be read: it is a PDF without text"):
        load(pdf([[]]), "scan.pdf")
    with pytest.raises(InvalidRequest, match="it is a damaged PDF"):
        load(b"%PDF-1.7 and nothing more")


def nested(depth):
    """A page whose drawing calls another ten times, which calls another ten times, and so on."""
    resources = b"/Resources<</XObject<</X %d 0 R>>>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R" + resources % 5 + b">>",
        b"<</Length 60>>stream\n" + b"/X Do " * 10 + b"\nendstream",
    ]
    for level in range(depth):
        drawn = b"0 0 m 1 1 l S" if level == depth - 1 else b"/X Do " * 10
        form = b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]" + resources % (6 + level)
        objects.append(form + b"/Length %d>>stream\n%s\nendstream" % (len(drawn), drawn))
    made = b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(objects, 1))
    return made + b"trailer<</Size %d/Root 1 0 R>>\n%%%%EOF" % (len(objects) + 1)


def test_a_small_file_that_would_fill_the_memory_is_refused():
    with pytest.raises(InvalidRequest, match="1 GB of memory"):
        load(nested(7))
    with pytest.raises(InvalidRequest, match="without text"):
        load(nested(1))
