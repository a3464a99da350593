"""Only what a request needs is installed and fetched."""

import pytest

from speech.models import VOCODER
from speech.request import SpeechRequest
from speech.requirements import requirements_of
from speech.script import language_of, read


def needed(engine="f5-tts", **fields):
    request = SpeechRequest.parse({"text": "Good morning, everybody."} | fields)
    return requirements_of(request, [language_of(request, read(request.text))], engine)


def test_the_demo_voice_needs_nothing():
    assert not needed("espeak", return_word_timings=True)


def test_auto_needs_nothing_where_there_is_no_gpu():
    assert not needed("auto", return_word_timings=True)


def test_speech_alone_needs_no_aligner():
    found = needed()
    assert (found.components, found.useful_components) == (("f5-tts",), ())
    assert found.models == ("f5-tts/F5TTS_v1_Base", VOCODER) and found.useful_models == ()


@pytest.mark.parametrize(("fields", "model"), [({}, "align/en"), ({"language": "nl"}, "align/nl")])
def test_timings_need_the_aligner_of_the_language(fields, model):
    found = needed(return_word_timings=True, **fields)
    assert found.useful_components == ("whisperx",) and found.useful_models == (model,)


def test_google_is_needed_only_where_there_is_an_account(monkeypatch):
    monkeypatch.setenv("GOOGLE_BLOCK", "speech")
    assert needed(return_word_timings=True).useful_components == ("whisperx", "google")


def test_flash_attention_is_needed_only_where_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("FLASH_ATTENTION", "true")
    assert needed().useful_components == ("flash-attn",)
