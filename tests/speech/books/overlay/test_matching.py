"""Passages are found again in the page that they were read from."""

from speech.books.overlay.matching import find


def texts(page, *passages):
    return [[page[slice(*span)] if span else None for span in spans] for spans in find(page, passages)]


def test_sentences_are_found_with_their_punctuation():
    page = "\n  “Stop!”  he said.\n It was   late (very late).\n"
    assert texts(page, ["“Stop!” he said."], ["It was late (very late)."]) == [
        ["“Stop!”  he said."],
        ["It was   late (very late)."],
    ]


def test_scripts_without_spaces_are_found_and_opening_marks_belong_to_what_follows():
    assert texts("「你好。」「再见。」", ["「你好。」", "「再见。」"]) == [["「你好。」", "「再见。」"]]


def test_accents_and_case_and_hyphens_for_the_printer_make_no_difference():
    page = "Cafe\u0301 MÜL\u00adLER waits."
    assert texts(page, ["Café Müller waits."]) == [[page]]


def test_a_sentence_that_is_said_twice_is_found_twice():
    page = "No.\nA long sentence stands between the two of them.\nNo.\n"
    spans = find(page, [["No."], ["A long sentence stands between the two of them."], ["No."]])
    assert [spans[0][0], spans[2][0]] == [(0, 3), (52, 55)]


def test_what_is_not_in_the_page_is_not_found_and_takes_nothing_from_the_rest():
    page = "It was late in the evening of that day.\nNobody knocked at the old green door.\n"
    found = texts(
        page, ["Chapter nine."], ["It was late in the evening of that day."], ["Nobody knocked at the old green door."]
    )
    assert found[0] == [None] and found[1:] == [[line] for line in page.splitlines()]


def test_an_edited_sentence_is_found_by_the_words_that_are_left():
    page = "First comes this one. Then Mr Smith left the house in a hurry. And then the end of all came."
    found = texts(
        page, ["First comes this one.", "Then Mister Smyth left the house hurriedly.", "And then the end of all came."]
    )
    assert found == [["First comes this one.", "Then Mr Smith left the house", "And then the end of all came."]]


def test_a_mark_that_is_not_read_does_not_hide_the_words_around_it():
    page = "The ship[1] sailed for the islands before dawn."
    assert texts(page, ["The ship sailed for the islands before dawn."]) == [[page]]


def test_nothing_is_found_in_an_empty_page():
    assert texts("", ["Something."]) == [[None]]
