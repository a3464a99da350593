"""Durable records."""

import json

import pytest

from speech.errors import InvalidRequest
from speech.outputs import key
from speech.records import Record, load, public, reply, save
from speech.request import SpeechRequest
from speech.stores.folder import FolderStore

JOB = "6f9b0d5e-3f2c-4b7a-9d53-0f4a1f4a6b1c"
OTHER = "0b0f7f5e-3f2c-4b7a-9d53-0f4a1f4a6b1c"
RESULT = {
    "job_id": JOB, "text": "Hi", "seed": 7, "audio_url": "https://x/?X-Amz-Signature=abc", "expires_in": 3600,
    "duration": 1.5, "sample_rate": 22050, "timing_files": {"srt": "https://x/?X-Amz-Signature=abc"},
    "timing_format": "srt", "timing_method": "embedded", "word_count": 1, "timing_confidence": 0.9, "warnings": [],
}  # fmt: skip
WORDS = [{"word": "Hi", "start_time": 0.0, "end_time": 1.0, "confidence": 0.9}]


@pytest.fixture
def store(tmp_path):
    store = FolderStore(tmp_path)
    store.write(key(JOB, "wav"), "RIFF", "audio/wav")
    store.write(key(JOB, "srt"), "1", "text/plain")
    store.write(key(JOB, "json"), json.dumps({"words": WORDS}), "application/json")
    return store


def record(status="COMPLETED", **fields):
    return Record(job_id=JOB, status=status, state=status.title(), **fields)


def test_a_reply_is_made_anew_with_fresh_urls_and_the_words(store):
    save(store, record(result=RESULT))
    answer = reply(store, load(store, JOB))
    assert answer["audio_url"].startswith("file://")
    assert list(answer["timing_files"]) == ["srt"]
    assert answer["word_timings"] == WORDS
    assert (answer["seed"], answer["status"]) == (7, "completed")


def test_signed_urls_are_not_kept(store):
    save(store, record(result=RESULT))
    assert "Signature" not in store.read(f"jobs/{JOB}.json")


def test_words_are_an_empty_list_where_none_were_asked_for(store):
    plain = {key: value for key, value in RESULT.items() if "timing" not in key and key != "word_count"}
    save(store, record(result=plain))
    assert reply(store, load(store, JOB))["word_timings"] == []


def test_a_finished_job_is_never_made_unfinished(store):
    save(store, record(result=RESULT))
    save(store, record("PROCESSING"))
    assert load(store, JOB).status == "COMPLETED"


@pytest.mark.parametrize(
    ("status", "text"),
    [("PROCESSING", "Job is not complete. Status: PROCESSING"), ("ERROR", "Job failed: no room left")],
)
def test_an_unfinished_job_is_told_in_the_words_that_clients_know(store, status, text):
    save(store, record(status, error_message="no room left" if status == "ERROR" else None))
    with pytest.raises(InvalidRequest) as caught:
        reply(store, load(store, JOB))
    assert str(caught.value) == text


@pytest.mark.parametrize("job", ["nope", "../../etc/passwd", "", OTHER])
def test_an_unknown_job_is_told_in_the_words_that_clients_know(store, job):
    with pytest.raises(InvalidRequest, match=r"^Invalid job_id\.$"):
        load(store, job)


def test_the_signature_in_a_voice_url_is_not_kept():
    request = SpeechRequest.parse({"text": "Hi", "local_voice": "https://x.org/a.wav?token=SECRET"})
    assert public(request) == {"text": "Hi", "local_voice": "https://x.org/a.wav"}


def test_a_job_is_called_by_its_name_or_else_by_the_beginning_of_its_script():
    assert record(request={"text": "# Salt", "name": "Sea"}).title == "Sea"
    assert record(request={"text": "# Salt"}).title == "Salt"
    assert record().title is None
