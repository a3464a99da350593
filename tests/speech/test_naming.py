"""The name of a job: made from its script, checked, and turned into names of files."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as texts

from speech.errors import InvalidRequest
from speech.naming import name_of, slug
from speech.request import SpeechRequest
from speech.script.readers import read

ANY_TEXT = texts.text(texts.characters(), max_size=120)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("# Why the Sea Is Salty\n\nEvery summer the rain falls.", "Why the Sea Is Salty"),
        ("\n\n  Hello there.\nAnd then?", "Hello there."),
        ("<speak><p>Guten Tag</p></speak>", "Guten Tag"),
        ("See [the map](https://example.com/map) first.", "See the map first."),
        ("[alice] [pause 1s] Good morning.", "Good morning."),
        ("---\n***\nIt begins.", "It begins."),
        ("a/b\\c", "a b c"),
        ("\u202egnp.exe", "gnp.exe"),
        ("...", "speech"),
    ],
)
def test_a_job_is_named_after_the_title_or_first_words_of_its_script(text, name):
    assert name_of(text) == name


def test_a_long_first_line_is_cut_after_a_word():
    assert name_of("word " * 40, most=12) == "word word"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("Sea Salt", "sea-salt"),
        ("Straße nach Köln", "straße-nach-köln"),
        ("हिन्दी में पाठ", "हिन्दी-में-पाठ"),
        ("四季について", "四季について"),
        ("Don’t stop — now!", "dont-stop-now"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Users\\me", "c-users-me"),
        ("con", "con-"),
        ("🎉", "speech"),
        ("The quick brown fox jumps over the lazy dog again", "the-quick-brown-fox-jumps-over-the-lazy"),
    ],
)
def test_files_are_named_in_the_letters_of_any_script(name, stem):
    assert slug(name) == stem


def test_a_mark_is_not_cut_from_its_letter():
    assert slug("का" * 40, most=3) == "का"


@given(ANY_TEXT)
def test_no_name_leads_anywhere_or_is_refused_by_a_file_system(text):
    stem = slug(text)
    assert stem
    assert not set(stem) & set('/\\.:*?"<>| \t\n')
    assert not [letter for letter in stem if unicodedata.category(letter).startswith("C")]
    assert len(stem.encode()) < 200


@given(ANY_TEXT)
def test_a_name_that_was_made_is_one_that_a_request_accepts(text):
    assert SpeechRequest.parse({"text": "Hello.", "name": name_of(text)}).name


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", ".hidden", "bell\x07", "\u202ecod.exe", "x" * 81, 5])
def test_a_name_that_could_mislead_is_refused(name):
    with pytest.raises(InvalidRequest, match=r"^name: "):
        SpeechRequest.parse({"text": "Hello.", "name": name})


@pytest.mark.parametrize("name", ["", "  ", None])
def test_an_empty_name_is_none(name):
    assert SpeechRequest.parse({"text": "Hello.", "name": name}).name is None


def test_the_given_name_is_the_title():
    assert SpeechRequest.parse({"text": "Hello.", "name": " Greeting "}).title == "Greeting"


@pytest.mark.parametrize(
    "text",
    [
        "---\nauthor: Me\ntags:\n- sea\ntitle: The Sea\n---\n\nEvery summer.",
        "---\r\ntitle: 'The Sea'\r\n...\r\nEvery summer.",
    ],
)
def test_the_head_of_a_text_is_read_for_its_name_as_it_is_for_its_script(text):
    assert name_of(text) == read(text).title == "The Sea"
