"""Texts of several languages."""

import pytest

from speech.engines.espeak import Espeak
from speech.engines.f5 import F5
from speech.errors import InvalidRequest
from speech.language import detect_among
from speech.request import SpeechRequest
from speech.script import language_of, localise, prepare, read
from tests.scripts import BOOKS
from tests.speech.test_sentences import SETS

ENGLISH = "The letter had been lying on the table for three days before anybody thought of opening it."
FRENCH = "Je ne sais pas encore si je viendrai demain avec les enfants, mais je vous écrirai."
JAPANESE = "昨日は一日中雨が降っていましたので、家で本を読んでいました。"


def languages(*paragraphs, **fields):
    request = SpeechRequest.parse({"text": "\n\n".join(paragraphs), **fields})
    script = read(request.text)
    return [passage.language for passage in localise(script, request, language_of(request, script)).passages]


def prepared(text, engine, **fields):
    return prepare(SpeechRequest.parse({"text": text, **fields}), engine)


def test_a_long_passage_is_in_its_own_language():
    assert languages(ENGLISH, FRENCH, ENGLISH, JAPANESE, ENGLISH) == [None, "fr", None, "ja", None]


@pytest.mark.parametrize(
    "short",
    [
        "東京", "Bonjour.", "La Belle Dame sans Merci", "Das Land der Dichter und Denker", "Москва",
        "Ludwig van Beethoven, Johann Sebastian Bach, Wolfgang Amadeus Mozart", "Tokyo, Kyoto, Osaka, Nagoya, Sapporo",
    ],
)  # fmt: skip
def test_a_name_or_a_few_words_are_read_as_the_rest(short):
    assert languages(ENGLISH, f"{short}\n", ENGLISH) == [None, None, None]


def test_the_language_that_the_request_names_holds_for_all():
    assert languages(ENGLISH, FRENCH, language="en") == [None, None]


def test_the_language_that_the_document_names_holds_for_all():
    text = f'<html lang="en"><p>{ENGLISH}</p><p>{FRENCH}</p><p lang="de">Und so ging es immer weiter.</p></html>'
    assert languages(text) == [None, None, "de"]


@pytest.mark.parametrize("language", SETS)
def test_no_sentence_is_taken_for_another_language(language):
    assert {detect_among(sentence) for sentence in SETS[language]} <= {language, None}


@pytest.mark.parametrize("language", BOOKS)
def test_no_passage_of_a_book_is_taken_for_another_language(language):
    assert {detect_among(passage.text) for passage in read(BOOKS[language]).passages} <= {language, None}


def test_passages_are_spoken_in_their_own_language():
    reading, warnings = prepared(f"{ENGLISH}\n\n{FRENCH}", Espeak())
    assert [chunk.language for chunk in reading.chunks] == [None, "fr"]
    assert warnings == []


@pytest.mark.parametrize("text", [f"{ENGLISH}\n\n{JAPANESE}", f'<p>{ENGLISH}</p><p lang="ja">{JAPANESE}</p>'])
def test_one_passage_that_the_engine_does_not_speak_is_told_and_not_refused(text):
    reading, warnings = prepared(text, Espeak())
    assert {chunk.language for chunk in reading.chunks} == {None}
    assert warnings == [f"espeak does not speak 'ja'; 1 passage in it was read as 'en', the first: {JAPANESE!r}"]


def test_a_script_that_is_as_a_whole_in_such_a_language_is_refused():
    with pytest.raises(InvalidRequest, match=r"'ja' is not accepted"):
        prepared(f"{JAPANESE}\n\n{JAPANESE}", Espeak())
    with pytest.raises(InvalidRequest, match=r"\(de\)' is not accepted.*de is spoken by espeak"):
        prepared('<speak xml:lang="en"><p xml:lang="de">Und so ging es weiter, immer weiter.</p></speak>', F5())


def test_the_language_at_the_head_of_a_markdown_text_is_only_that_of_most_passages():
    head = "---\nlang: en\n---"
    assert languages(f"{head}\n\n{ENGLISH}", FRENCH) == [None, "fr"]
    script = read(f"{head}\n\n{FRENCH}")
    assert language_of(SpeechRequest(text="x"), script) == "en"
