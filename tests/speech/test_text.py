"""The script, made clean, split and grouped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech.text import chunks, normalise, tokens
from tests.scripts import ALICE, BY_LANGUAGE


def words(text, language="en"):
    return [token.text for token in tokens(text, language)]


def rejoined(parts):
    return "".join(token.text + token.space for part in parts for token in part.tokens).strip()


def test_looks_alike_is_made_alike():
    assert normalise("Cafe\u0301") == "Café"


def test_control_characters_and_direction_overrides_disappear():
    assert normalise("a\x00b\x07 \u202egnp.exe\u202c \ufeffc") == "ab gnp.exe c"


def test_joiners_that_shape_letters_and_emoji_stay():
    family = "👨\u200d👩\u200d👧"
    assert normalise(f"{family} می\u200cخواهم") == f"{family} می\u200cخواهم"


def test_paragraphs_stay_apart_and_blanks_become_one():
    assert normalise("one \t two\r\n\r\n  three") == "one two\nthree"


def test_every_word_is_a_token_with_its_punctuation():
    assert words('She said: "Well, it\'s 5 km — really?"') == [
        "She", "said:", '"Well,', "it's", "5", "km", "—", 'really?"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("你好，世界。", "zh", ["你", "好，", "世", "界。"]),
        ("「今日は」と", "ja", ["「今", "日", "は」", "と"]),
        ("สวัสดี ครับ", "th", ["ส", "วั", "ส", "ดี", "ค", "รั", "บ"]),
        ("用Python写", "zh", ["用", "Python", "写"]),
        ("مرحبا بالعالم", "ar", ["مرحبا", "بالعالم"]),
    ],
)
def test_scripts_without_spaces_are_split_into_what_a_reader_calls_characters(text, language, expected):
    assert words(text, language) == expected


@pytest.mark.parametrize("text", ["你好，世界。今天很好！Python 3 真棒。", "สวัสดี ครับ", "one two  three", "a—b 「c」"])
def test_tokens_joined_with_their_spaces_are_the_script(text):
    parts = chunks(normalise(text), "zh" if "你" in text else "en")
    assert rejoined(parts) == normalise(text)


@given(st.text(st.characters(codec="utf-8"), max_size=120))
def test_no_text_loses_a_visible_character(text):
    clean = normalise(text)
    parts = chunks(clean, "en")
    assert "".join(rejoined(parts).split()) == "".join(clean.split())


@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_chunks_hold_whole_sentences_up_to_the_length(language):
    parts = chunks(normalise(BY_LANGUAGE[language]), language, max_chars=200)
    assert rejoined(parts) == normalise(BY_LANGUAGE[language])
    assert all(len(part.spoken) <= 240 for part in parts)


def test_abbreviations_do_not_end_a_sentence():
    parts = chunks("Dr. Smith met Mr. Jones at 3 p.m. in St. Louis, as they had agreed.", "en", 60, 1)
    assert not any(part.text.endswith(("Dr.", "Mr.", "St.")) for part in parts)


def test_a_sentence_that_is_too_long_is_cut_at_a_clause_and_never_in_a_word():
    text = "word " * 30 + "here, " + "other " * 30
    parts = chunks(text.strip(), "en", max_chars=200)
    assert len(parts) == 2
    assert parts[0].text.endswith("here,")


def test_tiny_chunks_are_merged():
    parts = chunks("Yes. No. " + ALICE, "en", max_chars=120, min_chars=40)
    assert min(len(part.spoken) for part in parts) >= 40


def test_what_is_not_spoken_never_is_a_chunk_of_its_own():
    parts = chunks("Hello there, my friend, how are you today? " + "— " * 60 + "Fine.", "en", max_chars=50)
    assert all(part.spoken for part in parts)
    assert sum(len(part.tokens) for part in parts) == 8 + 60 + 1


def test_an_enormous_word_is_a_chunk_by_itself():
    parts = chunks("a " + "x" * 1000 + " b", "en", max_chars=100, min_chars=1)
    assert [len(part.tokens) for part in parts if "xxx" in part.text] == [1]
