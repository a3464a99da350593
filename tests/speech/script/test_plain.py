"""What the lines and the blank lines of a plain text mean."""

import pytest

from speech.script import read


def parts(text, **names):
    return [(passage.kind, passage.text) for passage in read(text, "text", **names).passages]


def test_a_short_line_before_a_paragraph_is_a_heading():
    assert parts("Why the Sea Is Salty\n\nEvery summer we went there.") == [
        ("heading", "Why the Sea Is Salty"),
        ("paragraph", "Every summer we went there."),
    ]


@pytest.mark.parametrize("line", ["He left.", "Was it he?", "and then", "He said:", "…"])
def test_a_short_line_that_is_part_of_the_text_is_no_heading(line):
    assert parts(f"{line}\n\nNobody knew.")[0][0] != "heading"


def test_the_last_line_is_no_heading():
    assert parts("He signed the letter with his name.\n\nJohn") == [
        ("paragraph", "He signed the letter with his name."),
        ("paragraph", "John"),
    ]


def test_lines_that_were_wrapped_are_one_paragraph():
    text = (
        "It was a bright cold day in the month of April, and the clocks of\n"
        "the town were striking thirteen while everybody hurried home\n"
        "through the rain.\n\nNobody looked up."
    )
    assert parts(text)[0] == ("paragraph", text.partition("\n\n")[0].replace("\n", " "))


def test_short_lines_that_stand_together_are_verse():
    text = "The moon is out,\nthe night is long,\nand nobody\nremembers the song.\n\nSo it went."
    assert [kind for kind, _ in parts(text)] == ["verse"] * 4 + ["paragraph"]


def test_without_blank_lines_each_line_is_a_paragraph():
    assert parts("One line here.\nAnd another one.") == [
        ("paragraph", "One line here."),
        ("paragraph", "And another one."),
    ]


@pytest.mark.parametrize("signs", ["***", "* * *", "---", "– – –", "#", "⁂"])
def test_a_row_of_signs_is_a_break_between_scenes(signs):
    assert ("scene", "") in parts(f"They slept until noon.\n\n{signs}\n\nThe next day it rained.")


def test_windows_line_ends_mean_the_same():
    text = "A Title\n\nOne paragraph.\n\nAnother one."
    assert parts(text.replace("\n", "\r\n")) == parts(text)
