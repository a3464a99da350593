"""The command line, run as a person would."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile

from deployments.local import server as local_server
from speech.encoding import ENCODERS, encode
from speech.engines.espeak import say
from speech.video import probe
from tests import PATIENCE
from tests.conftest import recorded, small_disk
from tests.scripts import ALICE

PROGRAM = Path(sys.executable).with_name("f5-flows")


@pytest.fixture
def call(tmp_path):
    """Run `f5-flows` in a folder of its own."""
    (tmp_path / "work").mkdir()

    def run(*words, stdin=None, **environment):
        return subprocess.run(
            [PROGRAM, *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=tmp_path / "work",
            env=dict(os.environ) | {"STORAGE_DIR": str(tmp_path / "store")} | environment,
        )

    return run


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.usefixtures("prefect_server")
class TestSpeak:
    def test_a_sentence_becomes_files_and_the_person_is_told_where(self, call, tmp_path):
        done = call("speak", "Hello there.", "--out", "here")
        assert done.returncode == 0, done.stderr
        names = files(tmp_path / "work" / "here")
        assert [name.split(".")[-1] for name in names] == ["ass", "csv", "html", "json", "srt", "vtt", "wav"]
        assert all(f"here/{name}" in done.stdout for name in names)
        assert "demo voice" in done.stdout
        assert "[  5%] synthesize" in done.stderr

    def test_without_out_the_files_lie_below_output_by_job(self, call, tmp_path):
        reply = json.loads(call("speak", "Hi there.", "--json", "--no-timings").stdout)
        assert files(tmp_path / "work" / "output" / reply["job_id"]) == [f"{reply['job_id']}.wav"]

    def test_json_prints_the_reply_and_nothing_else(self, call):
        reply = json.loads(call("speak", "Hi there.", "--json", "--seed", 5, "--format", "vtt").stdout)
        assert (reply["seed"], list(reply["timing_files"]), reply["timing_format"]) == (5, ["vtt"], "vtt")

    def test_a_script_is_read_from_a_file_or_standard_input(self, call, tmp_path):
        (tmp_path / "script.txt").write_text("\ufeffGrüße aus Köln.", encoding="utf-8")
        from_file = json.loads(call("speak", "--file", tmp_path / "script.txt", "--json", "--language", "de").stdout)
        piped = json.loads(call("speak", "-", "--json", stdin="Read from a pipe.").stdout)
        assert (from_file["text"], piped["text"]) == ("Grüße aus Köln.", "Read from a pipe.")

    def test_options_reach_the_speech(self, call, tmp_path):
        slow = json.loads(call("speak", "Hello there.", "--json", "--speed", 0.5, "--sample-rate", 48000).stdout)
        assert soundfile.info(slow["audio_url"].removeprefix("file://")).samplerate == 48000
        assert slow["duration"] > 1.5

    def test_a_proxy_to_the_world_is_not_asked_for_the_server_on_this_machine(self, call):
        proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
        done = call("speak", "Hello there.", "--no-timings", NO_PROXY="example.com", no_proxy="", **proxies)
        assert done.returncode == 0, done.stderr

    def test_status_and_result_answer_from_the_store(self, call):
        reply = json.loads(call("speak", "Hello there.", "--json").stdout)
        status = json.loads(call("status", reply["job_id"]).stdout)
        result = json.loads(call("result", reply["job_id"]).stdout)
        assert (status["status"], status["progress"]) == ("COMPLETED", 1.0)
        assert [word["word"] for word in result["word_timings"]] == ["Hello", "there."]

    def test_a_run_that_fails_says_why_and_exits_1(self, call):
        done = call("speak", "Hi", "--engine", "f5-tts")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.splitlines()[-1].startswith("Error: f5-tts")

    def test_a_killed_run_leaves_nothing_half_that_looks_whole(self, tmp_path):
        environment = dict(os.environ) | {"STORAGE_DIR": str(tmp_path / "store")}
        for seconds in (2.0, 2.4, 2.8, 3.2):
            running = subprocess.Popen([PROGRAM, "speak", ALICE, "--out", tmp_path / "out"], env=environment)
            time.sleep(seconds)
            running.kill()
            running.wait()
        for path in [*(tmp_path / "store").rglob("*"), *(tmp_path / "out").rglob("*")]:
            if path.suffix == ".wav" and not path.name.startswith("."):
                assert soundfile.info(path).duration > 20
            if path.suffix == ".json" and not path.name.startswith("."):
                json.loads(path.read_text())

    def test_a_store_that_is_full_says_so_and_leaves_nothing_half(self, call, tmp_path):
        small = tmp_path / "small"
        small.mkdir()
        with small_disk(small, "64k"):
            done = call("speak", ALICE, STORAGE_DIR=str(small / "store"))
            assert done.returncode == 1
            assert "has no room left" in done.stderr
            assert not list((small / "store" / "output").glob("*.wav"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["speak"], "Give the text"),
        (["speak", ""], "Text input is required"),
        (["speak", " \n "], "Text input is required"),
        (["speak", "?!..."], "holds no letter or digit"),
        (["speak", "😀"], "holds no letter or digit"),
        (["speak", "a" * 20_001], "at most 20000"),
        (["speak", "x", "--speed", "0"], "a number from 0.5 to 2.0"),
        (["speak", "x", "--speed", "NaN"], "a number from 0.5 to 2.0"),
        (["speak", "x", "--speed", "fast"], "speed: 'fast'"),
        (["speak", "x", "--seed", "0"], "from 1 to 2147483647"),
        (["speak", "x", "--format", "doc"], "one of srt, vtt, csv, json, ass"),
        (["speak", "x", "--language", "xx"], "ISO 639-1"),
        (["speak", "x", "--preset", "loud"], "one of netflix, netflix-children, bbc, social, word"),
        (
            ["speak", "x", "--max-chars", "2"],
            "cues.max_chars: 2 is not accepted; expected a whole number from 4 to",
        ),
        (["speak", "x", "--gap", "soon"], "cues.gap: 'soon' is not accepted; expected a number from 0 to 2"),
        (["speak", "x", "--preset", "word", "--gap", "1"], "the preset 'word' has no values to replace"),
        (
            ["speak", "x", "--min-duration", "5", "--max-duration", "2"],
            "cues.min_duration: 5 is more than max_dur",
        ),
        (["speak", "x", "--style", "fancy"], "style: 'fancy' is not accepted; expected one of classic, box"),
        (["speak", "x", "--karaoke", "loud"], "expected one of sweep, step, one, appear, none"),
        (["speak", "x", "--audio-format", "aiff"], "one of wav, mp3, flac, ogg, m4a"),
        (["speak", "x", "--no-timings", "--split", "cues"], "split: 'cues' needs return_word_timings"),
        (["speak", "x", "--split", "words"], "split: 'words' is not accepted"),
        (["speak", "x", "--voice", "../x.wav"], "name of a stored voice"),
        (["speak", "x", "--out", "/proc/nowhere"], "cannot be written to"),
        (["speak", "--file", "nowhere.txt"], "nowhere.txt"),
        (["align", "nowhere.wav", "--text", "x.txt"], "there is no file nowhere.wav"),
        (["align", "nowhere.wav", "--text", "x.txt", "--style", "fancy"], "one of classic, box"),
        (["burn"], "Give a VIDEO, or --background COLOR"),
        (["burn", "a.mp4", "--background", "red"], "Give a VIDEO, or --background COLOR"),
        (["burn", "--background", "red"], "Give one of --text, --timings, --captions and --job"),
        (["burn", "--background", "reddish", "--timings", "a.json"], "--background: 'reddish' is not a colour"),
        (["burn", "--background", "red", "--size", "big", "--timings", "a.json"], "--size: 'big' is not a size"),
        (["burn", "--background", "red", "--timings", "a.json"], "There is no file a.json"),
        (["burn", "nowhere.mp4", "--timings", "a.json"], "There is no video at nowhere.mp4"),
        (["burn", "--background", "red", "--job", "x", "--out", "."], "--out: . is a folder; name the MP4 file"),
        (["status", "../../etc/passwd"], "Invalid job_id."),
        (["result", "00000000-0000-0000-0000-000000000000"], "Invalid job_id."),
        (["spaek"], "No such command"),
    ],
)
def test_bad_input_is_one_clear_sentence_with_nothing_stored(call, tmp_path, words, says):
    done = call(*words, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode in (1, 2)
    assert done.returncode == 2 or words[0] == "burn"
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_control_characters_and_mixed_directions_are_spoken_without_them(call, prefect_server):
    reply = json.loads(call("speak", "-", "--json", stdin="Hello\x07 \u202eשלום\u202c world\x1b[0m مرحبا").stdout)
    result = json.loads(call("result", reply["job_id"]).stdout)
    assert [word["word"] for word in result["word_timings"]] == ["Hello", "שלום", "world[0m", "مرحبا"]


def test_text_that_is_not_utf8_is_named(call, tmp_path):
    (tmp_path / "work" / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    done = call("speak", "--file", "latin.txt")
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr


class TestAlign:
    def test_a_recording_that_exists_gets_the_same_files(self, call, tmp_path):
        recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "work" / "talk.wav")
        (tmp_path / "work" / "talk.txt").write_text(ALICE)
        done = call("align", "talk.wav", "--text", "talk.txt", "--out", "here")
        assert done.returncode == 0, done.stderr
        made = ("ass", "csv", "html", "json", "srt", "vtt")
        assert files(tmp_path / "work" / "here") == [f"talk.{name}" for name in made]
        assert f"Timed {len(ALICE.split())} words with embedded" in done.stdout

    def test_a_script_that_is_not_what_is_said_is_called_out(self, call, tmp_path):
        recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "work" / "talk.wav")
        done = call("align", "talk.wav", "--text", "-", stdin="The weather is nice. " * 40)
        assert "may not say this script" in done.stdout

    @pytest.mark.parametrize("content", [b"", b"not audio at all"])
    def test_what_is_not_audio_is_named_and_nothing_is_written(self, call, tmp_path, content):
        (tmp_path / "work" / "talk.wav").write_bytes(content)
        done = call("align", "talk.wav", "--text", "-", "--out", "here", stdin="Hello.")
        assert done.returncode == 1
        assert "talk.wav is not audio" in done.stderr
        assert files(tmp_path / "work" / "here") == []

    def test_every_preset_style_and_output_is_there_for_a_recording_too(self, call, tmp_path):
        recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "work" / "talk.wav")
        (tmp_path / "work" / "talk.txt").write_text(ALICE)
        wanted = ["--preset", "social", "--style", "yellow", "--karaoke", "one", "--split", "cues"]
        formats = [part for name in ("ass", "ttml", "textgrid") for part in ("--format", name)]
        done = call("align", "talk.wav", "--text", "talk.txt", "--out", "here", *wanted, *formats)
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "work" / "here"
        pieces = sorted(path.name for path in (folder / "talk-cues").iterdir())
        assert pieces[0] == "0001.wav"
        assert len(pieces) >= len(ALICE.split()) / 3
        assert {path.suffix for path in folder.iterdir() if path.is_file()} == {".ass", ".ttml", ".textgrid", ".html"}
        assert "PlayResY: 1920" in (folder / "talk.ass").read_text()

    def test_audio_of_no_length_is_named(self, call, tmp_path):
        soundfile.write(tmp_path / "work" / "talk.wav", np.zeros(0, np.float32), 16000)
        done = call("align", "talk.wav", "--text", "-", "--out", "here", stdin="Hello.")
        assert done.returncode == 1
        assert "talk.wav holds no audio: its length is zero." in done.stderr
        assert files(tmp_path / "work" / "here") == []

    @pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg"])
    def test_a_recording_that_is_cut_off_is_timed_as_far_as_it_goes(self, call, tmp_path, kind):
        whole = tmp_path / "work" / f"whole.{kind}"
        recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "work" / "whole.wav")
        if kind != "wav":
            encode(tmp_path / "work" / "whole.wav", whole, ENCODERS[kind])
        content = whole.read_bytes()
        (tmp_path / "work" / f"talk.{kind}").write_bytes(content[: len(content) * 2 // 3])
        done = call("align", f"talk.{kind}", "--text", "-", "--out", "here", "--format", "json", stdin=ALICE)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0, done.stderr
        found = json.loads((tmp_path / "work" / "here" / "talk.json").read_text())
        assert len(found["words"]) == len(ALICE.split())
        assert found["words"][-1]["end_time"] <= found["duration"]

    def test_eight_channels_at_eight_kilohertz_are_timed(self, call, tmp_path):
        utterance = say("Hello there, my friend.", "en")
        samples = np.stack([utterance.samples[::3]] * 8, axis=1)
        soundfile.write(tmp_path / "work" / "talk.wav", samples, utterance.rate // 3)
        done = call("align", "talk.wav", "--text", "-", stdin="Hello there, my friend.")
        assert done.returncode == 0, done.stderr

    def test_the_script_is_not_written_over(self, call, tmp_path):
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        (tmp_path / "work" / "talk.csv").write_text("Hello there, my friend.")
        done = call("align", "talk.wav", "--text", "talk.csv", "--out", ".")
        assert done.returncode == 2
        assert "talk.csv would be written over" in done.stderr
        assert files(tmp_path / "work") == ["talk.csv", "talk.wav"]


class TestBurn:
    def test_a_recording_and_its_timings_become_a_video(self, call, tmp_path):
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        assert call("align", "talk.wav", "--text", "-", "--out", ".", stdin="Hello there, my friend.").returncode == 0
        given = ["--timings", "talk.json", "--audio", "talk.wav", "--size", "320x180", "--karaoke", "step"]
        done = call("burn", "--background", "navy", *given, "--out", "talk.mp4")
        assert done.returncode == 0, done.stderr
        assert "burn" in done.stderr
        made = probe(tmp_path / "work" / "talk.mp4")
        assert (made.width, made.height, made.has_audio) == (320, 180, True)

    def test_a_script_is_timed_and_burned_in_one_go(self, call, tmp_path):
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        given = ["--text", "-", "--audio", "talk.wav", "--preset", "social", "--size", "180x320"]
        done = call("burn", "--background", "black", *given, "--out", "talk.mp4", stdin="Hello there, my friend.")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "work" / "talk.mp4").stat().st_size > 1000

    def test_a_job_of_the_store_becomes_a_video(self, call, prefect_server, tmp_path):
        job = json.loads(call("speak", "Hello there.", "--audio-format", "mp3", "--json").stdout)["job_id"]
        done = call("burn", "--background", "black", "--size", "320x180", "--job", job, "--out", "talk.mp4")
        assert done.returncode == 0, done.stderr
        assert probe(tmp_path / "work" / "talk.mp4").has_audio

    def test_a_video_is_not_written_over(self, call, tmp_path):
        film = tmp_path / "work" / "film.mp4"
        film.write_bytes(b"film")
        given = ["--audio", "film.mp4", "--timings", "film.mp4", "--out", "film.mp4"]
        done = call("burn", "--background", "black", *given)
        assert done.returncode == 2
        assert "film.mp4 would be written over" in done.stderr
        assert film.read_bytes() == b"film"

    def test_captions_that_are_no_ass_file_are_refused(self, call, tmp_path):
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        (tmp_path / "work" / "a.ass").write_text("Hello.")
        done = call("burn", "--background", "black", "--captions", "a.ass", "--audio", "talk.wav")
        assert done.returncode == 2
        assert "a.ass is not an ASS file" in done.stderr

    def test_timings_that_are_not_ours_are_refused(self, call, tmp_path):
        (tmp_path / "work" / "a.json").write_text('{"words": 5}')
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        done = call("burn", "--background", "black", "--timings", "a.json", "--audio", "talk.wav")
        assert done.returncode == 2
        assert "The timings are not a JSON file of f5-flows" in done.stderr


def test_help_teaches_and_names_every_command(call):
    text = call("--help").stdout
    assert all(word in text for word in ("speak", "align", "burn", "result", "status", "doctor", "server"))
    assert all(word in text for word in ("deploy", "worker", "endpoint", "execute", "blocks"))
    assert "--preset" in call("speak", "--help").stdout
    assert "RUNPOD_API_KEY" in call("deploy", "--help").stdout


def test_the_endpoint_is_served_only_where_runpod_asks_for_it(call):
    done = call("endpoint")
    assert done.returncode == 2
    assert "RUNPOD_WEBHOOK_GET_JOB" in done.stderr


def test_a_worker_of_a_pool_that_is_not_there_is_refused(call, prefect_server):
    done = call("worker", "--pool", "nowhere")
    assert done.returncode == 2
    assert "there is no work pool 'nowhere'; there are: " in done.stderr


def test_a_pool_at_runpod_needs_an_account(call, prefect_server):
    done = call("deploy", "--pool", "gpu", PREFECT_API_URL=prefect_server)
    assert done.returncode == 1
    assert "set RUNPOD_API_KEY and RUNPOD_ENDPOINT_ID" in done.stderr


def made(url, **fields):
    """The id of what an API has made."""
    name, _, word = local_server.password().partition(":")
    return httpx.post(url, json=fields, auth=(name, word), trust_env=False).json()["id"]


def test_one_flow_run_is_executed_and_the_next_time_left_alone(call, prefect_server, tmp_path):
    api = {"PREFECT_API_URL": prefect_server, "ENGINE": "espeak", "STORAGE_DIR": str(tmp_path)}
    flow = made(f"{prefect_server}/flows/", name="speak")
    wanted = {"flow_id": flow, "parameters": {"request": {"text": "Hello."}}, "state": {"type": "SCHEDULED"}}
    run = made(f"{prefect_server}/flow_runs/", **wanted)
    assert f"Flow run {run}: Completed" in call("execute", run, **api).stdout
    assert (tmp_path / f"output/{run}.wav").exists()
    assert "not run here: it is Completed" in call("execute", run, **api).stdout


class TestDoctor:
    def test_a_line_for_each_part_and_what_to_do(self, call):
        done = call("doctor", F5_FLOWS_HOME="/tmp/f5-flows-nobody")
        lines = {line[9:21].strip(): line for line in done.stdout.splitlines()}
        assert list(lines) == [
            "engine", "model", "gpu", "whisperx", "google", "alignment", "storage", "ffmpeg", "disk",
            "temporary", "prefect", "history",
        ]  # fmt: skip
        assert lines["prefect"].startswith("off")
        assert "f5-flows server start" in lines["prefect"]
        assert done.returncode == 0

    def test_what_is_broken_is_named_and_exits_1(self, call):
        nobody = {"S3_BUCKET": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "x"}
        done = call("doctor", ENGINE="f5-tts", REQUEST_TIMEOUT="1", AWS_SECRET_ACCESS_KEY="hunter2", **nobody)
        assert done.returncode == 1
        lines = {line[9:21].strip(): line for line in done.stdout.splitlines()}
        assert all(lines[name].startswith("degraded") for name in ("engine", "model", "storage"))
        assert "hunter2" not in done.stdout + done.stderr

    def test_google_credentials_that_are_none_are_named(self, call):
        done = call("doctor", GOOGLE_CREDENTIALS_JSON="hunter2")
        assert done.returncode == 1
        assert "GOOGLE_CREDENTIALS_JSON does not hold" in done.stdout
        assert "hunter2" not in done.stdout

    def test_a_wrong_variable_is_one_sentence(self, call):
        done = call("doctor", REQUEST_TIMEOUT="soon")
        assert done.returncode == 1
        assert done.stderr == (
            "Error: The environment holds a value that is not accepted: REQUEST_TIMEOUT='soon'; expected a number, "
            "more than 0\n"
        )


class TestServer:
    def test_status_tells_where_it_runs(self, call, prefect_server):
        done = call("server", "status")
        assert (done.returncode, prefect_server.removesuffix("/api") in done.stdout) == (0, True)
        assert "runs at" in call("server", "start").stdout

    def test_no_server_is_said_with_how_to_start_one(self, call, tmp_path):
        done = call("server", "status", F5_FLOWS_HOME=str(tmp_path))
        assert done.returncode == 1
        assert "f5-flows server start" in done.stderr
        assert "No local Prefect server" in call("server", "stop", F5_FLOWS_HOME=str(tmp_path)).stdout


def test_the_program_is_installed():
    assert PROGRAM.exists()
