"""Trying a lexicon on a text."""

from speech.lexicons import Row
from speech.script.trial import attempt

ROWS = [
    Row(word="Aoife", say="Eefa"),
    Row(word="Saoirse Ronan", say="Sur-sha Ronan"),
    Row(word="Saoirse", say="Ser-sha"),
    Row(word="GIF", say="giff", language="de"),
    Row(word="aoife", say="Ifa"),
    Row(word="cat", say="feline", voice="bob"),
    Row(word="GI", say="jee eye"),
    Row(word="us", say="U S", case="yes"),
    Row(word="Dublin", say="Dublin"),
    Row(word="Cork", say="Kork"),
]


def test_it_tells_what_is_spoken_otherwise_and_how():
    trial = attempt(ROWS, "Aoife's cat saw 42 of Saoirse Ronan's.", "en")
    assert trial.spoken == "Eefa's cat saw forty-two of Sur-sha Ronan's."
    assert trial.changes == (("Aoife's", "Eefa's"), ("42", "forty-two"), ("Saoirse", "Sur-sha"))
    assert trial.matched == 2


def test_words_without_spaces_between_them_are_told_of_together():
    trial = attempt([Row(word="東京", say="とうきょう")], "私は東京にいる", "ja")
    assert trial.changes == (("東京", "とうきょう"),)


def test_a_full_stop_that_ends_the_speech_is_no_change():
    assert attempt(ROWS, "Hello there", "en").changes == ()
    assert attempt(ROWS, "Ask us", "en").changes == (("us", "U S."),)


def test_it_tells_why_rows_are_not_used():
    trial = attempt(ROWS, "Aoife's cat and GIF in US dollars, by Saoirse Ronan.", "en")
    assert trial.hints == (
        "Row 3 (Saoirse) is not used: another row is for more of the same words, or closer to them.",
        "Row 4 (GIF) is not used: it is for the language de, and this text is en.",
        "Row 5 (aoife) never counts, since an earlier row is for the same word.",
        "Row 6 (cat) is not used: it is for the voice bob; try it with --voice bob.",
        "Row 7 (GI) is not used: its word stands only inside other words.",
        "Row 8 (us) is not used: the word stands in another letter case.",
        "Row 9 (Dublin) changes nothing.",
    )
    assert "cat" not in " ".join(attempt(ROWS, "A cat.", "en", "bob").hints)
