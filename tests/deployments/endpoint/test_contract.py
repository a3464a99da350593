"""Every endpoint of the contract, over the real SDK loop and the real child, on a server of the container's own."""

import base64
import json
import os
import subprocess
import time
import uuid

import httpx
import pytest

from deployments.local import server
from speech.engines.espeak import say
from tests.conftest import recorded
from tests.fakes.runpod import API_KEY
from tests.stack import ENDPOINT, PROGRAM, Container

SAYS = "The quick brown fox jumps over the lazy dog, and then it sleeps in the sun."


@pytest.fixture(scope="module")
def container(plane, prefect_server, tmp_path_factory):
    # Without a sweep, which on a server that tests share would write records of other tests' runs.
    variables = {"MAX_TEXT_CHARS": "3000", "RUNPOD_RECONCILE_SECONDS": "3600"}
    container = Container(plane, tmp_path_factory.mktemp("container"), prefect_server, **variables)
    yield container
    container.stop()


def auth():
    """The credentials of the tests' Prefect server."""
    name, _, word = server.password().partition(":")
    return name, word


@pytest.fixture(scope="module")
def home(container):
    return container.home


@pytest.fixture(scope="module")
def ask(container):
    return container.ask


@pytest.fixture(scope="module")
def spoken(ask):
    return ask(text="Hello there, my friend.", return_word_timings=True, seed=5)["output"]


def test_speaking_replies_as_the_contract_says(spoken):
    assert {
        "job_id", "status", "text", "seed", "duration", "sample_rate", "timing_format", "timing_method", "word_count",
        "timing_confidence", "flow_run_id", "flow_run_url", "warnings", "warning_kinds", "words", "audio_base64",
        "timing_texts",
    } == set(spoken)  # fmt: skip
    assert (spoken["status"], spoken["seed"], spoken["word_count"]) == ("completed", 5, 4)
    assert set(spoken["timing_texts"]) == {"srt", "vtt", "csv", "json", "ass"}


def test_without_a_bucket_a_reply_holds_the_files_themselves(spoken, home):
    job = spoken["job_id"]
    assert base64.b64decode(spoken["audio_base64"]) == (home / f"store/output/{job}.wav").read_bytes()
    for kind, text in spoken["timing_texts"].items():
        assert text == (home / f"store/timings/{job}.{kind}").read_bytes().decode()
    assert "file:" not in json.dumps(spoken)


def test_audio_in_a_reply_is_kept_out_of_prefect_and_of_the_record(spoken, home, prefect_server):
    run = httpx.get(f"{prefect_server}/flow_runs/{spoken['job_id']}", auth=auth(), trust_env=False).text
    record = (home / f"store/jobs/{spoken['job_id']}.json").read_text()
    for kept in (run, record):
        assert spoken["job_id"] in kept and len(kept) < 10_000
        assert spoken["audio_base64"][:1000] not in kept


def test_the_endpoint_may_be_named_tts(ask):
    assert ask(endpoint="tts", text="Hello.")["output"]["status"] == "completed"


def test_status_tells_how_a_job_stands(ask, spoken):
    job = spoken["job_id"]
    told = ask(endpoint="status", job_id=job)["output"]
    assert told == {"job_id": job, "status": "COMPLETED", "state": "Completed", "progress": 1.0}


def test_result_is_the_reply_with_the_words(ask, spoken):
    told = ask(endpoint="result", job_id=spoken["job_id"])["output"]
    words = told.pop("word_timings")
    assert told | {"words": words} == spoken
    assert [word["word"] for word in words] == ["Hello", "there,", "my", "friend."]


def test_download_gives_each_file(ask, spoken):
    job = spoken["job_id"]
    audio = ask(endpoint="download", job_id=job)["output"]
    assert audio == {
        "audio_base64": spoken["audio_base64"], "content_type": "audio/wav", "format": "wav",
        "filename": "hello-there-my-friend.wav",
        "status": "ready",
    }  # fmt: skip
    timing = ask(endpoint="download", job_id=job, type="timing", format="vtt")["output"]
    assert timing["timing_text"] == spoken["timing_texts"]["vtt"]
    assert (timing["content_type"], timing["filename"]) == ("text/vtt", "hello-there-my-friend.vtt")


def test_audio_of_another_kind_is_downloaded_as_such(ask):
    told = ask(text=SAYS, audio_format="MP3", name="The Fox: 1")["output"]
    audio = ask(endpoint="download", job_id=told["job_id"])["output"]
    assert audio["audio_base64"] == told["audio_base64"]
    assert (audio["content_type"], audio["format"], audio["filename"]) == ("audio/mpeg", "mp3", "the-fox-1.mp3")


def test_a_voice_is_uploaded_and_listed(ask, tmp_path):
    recorded(say(SAYS, "en"), tmp_path / "v.wav")
    encoded = base64.b64encode((tmp_path / "v.wav").read_bytes()).decode()
    told = ask(endpoint="upload", voice_name="mine.wav", voice_file=encoded, reference_text=SAYS)["output"]
    assert told["status"] == "Voice 'mine.wav' uploaded successfully"
    listed = ask(endpoint="list_voices")["output"]
    assert (listed["count"], listed["status"]) == (1, "success")
    assert listed["voices"][0]["name"] == listed["voices"][0]["voice_file"] == "mine.wav"
    again = ask(endpoint="upload", voice_name="mine.wav", voice_file=encoded, reference_text=SAYS)
    assert "is taken" in again["error"]


def test_health_is_told_part_by_part(ask):
    while "storage" not in (told := ask(endpoint="status")["output"]["health"]):
        time.sleep(0.5)
    assert {"storage", "model", "gpu", "whisperx", "google", "prefect", "worker"} <= set(told)
    assert {part["status"] for part in told.values()} <= {"ok", "degraded", "off"}
    assert told["storage"]["status"] == told["worker"]["status"] == "ok"
    assert all(part["message"] for part in told.values())


UNKNOWN = str(uuid.UUID(int=5))
DEEP: list[object] = []
for _ in range(300):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, "Text input is required"),
        ({"text": " "}, "Text input is required"),
        ({"text": "Hi", "speed": 9}, "speed: 9 is not accepted; expected a number from 0.5 to 2.0"),
        ({"text": "Hi", "spead": 1}, "spead: unknown field; did you mean 'speed'?"),
        ({"text": "x " * 2000}, "raise MAX_TEXT_CHARS, or use f5-flows"),
        ({"text": "Hi", "local_voice": "nobody.wav"}, "nobody.wav"),
        ({"text": "Hi", "local_voice": "../../etc/passwd"}, "local_voice"),
        ({"text": "Hi", "local_voice": "http://169.254.169.254/"}, "local_voice"),
        ({"text": "Hi", "lexicon": "nobodys"}, "lexicon: there is no lexicon 'nobodys'. None is stored"),
        ({"text": "Hi", "lexicon": [{"word": "Hi"}]}, "lexicon.0.say is required"),
        ({"endpoint": "uplaod"}, "did you mean 'upload'?"),
        ({"endpoint": ["tts"]}, "endpoint: ['tts'] is not accepted; expected one of tts, upload"),
        ({"endpoint": 5}, "endpoint: 5 is not accepted; expected one of tts, upload"),
        ({"endpoint": {"a": None}}, "endpoint: {'a': None} is not accepted"),
        ({"text": DEEP}, "The job could not be read: recursion limit exceeded"),
        ({"endpoint": "upload"}, "voice_name is required for upload; voice_file_url is required for upload"),
        ({"endpoint": "upload", "voice_name": "x.wav", "voice_file": "%%%"}, "voice_file"),
        ({"endpoint": "status", "job_id": "nonsense"}, "Invalid job_id."),
        ({"endpoint": "status", "job_id": UNKNOWN}, "Invalid job_id."),
        ({"endpoint": "status", "job": UNKNOWN}, "did you mean 'job_id'?"),
        ({"endpoint": "result", "job_id": UNKNOWN}, "Invalid job_id."),
        ({"endpoint": "result"}, "Invalid job_id."),
        ({"endpoint": "cancel", "job_id": UNKNOWN}, "Invalid job_id."),
        ({"endpoint": "download"}, "job_id is required for download"),
        ({"endpoint": "download", "job_id": UNKNOWN}, f"Audio file not found for job_id: {UNKNOWN}"),
        (
            {"endpoint": "download", "job_id": UNKNOWN, "type": "timing", "format": "vtt"},
            f"Timing file not found for job_id: {UNKNOWN}, format: vtt",
        ),
        ({"endpoint": "execute", "flow_run_id": "x"}, "flow_run_id"),
        ({"endpoint": "execute", "flow_run_id": UNKNOWN}, "Invalid job_id."),
        ({"endpoint": "list_voices", "page": 2}, "page: unknown field"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_stored(ask, home, spoken, given, error):
    def keys():
        # A record of the job before may just be written.
        files = (path for path in (home / "store").rglob("*") if path.suffix != ".part")
        return sorted(str(path) for path in files if path.is_file())

    before = keys()
    told = ask(**given)
    assert told["status"] == "FAILED"
    assert error in told["error"]
    assert keys() == before


def test_several_faults_are_told_together(ask):
    error = ask(text="Hi", speed=9, seed=-1, nonsense=1)["error"]
    assert all(name in error for name in ("speed", "seed", "nonsense"))


def test_an_input_that_is_no_object_is_refused(ask, plane):
    answer = httpx.post(
        f"{plane.url}/{ENDPOINT}/runsync",
        json={"input": ["text"]},
        headers={"Authorization": f"Bearer {API_KEY}"},
        timeout=60,
    ).json()
    assert answer["error"].startswith("input: ['text'] is not accepted")


def test_a_failed_job_is_told_by_its_record_too(ask, home):
    told = ask(text="Bonjour.", language="xx")
    assert told["status"] == "FAILED"
    assert "language" in told["error"]


def test_a_large_job_reports_its_progress_before_its_end_and_never_after(ask, plane):
    text = " ".join(f"This is sentence number {number} of a story." for number in range(65))
    told = ask(text=text, return_word_timings=True)
    assert told["status"] == "COMPLETED"
    reports = [
        json.loads(call["body"])["output"] for call in plane.calls("done")
        if told["id"] in call["path"] and '"IN_PROGRESS"' in call["body"]
    ]  # fmt: skip
    shares = [report["progress"] for report in reports]
    assert shares == sorted(shares)
    assert not plane.jobs[told["id"]].progress_after_end


def test_the_log_is_json_lines_with_the_jobs_id(ask, home, spoken):
    lines = [json.loads(line) for line in (home / "log").read_text().splitlines() if line.startswith("{")]
    mine = [line for line in lines if line.get("flow_run_id") == spoken["job_id"]]
    assert mine
    assert {line["requestId"] for line in mine} == {mine[0]["requestId"]}
    assert mine[0]["requestId"].startswith("sync-")
    assert not [line for line in lines if line["level"] == "DEBUG"]


def test_the_container_is_healthy(ask, home):
    environment = os.environ | {"F5_FLOWS_HOME": str(home)}
    done = subprocess.run([PROGRAM, "healthcheck"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    (home / "none").mkdir(exist_ok=True)
    nowhere = os.environ | {"F5_FLOWS_HOME": str(home / "none")}
    done = subprocess.run([PROGRAM, "healthcheck"], env=nowhere, capture_output=True)
    assert done.returncode == 1


def test_a_field_that_is_null_is_as_good_as_left_out(ask):
    told = ask(text="Hello.", style=None, split=None, cues=None, language=None, wait=True)
    assert told["output"]["status"] == "completed"


def test_what_is_stored_is_only_under_the_keys_of_the_contract(ask, home, spoken):
    files = (path.relative_to(home / "store") for path in (home / "store").rglob("*") if path.is_file())
    keys = {path.parts[0] for path in files}
    assert keys <= {"output", "timings", "previews", "jobs", "voices"}
