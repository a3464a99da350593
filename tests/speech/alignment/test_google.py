"""Google as an aligner: its real client, over gRPC, against a local server of the same service."""

import json
import subprocess
import sys

import numpy as np
import pytest

from speech.alignment import align
from speech.alignment.google import Google
from speech.audio import record
from speech.engines.espeak import say
from speech.errors import AlignerUnavailable, AlignmentError
from speech.text import chunks, normalise
from tests import PATIENCE
from tests.fakes.google_speech import GoogleSpeech
from tests.scripts import ALICE, CITIES
from tests.speech.alignment.test_embedded import errors
from tests.talk import word_starts

SCRIPT = normalise(f"{ALICE} {CITIES}")


def said(utterance):
    """What Google would hear: each word that the voice times, with its start and end in seconds."""
    words = SCRIPT.split()
    starts = [(words[index], start / 1000) for index, start in sorted(word_starts(utterance, SCRIPT).items())]
    ends = [start for _, start in starts[1:]] + [len(utterance.samples) / utterance.rate]
    return [(word, start, max(end - 0.02, start)) for (word, start), end in zip(starts, ends, strict=True)]


@pytest.fixture(scope="module")
def utterance():
    return say(SCRIPT, "en", 150, "en-us+m3")


@pytest.fixture
def recording(utterance, tmp_path):
    return record(utterance.samples, utterance.rate, (), tmp_path / "a.wav", 24000)


@pytest.fixture
def google(utterance, monkeypatch):
    server = GoogleSpeech(said(utterance))
    monkeypatch.setenv("GOOGLE_SPEECH_ENDPOINT", server.url)
    yield server
    server.stop()


def timed(recording, language="en"):
    return Google().align(recording, chunks(SCRIPT, language), language)


def off(words, utterance):
    return np.abs(errors(words, word_starts(utterance, SCRIPT)))


def test_the_script_is_timed_within_googles_own_steps(google, recording, utterance):
    words = timed(recording)
    assert [word.text for word in words] == SCRIPT.split()
    assert np.median(off(words, utterance)) <= 50
    assert np.percentile(off(words, utterance), 95) <= 100


def test_long_audio_is_cut_where_it_is_quiet_into_pieces_under_a_minute(google, recording):
    timed(recording)
    sizes = [len(request.audio.content) / 2 / 16000 for request in google.requests]
    assert len(sizes) >= 2
    assert max(sizes) < 55
    assert sum(sizes) == pytest.approx(recording.duration_ms / 1000, abs=0.01)
    samples = np.frombuffer(google.requests[0].audio.content, "<i2").astype(float)
    assert np.abs(samples[-800:]).mean() < 0.3 * np.abs(samples).mean()


def test_the_language_is_told_with_its_region(google, recording):
    timed(recording, "de")
    assert google.requests[0].config.language_code == "de-DE"
    assert google.requests[0].config.enable_word_time_offsets


def test_misheard_and_unheard_words_keep_their_place(google, recording, utterance):
    google.hear = lambda word: {"tired": "tyred", "Alice": "Alex"}.get(word, None if word == "sister" else word)
    words = timed(recording)
    assert [word.text for word in words] == SCRIPT.split()
    assert all(word.interpolated for word in words if word.text == "sister")
    misheard = [word for word in words if word.text in ("tired", "Alice")]
    assert all(0 < word.confidence < 0.5 for word in misheard)
    assert np.percentile(off(words, utterance), 95) <= 200


def test_numbers_that_google_writes_as_digits_are_still_the_scripts(monkeypatch, tmp_path):
    utterance = say("It cost five dollars in nineteen eighty-four.", "en")
    server = GoogleSpeech([("It", 0, 0.2), ("cost", 0.2, 0.6), ("$5", 0.6, 1.3), ("in", 1.3, 1.5), ("1984", 1.5, 2.6)])
    monkeypatch.setenv("GOOGLE_SPEECH_ENDPOINT", server.url)
    try:
        recording = record(utterance.samples, utterance.rate, (), tmp_path / "a.wav", 16000)
        words = Google().align(recording, chunks("It cost $5 in 1984.", "en"), "en")
    finally:
        server.stop()
    assert [(word.text, word.start, word.end) for word in words] == [
        ("It", 0, 200), ("cost", 200, 600), ("$5", 600, 1300), ("in", 1300, 1500), ("1984.", 1500, 2600),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("deny", "refused these credentials"),
        ("quota", "no quota left"),
        ("stall", "did not answer within 1 s"),
        ("nothing", "heard no words"),
    ],
)
def test_each_fault_is_a_sentence(google, recording, monkeypatch, mode, says):
    monkeypatch.setenv("REQUEST_TIMEOUT", "1")
    google.mode = mode
    with pytest.raises(AlignmentError, match=says):
        timed(recording)


@pytest.mark.service
def test_a_service_that_is_away_is_passed_over_with_the_reason(google, recording, monkeypatch):
    monkeypatch.setenv("REQUEST_TIMEOUT", "2")
    google.mode = "away"
    found = align(recording, chunks(SCRIPT, "en"), "en", "google")
    assert found.method == "embedded"
    assert found.warnings[0].startswith("google did not time the words: Google")


def test_google_is_asked_first_where_it_is_asked_for(google, recording):
    assert align(recording, chunks(SCRIPT, "en"), "en", "google").method == "google"


def test_without_credentials_it_says_what_to_set(recording):
    with pytest.raises(AlignerUnavailable, match="GOOGLE_CREDENTIALS_JSON"):
        timed(recording)


def test_without_an_account_its_client_is_not_imported_which_would_take_a_while():
    code = (
        "import sys; from speech.alignment.google import connect; from speech.errors import AlignerUnavailable\n"
        "try: connect()\n"
        "except AlignerUnavailable: print('google.cloud.speech_v1' in sys.modules, 'grpc' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("content", ["hunter2", "{", json.dumps({"type": "service_account", "private_key": "hunter2"})])
def test_credentials_that_are_none_are_named_and_never_shown(recording, monkeypatch, content):
    monkeypatch.setenv("GOOGLE_CREDENTIALS_JSON", content)
    with pytest.raises(AlignerUnavailable, match="GOOGLE_CREDENTIALS_JSON does not hold") as caught:
        timed(recording)
    assert "hunter2" not in str(caught.value)


def test_a_credentials_file_that_is_not_there_is_named(recording, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nobody.json"))
    with pytest.raises(AlignerUnavailable, match=r"nobody\.json, which does not exist"):
        timed(recording)
