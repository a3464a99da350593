"""The flow, against a real Prefect server and real stores."""

import asyncio
import io
import itertools
import json
import re
import time
import zipfile
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import soundfile
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.exceptions import CancelledRun
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling

from flows.speak import speak
from speech.audio import blocks
from speech.errors import InvalidRequest, SpeechError
from speech.lexicons import Row
from speech.lexicons.library import add
from speech.records import load, reply
from speech.request import SpeechRequest
from speech.stores.folder import FolderStore
from speech.stores.s3 import S3Store
from tasks import progress
from tasks.progress import listener
from tests.fakes.engines import Told
from tests.fakes.faults import FaultyProxy
from tests.fakes.gateway import ACCESS_KEY, SECRET_KEY

TIMED = {"text": "Hello there, my friend. It is 10:30.", "return_word_timings": True, "seed": 5}


@pytest.fixture(autouse=True)
def api(prefect_server):
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield prefect_server


@pytest.fixture(autouse=True)
def store(monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_DIR", str(tmp_path / "store"))
    return FolderStore(tmp_path / "store")


def keys(store):
    root = Path(store._root)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def run(**fields):
    return await speak(SpeechRequest.parse(TIMED | fields), return_state=True)


async def artifacts(job):
    async with get_client() as client:
        found = await client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[UUID(job)]))
        )
    return {artifact.key: artifact for artifact in found}


async def test_a_request_becomes_speech_subtitles_and_a_record(store):
    answer = await speak(SpeechRequest.parse(TIMED))
    job = answer["job_id"]
    timings = [f"timings/{job}.{name}" for name in ("ass", "csv", "json", "srt", "vtt")]
    assert keys(store) == [f"jobs/{job}.json", f"output/{job}.wav", f"previews/{job}.html", *timings]
    assert (answer["status"], answer["seed"], answer["word_count"]) == ("completed", 5, 7)
    assert answer["timing_method"] == "embedded"
    assert any(text.startswith("whisperx did not") for text in answer["warnings"])
    assert answer["duration"] == pytest.approx(3.5, abs=1.5)
    assert "error" not in answer


async def test_the_record_answers_after_the_run_as_the_run_did(store):
    answer = await speak(SpeechRequest.parse(TIMED))
    again = reply(store, load(store, answer["job_id"]))
    words = again.pop("word_timings")
    assert again == answer
    assert [word["word"] for word in words] == TIMED["text"].split()


async def test_takes_that_are_in_the_store_are_reused_where_that_is_asked_for(store):
    asked = SpeechRequest.parse({"text": "Hello there, my friend.", "reuse_takes": True})
    first = await speak(asked)
    takes = [key for key in keys(store) if key.startswith("takes/")]
    assert [Path(key).suffix for key in takes] == [".flac", ".json"] and first["seed"] == 1
    # What is in the store now is not what the engine would say.
    [sound] = [Path(store._root) / key for key in takes if key.endswith(".flac")]
    soundfile.write(sound, soundfile.read(sound)[0] * 0.5, 22050)
    second = await speak(asked)
    loudness = [
        np.abs(soundfile.read(answer["audio_url"].removeprefix("file://"))[0]).max() for answer in (first, second)
    ]
    assert loudness[1] == pytest.approx(0.5 * loudness[0], rel=0.02)
    await speak(asked.model_copy(update={"reuse_takes": False}))
    assert [key for key in keys(store) if key.startswith("takes/")] == takes


async def test_only_what_is_asked_for_is_in_the_reply(store):
    answer = await speak(SpeechRequest.parse({"text": "Hello."}))
    assert not [key for key in answer if key.startswith(("timing", "preview", "cues", "subtitle", "audio_format"))]
    assert not [key for key in keys(store) if key.startswith(("timings/", "previews/"))]


@pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "m4a"])
async def test_audio_comes_as_the_kind_that_is_asked_for_with_times_that_fit_it(store, kind):
    answer = await speak(SpeechRequest.parse(TIMED | {"audio_format": kind}))
    assert answer["audio_format"] == kind
    assert answer["audio_url"].endswith(f"output/{answer['job_id']}.{kind}")
    made = Path(answer["audio_url"].removeprefix("file://"))
    samples = np.concatenate(list(blocks(made, 16000)))
    first = json.loads(store.read(f"timings/{answer['job_id']}.json"))["words"][0]
    heard = int(np.argmax(np.abs(samples) > 0.1 * np.abs(samples).max())) / 16000
    assert first["start_time"] == pytest.approx(heard, abs=0.08)
    assert reply(store, load(store, answer["job_id"]))["audio_url"] == answer["audio_url"]


async def test_each_cue_is_a_wav_file_where_that_is_asked_for(store, tmp_path):
    answer = await speak(SpeechRequest.parse(TIMED | {"split": "cues", "preset": "word"}))
    with zipfile.ZipFile(answer["cues_url"].removeprefix("file://")) as archive:
        pieces = archive.namelist()
        lengths = [len(soundfile.read(io.BytesIO(archive.read(name)))[0]) / 22050 for name in pieces]
    assert pieces == [f"{number:04}.wav" for number in range(1, 8)]
    words = json.loads(store.read(f"timings/{answer['job_id']}.json"))["words"]
    assert lengths == pytest.approx([word["end_time"] - word["start_time"] for word in words], abs=0.002)


async def test_the_page_and_its_link_are_there(store):
    text = "# A Mad Tea-Party\n\nHello there, my friend.\n\n* * *\n\nIt is 10:30."
    answer = await speak(SpeechRequest.parse(TIMED | {"text": text}))
    page = Path(answer["preview_url"].removeprefix("file://")).read_text()
    assert page.startswith("<!doctype html>")
    assert "<title>A Mad Tea-Party</title>" in page and "10 words · " in page
    blocks = re.search(r'"blocks":\[(.*?)\],"voices"', page)[1]
    assert re.findall(r'\["(\w+)",(\d+)', blocks) == [
        ("heading", "3"), ("paragraph", "4"), ("scene", "0"), ("paragraph", "3"),
    ]  # fmt: skip
    found = await artifacts(answer["job_id"])
    assert answer["preview_url"].removeprefix("file://") in found["summary"].data


async def test_rules_that_could_not_be_kept_are_reported_one_by_one(store):
    answer = await speak(SpeechRequest.parse(TIMED | {"cues": {"max_cps": 5}}))
    problems = answer["subtitle_problems"]
    assert {"cue", "rule", "value", "limit"} == set(problems[0])
    assert problems[0]["rule"] == "speed"
    assert any("faster than 5 characters a second" in text for text in answer["warnings"])


async def test_own_values_style_and_karaoke_reach_the_files(store):
    wanted = {
        "cues": {"max_chars": 12},
        "style": "yellow",
        "karaoke": "one",
        "timing_formats": ["ass", "ttml", "textgrid"],
    }
    answer = await speak(SpeechRequest.parse(TIMED | wanted))
    job = answer["job_id"]
    cues = json.loads(store.read(f"timings/{job}.json"))["cues"]
    assert max(len(line) for cue in cues for line in cue["lines"]) <= 12
    drawn = store.read(f"timings/{job}.ass")
    assert "\\t(" in drawn
    assert set(answer["timing_files"]) == {"srt", "ass", "ttml", "textgrid"}


async def test_a_person_sees_the_summary_the_words_and_the_progress_in_the_ui():
    answer = await speak(SpeechRequest.parse(TIMED))
    found = await artifacts(answer["job_id"])
    assert set(found) == {"progress", "summary", "words"}
    assert found["progress"].data == 100
    assert answer["audio_url"].removeprefix("file://") in found["summary"].data
    assert len(found["words"].data.splitlines()) == 2 + 7


async def test_the_server_knows_the_run_and_each_step():
    answer = await speak(SpeechRequest.parse(TIMED))
    async with get_client() as client:
        for _ in range(50):
            run = await client.read_flow_run(UUID(answer["flow_run_id"]))
            names = {
                task.name.rsplit("-", 1)[0] for task in await client.read_task_runs() if task.flow_run_id == run.id
            }
            if len(names) >= 7:
                break
            await asyncio.sleep(0.2)
    assert run.state_name == "Completed"
    assert names == {
        "resolve", "prepare", "synthesize", "persist audio", "align words", "render subtitles", "persist files",
    }  # fmt: skip
    assert answer["flow_run_url"].endswith(f"/runs/flow-run/{run.id}")


async def test_the_same_request_and_seed_give_the_same_audio(store):
    first, second = [await speak(SpeechRequest.parse(TIMED)) for _ in range(2)]
    read = [(store._root / f"output/{answer['job_id']}.wav").read_bytes() for answer in (first, second)]
    assert read[0] == read[1]


async def test_a_run_that_runs_again_leaves_one_result(store, monkeypatch):
    job = "7a1d8d6c-5a53-4d39-8a43-9d0f5e5f3c11"
    for module in ("speak", "subtitles"):
        monkeypatch.setattr(f"flows.{module}.job_id", lambda: job)
    await run()
    before = [key for key in keys(store) if job in key]
    await run()
    assert [key for key in keys(store) if job in key] == before


async def test_audio_is_delivered_when_no_aligner_can_time_it(store, monkeypatch):
    monkeypatch.setattr("speech.alignment.chain.ALIGNERS", {})
    answer = await (await run()).aresult()
    assert f"output/{answer['job_id']}.wav" in keys(store)
    assert "timing_files" not in answer
    assert "The words could not be timed" in answer["warnings"][-1]


@pytest.mark.parametrize("stored", [True, False])
async def test_a_lexicon_changes_what_is_spoken_and_nothing_that_is_written(store, stored):
    rows = [Row(word="my friend", say="my dear old friend whom I have known since we both were children")]
    lexicon = add("names", rows, store) if stored else rows
    plain, told = [await speak(SpeechRequest.parse(TIMED | each)) for each in ({}, {"lexicon": lexicon})]
    assert told["duration"] > plain["duration"] + 1
    words = json.loads(store.read(f"timings/{told['job_id']}.json"))["words"]
    assert [word["word"] for word in words] == TIMED["text"].split()
    assert words[3]["end_time"] - words[2]["start_time"] > 1.5


@pytest.mark.parametrize(
    ("fields", "engine", "error", "text"),
    [
        ({"local_voice": "bob.wav"}, None, InvalidRequest, "Failed to download voice file: bob.wav"),
        ({"lexicon": "names"}, None, InvalidRequest, "lexicon: there is no lexicon 'names'. None is stored"),
        ({"language": "yo"}, None, InvalidRequest, "language: 'yo' is not accepted"),
        ({}, "f5-tts", SpeechError, "f5-tts"),
    ],
)
async def test_what_cannot_be_done_fails_with_the_reason_and_stores_no_output(store, fields, engine, error, text):
    state = await speak(SpeechRequest.parse(TIMED | fields), engine=engine, return_state=True)
    fault = await state.aresult(raise_on_failure=False)
    assert isinstance(fault, error)
    assert text in str(fault)
    [record] = keys(store)
    assert json.loads(store.read(record))["status"] == "ERROR"
    assert text in json.loads(store.read(record))["error_message"]


async def test_parameters_that_are_not_valid_fail_the_run_and_store_no_output(store):
    state = await speak({"text": "", "sped": 2}, return_state=True)
    assert state.is_failed()
    assert not [key for key in keys(store) if not key.startswith("jobs/")]


class Patient(Told):
    """An engine that takes its time and tells how far it is."""

    clones = True

    def synthesize(self, chunks, options, on_progress=None):
        for done in range(len(chunks)):
            on_progress(done, len(chunks))
            time.sleep(0.6)
        return super().synthesize(chunks, options)


async def test_progress_is_seen_while_the_voice_speaks(monkeypatch):
    monkeypatch.setattr("speech.engines.choice.ENGINES", {"patient": f"{__name__}:Patient"})
    seen, heard = [], []
    monkeypatch.setattr("tasks.progress.aupdate_progress_artifact", watch(seen))
    token = listener.set(lambda step, share: heard.append((step, share)))
    paragraph = "This paragraph is long enough to be spoken by itself, as it were."
    await speak(SpeechRequest.parse({"text": "\n\n".join([paragraph] * 4)}))
    listener.reset(token)
    assert seen[-1] == 100
    assert any(5 < share < 60 for share in seen)
    assert [step for step, _ in heard] == ["prepare", *["synthesize"] * 5, "done"]
    assert [share for _, share in heard] == sorted(share for _, share in heard)


def watch(seen):
    """Prefect's own update, and a note of what it was told."""
    update = progress.aupdate_progress_artifact

    async def noted(artifact, progress):
        seen.append(progress)
        return await update(artifact, progress=progress)

    return noted


class Stopping(Told):
    """An engine that is stopped in the middle, as it is told."""

    stop = staticmethod(lambda: None)

    def synthesize(self, chunks, options, on_progress=None):
        self.stop()


@pytest.fixture
def stopping(monkeypatch):
    monkeypatch.setattr("speech.engines.choice.ENGINES", {"espeak": f"{__name__}:Stopping"})
    return lambda stop: monkeypatch.setattr(Stopping, "stop", staticmethod(stop))


async def test_a_crashed_run_has_a_record_too(store, stopping):
    def crash():
        raise SystemExit

    stopping(crash)
    with pytest.raises(BaseException):  # noqa: B017
        await run()
    [record] = keys(store)
    assert json.loads(store.read(record)).items() >= {"status": "ERROR", "state": "Crashed"}.items()


async def test_a_cancelled_run_has_a_record_too(store, stopping):
    def cancel():
        job = flow_run.id
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(job), Cancelling(), force=True)
        raise CancelledRun

    stopping(cancel)
    await run()
    [record] = keys(store)
    assert json.loads(store.read(record))["status"] == "CANCELLED"


async def test_the_working_folder_is_gone_afterwards(monkeypatch, tmp_path):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    await run()
    await speak(SpeechRequest.parse(TIMED), engine="f5-tts", return_state=True)
    assert not [path for path in (tmp_path / "scratch").iterdir() if path.name.startswith("f5-flows")]


def in_bucket(monkeypatch, bucket, url):
    monkeypatch.setenv("S3_BUCKET", bucket.name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("REQUEST_TIMEOUT", "2")
    return S3Store(bucket)


async def test_files_go_to_a_bucket_and_the_secret_goes_nowhere(monkeypatch, bucket, prefect_server, caplog):
    store = in_bucket(monkeypatch, bucket, bucket.endpoint)
    answer = await speak(SpeechRequest.parse(TIMED))
    assert store.head(f"output/{answer['job_id']}.wav").size > 1000
    assert re.match(rf"{bucket.endpoint}/.*X-Amz-Signature", answer["audio_url"])
    everything = json.dumps(answer) + caplog.text + str(await artifacts(answer["job_id"]))
    everything += store.read(f"jobs/{answer['job_id']}.json")
    assert SECRET_KEY not in everything


async def test_a_store_that_is_away_for_a_moment_costs_only_a_moment(monkeypatch, bucket):
    proxy = FaultyProxy(bucket.endpoint)
    try:
        store = in_bucket(monkeypatch, bucket, proxy.url)
        faults = iter(["die"] * 5)
        proxy.mode = lambda method, path: next(faults, "plain") if "/output/" in path else "plain"
        answer = await speak(SpeechRequest.parse(TIMED))
        puts = [path for method, path in proxy.seen if method == "PUT" and "/output/" in path]
        assert len(puts) == 6
        assert len(list(store.list("output/"))) == 1
        assert load(store, answer["job_id"]).status == "COMPLETED"
    finally:
        proxy.stop()


async def test_a_store_that_vanishes_midway_keeps_the_audio_and_nothing_half(monkeypatch, bucket):
    proxy = FaultyProxy(bucket.endpoint)
    try:
        store = in_bucket(monkeypatch, bucket, proxy.url)
        proxy.mode = lambda method, path: "die" if "/timings/" in path and method == "PUT" else "plain"
        answer = await (await run()).aresult()
        assert "There are no subtitles" in answer["warnings"][-1]
        assert "broke off" in answer["warnings"][-1]
        assert not [name for name in answer if name.startswith("timing")]
        assert len(list(store.list("output/"))) == 1
        assert list(store.list("timings/")) == []
    finally:
        proxy.stop()


@pytest.mark.parametrize("kind", ["srt", "html", "json"])
async def test_a_subtitle_that_is_refused_costs_the_subtitles_and_not_the_audio(monkeypatch, bucket, kind):
    proxy = FaultyProxy(bucket.endpoint)
    try:
        store = in_bucket(monkeypatch, bucket, proxy.url)

        def refuse(method, path):
            folder, _, name = path.rpartition("/")
            return "denied" if method == "PUT" and "/jobs" not in folder and name.endswith(f".{kind}") else "plain"

        proxy.mode = refuse
        answer = await (await run()).aresult()
        assert answer["warnings"][-1].startswith("There are no subtitles: ")
        assert "refused access" in answer["warnings"][-1]
        assert [key.key for folder in ("timings", "previews") for key in store.list(f"{folder}/")] == []
        assert reply(store, load(store, answer["job_id"]))["word_timings"] == []
    finally:
        proxy.stop()


async def test_what_cannot_be_taken_back_either_hides_no_fault_and_is_named_nowhere(monkeypatch, bucket):
    proxy = FaultyProxy(bucket.endpoint)
    try:
        store = in_bucket(monkeypatch, bucket, proxy.url)

        def fail(method, path):
            if "/timings/" not in path and "/previews/" not in path:
                return "plain"
            # The words' times are there by then, and so are most of the files.
            return {"PUT": "die" if path.endswith(".ass") else "plain", "DELETE": "denied"}.get(method, "plain")

        proxy.mode = fail
        answer = await (await run()).aresult()
        left = [entry.key for entry in store.list("timings/")]
        assert sorted(key.rpartition(".")[2] for key in left) == ["csv", "json", "srt", "vtt"]
        assert answer["warnings"][-1].startswith("There are no subtitles: ")
        assert "broke off" in answer["warnings"][-1] and "refused" not in answer["warnings"][-1]
        told = reply(store, load(store, answer["job_id"]))
        assert (told["status"], told["word_timings"]) == ("completed", [])
        everything = json.dumps([answer, told]) + store.read(f"jobs/{answer['job_id']}.json")
        assert not [key for key in left if key in everything]
    finally:
        proxy.stop()


async def test_a_page_that_cannot_be_made_costs_the_page(monkeypatch):
    monkeypatch.setattr("speech.preview.write", broken)
    answer = await speak(SpeechRequest.parse(TIMED))
    assert "There is no preview: an unexpected fault (ZeroDivisionError)." in answer["warnings"]
    assert set(answer["timing_files"]) == {"ass", "csv", "json", "srt", "vtt"}


def broken(*_, **__):
    raise ZeroDivisionError


@pytest.fixture
def faulty_prefect(prefect_server, monkeypatch):
    """Prefect, reached over a proxy, by clients that give up soon."""
    from deployments import retries

    retries.install()
    monkeypatch.setenv("PREFECT_PATIENCE", "2")
    proxy = FaultyProxy(prefect_server.removesuffix("/api"), signed=False)
    with temporary_settings({PREFECT_API_URL: f"{proxy.url}/api"}):
        yield proxy
    proxy.stop()


async def test_what_people_see_of_a_run_never_fails_it(faulty_prefect, store):
    faulty_prefect.mode = lambda method, path: "fault" if "/artifacts" in path else "plain"
    answer = await speak(SpeechRequest.parse(TIMED))
    assert load(store, answer["job_id"]).status == "COMPLETED"


def every_other_state_is_lost():
    """Each state is set at the first try, and its setter hears of it at the second one."""
    modes = itertools.cycle(["lost", "plain"])
    return lambda method, path: next(modes) if path.endswith("/set_state") else "plain"


async def test_a_state_whose_answer_is_lost_leaves_the_record_it_should(faulty_prefect, store):
    faulty_prefect.mode = every_other_state_is_lost()
    state = await run()
    assert state.is_completed()
    [record] = [load(store, key.removeprefix("jobs/").removesuffix(".json")) for key in keys(store) if "jobs/" in key]
    assert (record.status, record.state, record.result["word_count"]) == ("COMPLETED", "Completed", 7)


async def test_a_fault_whose_answer_is_lost_is_told_in_its_own_words(faulty_prefect, store):
    faulty_prefect.mode = every_other_state_is_lost()
    await run(local_voice="bob.wav")
    [record] = keys(store)
    assert json.loads(store.read(record))["error_message"] == "Failed to download voice file: bob.wav"


async def test_wrong_keys_fail_at_once_with_what_to_do(monkeypatch, bucket):
    in_bucket(monkeypatch, bucket, bucket.endpoint)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    fault = await (await run()).aresult(raise_on_failure=False)
    assert isinstance(fault, SpeechError)
    assert "the secret key is wrong" in str(fault)


@pytest.mark.parametrize(("fields", "name"), [({}, "Hello there, my friend. It is 10:30."), ({"name": "Tea"}, "Tea")])
async def test_a_run_is_called_by_its_name_or_by_the_first_words_of_its_script(fields, name):
    state = await run(return_word_timings=False, **fields)
    async with get_client() as client:
        assert (await client.read_flow_run(state.state_details.flow_run_id)).name == name
