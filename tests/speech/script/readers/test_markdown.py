"""What is spoken of a Markdown text."""

import pytest

from speech.script import read

CAST = ("Alice", "Bob")


def parts(text, **names):
    return [(passage.kind, passage.text) for passage in read(text, "markdown", **names).passages]


def left_out(text):
    return [each.what for each in read(text, "markdown").left_out]


def test_signs_are_not_spoken():
    text = "Some **bold** and *leaning* words, `code` too, and [a link](https://example.org/a)."
    assert parts(text) == [("paragraph", "Some bold and leaning words, code too, and a link.")]
    assert left_out(text) == ["1 link address"]


def test_headings_items_quotations_and_scenes_are_told_apart():
    text = "# One\n\n### Three\n\n- first\n- second\n\n1. third\n\n> A word.\n\n***\n\nThe end."
    assert parts(text) == [
        ("heading", "One"), ("heading", "Three"), ("item", "first"), ("item", "second"), ("item", "third"),
        ("quotation", "A word."), ("scene", ""), ("paragraph", "The end."),
    ]  # fmt: skip
    assert [passage.level for passage in read(text, "markdown").passages][:2] == [1, 3]


def test_lines_that_end_with_a_backslash_are_verse():
    text = "The moon is out\\\nthe night is long\n\nSo it went,\nline by line."
    assert parts(text) == [
        ("verse", "The moon is out"), ("verse", "the night is long"), ("paragraph", "So it went, line by line."),
    ]  # fmt: skip


def test_an_indented_poem_is_no_code():
    assert parts("He sang:\n\n    The moon is out\n    the night is long\n") == [
        ("paragraph", "He sang:"), ("verse", "The moon is out"), ("verse", "the night is long"),
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["```python\nx = 1\n```", "    def f(x):\n        return x", "~~~\nls\n~~~"])
def test_code_is_left_out(code):
    assert parts(f"Before.\n\n{code}\n\nAfter.") == [("paragraph", "Before."), ("paragraph", "After.")]
    assert left_out(f"Before.\n\n{code}\n\nAfter.")[0].startswith("code: ")


def test_tables_pictures_comments_and_crossed_out_text_are_left_out():
    text = "One ~~two~~ three.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![A cat](cat.png)\n\n<!-- later -->\n"
    assert parts(text) == [("paragraph", "One three.")]
    assert left_out(text) == ["crossed-out text: two", "table: a b 1 2", "picture: A cat", "1 comment"]


def test_footnotes_and_their_marks_are_left_out():
    text = "It rained.[^1] Then it[^x] stopped.\n\n[^1]: For a *week*.\n[^x]: The rain."
    assert parts(text) == [("paragraph", "It rained. Then it stopped.")]
    assert left_out(text) == ["note: For a week.", "note: The rain.", "2 note marks"]


def test_directions_stand_at_the_start_of_a_line():
    passages = read("[alice]\n\nI was *there*.\n\nBob: So\nwas I.\n[main] They left.", "markdown", CAST).passages
    assert [(each.voice, each.text) for each in passages] == [
        ("Alice", "I was there."), ("Bob", "So was I."), (None, "They left."),
    ]  # fmt: skip


def test_a_passage_in_another_language_is_spoken_in_it_and_a_single_word_is_not():
    text = '<p lang="fr">Mais oui.</p>\n\nHe said <span lang="fr">je ne sais quoi</span>, with <i lang="fr">esprit</i>.'
    assert [(each.language, each.text, each.continues) for each in read(text, "markdown").passages] == [
        ("fr", "Mais oui.", False), (None, "He said", False), ("fr", "je ne sais quoi,", True),
        (None, "with esprit.", True),
    ]  # fmt: skip


def test_pauses_paces_and_other_words_may_be_written_as_in_ssml():
    text = 'The <sub alias="Consortium">W3C</sub>,<break time="2s"/> <prosody rate="80%">slowly</prosody>.'
    script = read(text, "markdown")
    assert [(each.text or each.seconds, each.speed) for each in script.passages] == [
        ("The W3C,", 1.0), (2.0, 1.0), ("slowly.", 0.8),
    ]  # fmt: skip
    assert script.passages[0].says[0].say == "Consortium"


@pytest.mark.parametrize(
    ("head", "title", "language"),
    [
        ('---\ntitle: "The \\"Sea\\""\nauthor:\n  - Me\nlang: de-AT\n---\n', 'The "Sea"', "de"),
        ("---\ntitle: 'It''s'\nlanguage: eng\n...\n", "It's", "en"),
        ("# The Top\n\n", "The Top", None),
        ("", None, None),
    ],
)
def test_the_title_and_the_language_come_from_the_head(head, title, language):
    script = read(f"{head}Some words.", "markdown")
    assert (script.title, script.language) == (title, language)
    assert script.passages[-1].text == "Some words."


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("The ~~old~~ price.", "The price."),
        ("It is ~~old~~, new.", "It is, new."),
        ("Keep it ~~(now)~~.", "Keep it."),
        ("Keep it (~~now~~).", "Keep it."),
        ("~~Never~~, always.", "always."),
        ("C'est ~~vieux~~ neuf !", "C'est neuf !"),
        ("Is it ~~not~~? No.", "Is it? No."),
    ],
)
def test_crossed_out_text_takes_what_belonged_to_it_along(written, spoken):
    script = read(written, "markdown")
    assert script.text == spoken
    assert len(script.left_out) == 1


def test_crossed_out_text_is_a_sign_of_markdown():
    assert read("The ~~old~~ price.").format == "markdown"
    assert read("~~~ The End ~~~ and ~5 or ~~ 6.").format == "text"


@pytest.mark.parametrize("kind", ["NOTE", "TIP", "IMPORTANT", "WARNING", "CAUTION", "info"])
def test_the_label_of_an_alert_is_left_out_and_its_text_is_spoken(kind):
    script = read(f"# Salt\n\n> [!{kind}]\n> Keep it *dry*.\n\n> [!{kind}]\n>\n> Always.")
    assert [(each.kind, each.text) for each in script.passages[1:]] == [
        ("quotation", "Keep it dry."), ("quotation", "Always."),
    ]  # fmt: skip
    assert {each.what for each in script.left_out} == {f"label of an alert: {kind}"}


def test_the_title_of_an_alert_is_a_passage_of_its_own():
    script = read("# Salt\n\n> [!TIP] In winter\n> Keep it dry.\n")
    assert [each.text for each in script.passages[1:]] == ["In winter", "Keep it dry."]


def test_what_looks_like_a_label_elsewhere_is_text():
    assert read("# Salt\n\n[!NOTE] stands here.\n").passages[1].text == "[!NOTE] stands here."
