"""A language that an engine does not speak is refused before any work."""

import numpy as np
import pytest
import soundfile

from speech.engines.espeak import Espeak
from speech.engines.f5 import F5
from speech.engines.speaking import check_spoken
from speech.errors import InvalidRequest
from speech.request import SpeechRequest
from speech.script import certain_language_of, prepare, read
from speech.voices import Reference

GERMAN = "Der Hund lief schnell durch den Wald und suchte seinen Ball."
JAPANESE = "昨日は一日中雨が降っていました。"


def prepared(text, engine, language=None):
    return prepare(SpeechRequest.parse({"text": text, "language": language}), engine)


@pytest.mark.parametrize("name", ["espeak", "auto"])
def test_what_no_engine_speaks_is_refused_for_any(name):
    with pytest.raises(InvalidRequest, match=r"language: 'ja' is not accepted;.*no engine here speaks ja"):
        check_spoken("ja", name)


def test_the_engines_that_speak_it_are_named():
    with pytest.raises(
        InvalidRequest, match=r"en, zh \(the languages of f5-tts\); de is spoken by espeak \(set ENGINE=espeak"
    ):
        check_spoken("de", "f5-tts")


@pytest.mark.parametrize(("language", "name"), [("de", "auto"), ("de", "espeak"), ("zh", "f5-tts"), ("en", "f5-tts")])
def test_what_an_engine_speaks_passes(language, name):
    check_spoken(language, name)


def test_an_engine_that_does_not_exist_is_left_to_the_choice_of_engines():
    check_spoken("ja", "no-such-engine")


def test_a_checkpoint_of_the_operators_own_may_speak_any_language(monkeypatch):
    monkeypatch.setenv("F5_MODEL", "mine")
    check_spoken("de", "f5-tts")


@pytest.mark.parametrize(("text", "language"), [(GERMAN, None), (GERMAN, "de"), ("Hallo.", "de")])
def test_a_language_that_is_requested_or_sure_is_refused(text, language):
    with pytest.raises(InvalidRequest, match="'de' is not accepted"):
        prepared(text, F5(), language)


def test_a_language_that_is_doubtful_is_read_as_english_with_a_warning(tmp_path):
    soundfile.write(tmp_path / "voice.wav", np.zeros(16_000), 16_000)
    voice = Reference(tmp_path / "voice.wav", "Six words that are said here.")
    reading, warnings = prepare(SpeechRequest.parse({"text": "C'est la vie."}), F5(), {None: voice})
    assert reading.language == "en"
    assert warnings == [
        "f5-tts does not speak 'fr', which the text may be in; it was read as English. "
        "Name its language if that is another."
    ]


def test_japanese_is_refused_by_the_demo_voice():
    with pytest.raises(InvalidRequest, match=r"'ja' is not accepted.*\(the languages of espeak\)"):
        prepared(JAPANESE, Espeak())


def test_the_language_of_the_request_is_certain_whatever_the_text():
    request = SpeechRequest.parse({"text": GERMAN, "language": "en"})
    assert certain_language_of(request, read(GERMAN)) == "en"
