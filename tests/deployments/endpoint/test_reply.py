"""What a client receives of a job, with and without a bucket."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from deployments.endpoint.reply import LARGEST_REPLY, download, finish
from speech.errors import NotFound, SpeechError
from speech.outputs import PIECES, PREVIEW, TIMINGS, key, link
from speech.records import Record, reply
from speech.stores.folder import FolderStore
from speech.stores.s3 import Bucket, S3Store

JOB = "6f9b0d5e-3f2c-4b7a-9d53-0f4a1f4a6b1c"
FORMATS = ["ass", "json", "srt", "vtt"]
AUDIO = bytes(range(256)) * 40
# Some bytes more than this in a file are more than RunPod takes in base64.
FULL = LARGEST_REPLY * 3 // 4


def word(number):
    return {"word": f"w{number}", "start_time": number / 10, "end_time": number / 10 + 0.1, "confidence": 0.9}


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


@pytest.fixture
def make(store, tmp_path):
    """Fills the store as a job does, and returns what the flow returns."""

    def made(audio=AUDIO, words=3, longest=0, **fields):
        (tmp_path / "audio").write_bytes(audio)
        store.put(key(JOB, "wav"), tmp_path / "audio", "audio/wav")
        for kind in (*FORMATS, PREVIEW, PIECES):
            store.write(key(JOB, kind), f"the {kind} file" + "x" * longest, "text/plain")
        store.write(key(JOB, "json"), json.dumps({"words": [word(number) for number in range(words)]}), TIMINGS["json"])
        result = {
            "job_id": JOB, "text": "Hi", "seed": 7, "duration": 1.5, "sample_rate": 22050, "timing_files": FORMATS,
            "timing_format": "srt", "timing_method": "embedded", "preview_url": True, **fields,
        }  # fmt: skip
        answer = reply(store, Record(job_id=JOB, status="COMPLETED", state="Completed", result=result))
        answer.pop("word_timings")
        return answer

    return made


def size(answer):
    return len(json.dumps(answer, ensure_ascii=False).encode())


def test_without_a_bucket_the_files_are_in_the_reply_and_no_url_that_a_client_cannot_open(store, make):
    answer = finish(store, make(), words=True)
    assert base64.b64decode(answer["audio_base64"]) == AUDIO
    assert answer["timing_texts"]["vtt"] == "the vtt file"
    assert set(answer["timing_texts"]) == set(FORMATS)
    assert answer["words"] == [word(number) for number in range(3)]
    assert "file:" not in json.dumps(answer)
    assert "expires_in" not in answer
    assert (answer["status"], answer["timing_format"], answer["warnings"]) == ("completed", "srt", [])


def test_with_a_bucket_the_reply_has_its_urls_and_no_files(store, make):
    given = make()
    signed = json.loads(json.dumps(given).replace(f"file://{store._root}", "https://bucket.example"))
    answer = finish(store, signed, words=True)
    assert answer.pop("words") == [word(number) for number in range(3)]
    assert answer == signed


def test_words_are_there_only_if_the_client_asked_for_them(store, make):
    assert "words" not in finish(store, make(), words=False)


def test_a_job_whose_words_could_not_be_timed_has_none(store, make):
    answer = finish(store, make(timing_files=None, preview_url=None, warnings=["no aligner"]), words=True)
    assert "words" not in answer and "timing_texts" not in answer
    assert answer["warnings"] == ["no aligner"]


def test_of_many_words_the_first_5000_are_there_and_a_warning_says_where_the_others_are(store, make):
    answer = finish(store, make(words=5001), words=True)
    assert answer["words"] == [word(number) for number in range(5000)]
    assert answer["warnings"] == ["words holds 5,000 of 5,001 words; endpoint: result has all of them."]


def test_audio_that_runpod_would_drop_is_left_out_and_the_warning_says_what_to_set(store, make):
    answer = finish(store, make(audio=bytes(FULL)), words=True)
    assert "audio_base64" not in answer
    [warning] = answer["warnings"]
    assert warning.startswith("The audio is 7.1 MB, too large for this reply")
    assert "S3_BUCKET" in warning and "STORAGE_BLOCK" in warning and "audio_format" in warning
    assert answer["timing_texts"]["srt"] == "the srt file"


def test_the_preferred_subtitle_file_has_room_before_the_others(store, make):
    answer = finish(store, make(longest=LARGEST_REPLY * 2 // 3), words=True)
    assert set(answer["timing_texts"]) == {"srt", "json"}
    [warning] = answer["warnings"]
    assert warning.startswith("timing_texts has no room for ass, vtt; endpoint: download has each of them.")


@pytest.mark.parametrize("spare", [6_000, 12_000, 24_000])
def test_a_reply_is_never_larger_than_runpod_takes(store, make, spare):
    answer = finish(store, make(audio=bytes(FULL - spare), words=6000, longest=2_000), words=True)
    assert size(answer) <= LARGEST_REPLY


def test_a_zip_file_that_no_client_can_fetch_is_not_passed_over_in_silence(store, make):
    answer = finish(store, make(cues_url=True), words=False)
    assert "cues_url" not in answer
    assert answer["warnings"][0].startswith("The ZIP file of the cues is in the store")


def test_a_file_that_has_gone_costs_that_file_and_not_the_reply(store, make):
    given = make()
    store.delete(key(JOB, "json"))
    answer = finish(store, given, words=True)
    assert answer["audio_base64"]
    assert answer["warnings"][0].startswith("A part of this reply could not be read")


def test_a_download_without_a_bucket_is_the_file_itself(store, make):
    make()
    audio = download(store, JOB, "wav", None)
    assert base64.b64decode(audio.pop("audio_base64")) == AUDIO
    assert audio == {"content_type": "audio/wav", "filename": f"{JOB}.wav", "format": "wav", "status": "ready"}
    timing = download(store, JOB, "vtt", "Why the Sea Is Salty?")
    assert (timing["timing_text"], timing["filename"]) == ("the vtt file", "why-the-sea-is-salty.vtt")
    assert "timing_url" not in timing


@pytest.mark.parametrize("kind", ["wav", "srt"])
def test_a_download_without_a_bucket_that_is_too_large_is_an_error_that_says_what_to_set(store, make, kind):
    make(audio=bytes(FULL), longest=LARGEST_REPLY)
    with pytest.raises(SpeechError, match=r"too large for this reply.* set S3_BUCKET"):
        download(store, JOB, kind, None)


def test_a_download_of_what_is_not_there_is_not_found(store):
    with pytest.raises(NotFound):
        download(store, JOB, "wav", None)


def test_a_link_of_a_bucket_carries_the_name_of_the_job():
    keys = {"access_key": SecretStr("a"), "secret_key": SecretStr("b")}
    store = S3Store(Bucket("b", endpoint="http://127.0.0.1:9", **keys))

    def disposition(kind, name):
        return parse_qs(urlsplit(link(store, JOB, kind, name)).query)["response-content-disposition"][0]

    assert disposition("wav", "Größe / 1") == "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe-1.wav"
    assert disposition(PREVIEW, "Größe / 1") == "inline; filename*=UTF-8''gr%C3%B6%C3%9Fe-1.html"
    assert disposition("srt", None) == f"attachment; filename*=UTF-8''{JOB}.srt"
