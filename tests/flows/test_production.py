"""The production path, as an operator's worker walks it: models from the bucket, F5-TTS, the chain, the bucket.

Everything is real but the weights, which are small: random for the voice, trained on espeak-ng for the
aligner. Each run is a process of its own on a machine that has nothing yet.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from speech.models import VOCODER, Location, push
from speech.models.manifest import parse
from speech.stores.s3 import S3Store
from tests import PATIENCE
from tests.fakes import gateway as ceph
from tests.fakes.google_speech import GoogleSpeech

TEXT = "The lamp above the door was never lit."

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(400)]


@pytest.fixture
def store(bucket, networks):
    """A bucket that holds the models, as `f5-flows models push` leaves them."""
    store, place = S3Store(bucket), Location(networks)
    for name in ("f5-tts/tiny", VOCODER, "align/en"):
        push(name, store, place)
    return store


@pytest.fixture
def google():
    words = TEXT.rstrip(".").split()
    served = GoogleSpeech([(word, 0.2 * at, 0.2 * at + 0.15) for at, word in enumerate(words)])
    yield served
    served.stop()


@pytest.fixture
def worker(bucket, store, google, tmp_path):
    """Run the command line on a machine of its own."""
    home = tmp_path / "machine"

    def run(*words, **environment):
        variables = {
            "F5_FLOWS_HOME": os.environ["F5_FLOWS_HOME"], "MODELS_DIR": str(home / "models"), "ENGINE": "f5-tts",
            "F5_MODEL": "tiny", "NFE_STEP": "5", "MAX_RETAKES": "1", "S3_BUCKET": bucket.name,
            "AWS_ENDPOINT_URL": bucket.endpoint, "AWS_ACCESS_KEY_ID": ceph.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ceph.SECRET_KEY, "GOOGLE_SPEECH_ENDPOINT": google.url, "REQUEST_TIMEOUT": "10",
        }  # fmt: skip
        program = Path(sys.executable).with_name("f5-flows")
        (tmp_path / "work").mkdir(exist_ok=True)
        return subprocess.run(
            [program, *words], env=os.environ | variables | environment, capture_output=True, text=True,
            timeout=PATIENCE, cwd=tmp_path / "work",
        )  # fmt: skip

    return run


def spoken(worker, *more, **environment):
    done = worker("speak", TEXT, "--json", "--seed", "7", *more, **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def break_whisperx(store):
    """What the bucket gives as its model is whole, and is no model."""
    manifest = parse(store.read("models/manifests/align/en.json"), "align/en")
    [weights] = [file for file in manifest.files if file.path.endswith(".safetensors")]
    from speech.models.manifest import digest

    junk = b"x" * 100
    store.write(f"models/blobs/{digest(junk)}", junk.decode(), "application/octet-stream")
    broken = weights.model_copy(update={"size": 100, "digest": digest(junk), "parts": (digest(junk),)})
    files = tuple(broken if file is weights else file for file in manifest.files)
    text = manifest.model_copy(update={"files": files}).model_dump_json()
    store.write("models/manifests/align/en.json", text, "application/json")


def test_a_cloned_voice_is_spoken_aligned_by_whisperx_and_stored(worker, store):
    reply = spoken(worker)
    assert (reply["timing_method"], reply["seed"], reply["sample_rate"]) == ("whisperx", 7, 22050)
    assert reply["word_count"] == len(TEXT.split())
    job = reply["job_id"]
    kept = {entry.key for entry in store.list("output/")} | {entry.key for entry in store.list("timings/")}
    assert kept == {f"output/{job}.wav", *(f"timings/{job}.{name}" for name in ("srt", "vtt", "csv", "json", "ass"))}
    record = json.loads(store.read(f"jobs/{job}.json"))
    assert record["status"] == "COMPLETED"
    # A network with random weights says nothing; that is noticed, tried again and told.
    assert any("takes" in note for note in record["result"]["warnings"])


def test_when_whisperx_is_broken_google_answers(worker, store, google):
    break_whisperx(store)
    reply = spoken(worker)
    assert reply["timing_method"] == "google"
    assert any("whisperx did not time the words" in note for note in reply["warnings"])
    assert google.requests and 0 < reply["timing_cost_usd"] < 0.01


def test_when_both_are_broken_the_embedded_aligner_answers(worker, store, google):
    break_whisperx(store)
    google.mode = "deny"
    reply = spoken(worker)
    assert reply["timing_method"] == "embedded"
    reasons = " ".join(reply["warnings"])
    assert "whisperx did not time the words" in reasons and "google did not time the words" in reasons


def test_google_goes_first_where_it_is_asked_for(worker):
    assert spoken(worker, "--timing-method", "google")["timing_method"] == "google"


def test_without_its_model_the_run_fails_and_says_what_to_do(worker, store):
    store.delete("models/manifests/f5-tts/tiny.json")
    done = worker("speak", TEXT, "--json")
    assert done.returncode == 1 and done.stdout == ""
    assert "f5-tts/tiny is neither in the model cache nor here" in done.stderr
    assert [entry.key for entry in store.list("output/")] == []


def test_a_voice_is_added_used_listed_and_removed(worker, store, networks, tmp_path):
    import soundfile

    from speech.engines.espeak import say

    said = "My grandmother planted these pear trees when she was a girl of seven."
    utterance = say(said, "en", 150, "en-us+f3")
    soundfile.write(tmp_path / "ann.flac", utterance.samples, utterance.rate)
    added = worker("voices", "add", "ann", str(tmp_path / "ann.flac"), "--text", said)
    assert added.returncode == 0, added.stderr
    assert "uploaded successfully" in added.stdout
    listed = worker("voices", "list")
    assert "ann.wav" in listed.stdout
    reply = spoken(worker, "--voice", "ann", "--no-timings")
    assert not any("cannot clone" in note for note in reply["warnings"])
    assert worker("voices", "remove", "ann").returncode == 0
    refused = worker("speak", TEXT, "--voice", "ann")
    assert refused.returncode == 2 and "--voice: there is no voice 'ann'" in refused.stderr
    assert [entry.key for entry in store.list("voices/")] == []


def test_a_model_of_ones_own_is_pushed_from_a_folder(worker, store, networks, tmp_path):
    place = Location(tmp_path / "mine")
    import shutil

    shutil.copytree(networks / "f5-tts" / "tiny", place.root / "f5")
    pushed = worker("models", "push", "f5-tts/mine", "--from", str(place.root / "f5"))
    assert pushed.returncode == 0, pushed.stderr
    assert "f5-tts/mine" in worker("models", "list").stdout
    assert spoken(worker, "--no-timings", F5_MODEL="mine")["duration"] > 1
    assert "ok" in worker("models", "verify").stdout


def test_doctor_says_of_each_part_how_it_is(worker):
    assert worker("models", "sync").returncode == 0
    done = worker("doctor")
    levels = dict(reversed(line.split()[:2]) for line in done.stdout.splitlines() if line and not line.startswith(" "))
    assert levels["storage"] == levels["model"] == levels["whisperx"] == levels["google"] == levels["ffmpeg"] == "ok"
    assert levels["gpu"] in ("ok", "degraded")
