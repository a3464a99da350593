"""The command line, run as a person would."""

import csv
import json
import os
import re
import struct
import subprocess
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
from tests.conftest import recorded, small_disk
from tests.deployments.cli.conftest import PROGRAM
from tests.scripts import ALICE

pytestmark = pytest.mark.service


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
        [note] = [line for line in done.stdout.splitlines() if line.startswith("Note: ")]
        assert "demo voice spoke and the embedded aligner timed the words; f5-flows doctor" in note
        assert "[  5%] synthesize" in done.stderr

    def test_without_out_the_files_are_named_after_the_script_and_none_is_written_over(self, call, tmp_path):
        script = "# Sea salt\n\nEvery summer."
        replies = [json.loads(call("speak", "-", "--json", "--no-timings", stdin=script).stdout) for _ in range(2)]
        names = ["sea-salt.wav", "sea-salt-2.wav"]
        assert [reply["files"] for reply in replies] == [[str(tmp_path / "work" / name)] for name in names]
        assert files(tmp_path / "work") == sorted(names)

    def test_out_names_the_audio_file_and_with_it_the_format_and_the_siblings(self, call, tmp_path):
        done = call("speak", "Hello there.", "--out", "talks/Talk.MP3", "--format", "srt", "--split", "cues")
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "work" / "talks"
        assert files(folder) == ["Talk-cues", "Talk.MP3", "Talk.html", "Talk.srt"]
        assert soundfile.info(folder / "Talk.MP3").format == "MP3"
        assert files(folder / "Talk-cues") == ["0001.wav"]

    def test_quiet_prints_the_paths_alone(self, call):
        done = call("speak", "Hello there.", "--quiet", "--format", "srt", "--name", "Über Salz", "--out", "a/")
        assert (done.stdout.split(), done.stderr) == (["a/über-salz.wav", "a/über-salz.srt", "a/über-salz.html"], "")

    def test_the_page_is_opened_and_the_audio_is_played(self, call, tmp_path):
        programs = tmp_path / "programs"
        programs.mkdir()
        for name in ("ffplay", "browser"):
            (programs / name).write_text(f'#!/bin/sh\necho "{name}" "$@" >> {tmp_path}/called\n')
            (programs / name).chmod(0o755)
        variables = {"PATH": f"{programs}:{os.environ['PATH']}", "BROWSER": str(programs / "browser")}
        done = call("speak", "Hello there.", "--open", "--play", "--out", "a.wav", **variables)
        assert done.returncode == 0, done.stderr
        opened, played = (tmp_path / "called").read_text().splitlines()
        assert opened == f"browser {(tmp_path / 'work' / 'a.html').as_uri()}"
        assert played.split()[0] == "ffplay"
        assert played.endswith(f" {tmp_path / 'work' / 'a.wav'}")

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
            assert "has no space left" in done.stderr
            assert not list((small / "store" / "output").glob("*.wav"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["speak"], "Give the text"),
        (["speak", ""], "Text input is required"),
        (["speak", " \n "], "Text input is required"),
        (["speak", "?!..."], "holds no letter or digit"),
        (["speak", "😀"], "holds no letter or digit"),
        (["speak", "x", "--speed", "0"], "a number from 0.5 to 2.0"),
        (["speak", "x", "--speed", "NaN"], "a number from 0.5 to 2.0"),
        (["speak", "x", "--speed", "fast"], "--speed: 'fast'"),
        (["speak", "x", "--seed", "0"], "from 1 to 2147483647"),
        (["speak", "x", "--format", "doc"], "one of srt, vtt, csv, json, ass"),
        (["speak", "x", "--language", "xx"], "ISO 639-1"),
        (["speak", "x", "--preset", "loud"], "one of netflix, netflix-children, bbc, social, word"),
        (
            ["speak", "x", "--max-chars", "2"],
            "--max-chars: 2 is not accepted; expected a whole number from 4 to",
        ),
        (["speak", "x", "--gap", "soon"], "--gap: 'soon' is not accepted; expected a number from 0 to 2"),
        (["speak", "x", "--preset", "word", "--gap", "1"], "--preset: the preset 'word' has no values to replace"),
        (
            ["speak", "x", "--min-duration", "5", "--max-duration", "2"],
            "--min-duration: 5 is more than --max-duration, which is 2",
        ),
        (["speak", "x", "--style", "fancy"], "--style: 'fancy' is not accepted; expected one of classic, box"),
        (["speak", "x", "--karaoke", "loud"], "expected one of sweep, step, one, appear, none"),
        (["speak", "x", "--audio-format", "aiff"], "one of wav, mp3, flac, ogg, m4a"),
        (["speak", "x", "--no-timings", "--split", "cues"], "--split: 'cues' needs word times; leave out --no-timings"),
        (["speak", "x", "--split", "words"], "--split: 'words' is not accepted"),
        (
            ["speak", "x", "--voice", "../x.wav"],
            "--voice: '../x.wav' is not accepted",
        ),
        (["speak", "x", "--ref-text", "Hello there."], "--ref-text: it is the transcript of a recording"),
        (["speak", "x", "--no-timings", "--format", "srt"], "--format: there are no subtitles without word times"),
        (["speak", "x", "--lexicon", "names"], "--lexicon: there is no lexicon 'names'. None is stored"),
        (["speak", "x", "--lexicon", "../x.y"], "--lexicon: ../x.y cannot be read: No such file"),
        (["speak", "x", "--lexicon", "a b"], "--lexicon: 'a b' is not accepted; expected the name of a stored lexicon"),
        (["narrate", "/dev/null", "--ref-text", "Hello there."], "--ref-text: it is the transcript of a recording"),
        (["lexicon", "add", "../x", "x.csv"], "FILE: x.csv cannot be read: No such file"),
        (["lexicon", "try", "x", "Hi"], "NAME: there is no lexicon 'x'. None is stored"),
        (["lexicon", "remove", "../x"], "NAME: '../x' is not accepted"),
        (["voices", "add", "../x", "https://example.com/x.wav"], "NAME: '../x.wav'"),
        (["voices", "add", "x", "http://example.com/x.wav"], "only https URLs are fetched"),
        (["speak", "x", "--out", "/proc/nowhere"], "cannot be written to"),
        (["speak", "x", "--out", "talk.mp3", "--audio-format", "wav"], "--out, --audio-format: talk.mp3 ends in .mp3"),
        (["speak", "x", "--out", "talk.srt"], "--out: talk.srt is not the name of an audio file"),
        (["speak", "x", "--name", "../x"], "--name: '../x' is not accepted"),
        (["speak", "x", "--open", "--no-timings"], "--open: there is no page without word times"),
        (["speak", "x", "--voice", "bob"], "--voice: there is no voice 'bob'; there is none yet. To add one: f5-flows"),
        (["speak", "--file", "nowhere.txt"], "--file: nowhere.txt cannot be read: No such file"),
        (["align", "/dev/null", "--text", "nowhere.txt"], "AUDIO: there is no file /dev/null"),
        (["align", "nowhere.wav", "--text", "x.txt"], "there is no file nowhere.wav"),
        (["align", "nowhere.wav", "--text", "x.txt", "--style", "fancy"], "one of classic, box"),
        (["burn"], "Give a VIDEO, or --background COLOR"),
        (["burn", "a.mp4", "--background", "red"], "Give a VIDEO, or --background COLOR"),
        (["burn", "--background", "red"], "Give one of --text, --timings, --captions and --job"),
        (["burn", "--background", "reddish", "--timings", "a.json"], "--background: 'reddish' is not a colour"),
        (["burn", "--background", "red", "--size", "big", "--timings", "a.json"], "--size: 'big' is not a size"),
        (["burn", "--background", "red", "--timings", "a.json"], "There is no file a.json"),
        (["burn", "nowhere.mp4", "--timings", "a.json"], "VIDEO: There is no video at nowhere.mp4"),
        (["burn", "--background", "red", "--job", "x", "--out", "."], "--out: . is a folder; name the MP4 file"),
        (["burn", "--background", "red", "--timings", "a.json", "--look", "loud"], "--look: 'loud' is not accepted"),
        (["burn", "--background", "red", "--timings", "a.json", "--look", "p"], "one of pop, bubble, marker, neon"),
        (
            ["speak", "x", "--look", "pop", "--style", "box"],
            "--style: 'box' does not go with look, which is 'pop'; expected one of them",
        ),
        (
            ["burn", "--background", "red", "--captions", "a.ass", "--look", "pop"],
            "--look: the --captions file has its own style",
        ),
        (
            ["burn", "--background", "red", "--timings", "a.json", "--frame", "soon"],
            "--frame: 'soon' is not a time; expected, for example, 0:12, 83.5 or 1:02:03.",
        ),
        (["status", "../../etc/passwd"], "Invalid job_id."),
        (["result", "00000000-0000-0000-0000-000000000000"], "Invalid job_id."),
        (["spaek"], "No such command"),
    ],
)
def test_bad_input_is_one_clear_sentence_with_nothing_stored(call, tmp_path, words, says):
    done = call(*words, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


@pytest.mark.parametrize("words", [["speak", "Hello there."], ["worker"], ["deploy"]])
def test_a_prefect_server_whose_name_nobody_knows_is_told_in_one_sentence(call, words):
    done = call(*words, PREFECT_API_URL="http://prefect.invalid/api")
    assert (done.returncode, done.stdout) == (1, "")
    [told] = done.stderr.splitlines()
    assert told.startswith(
        "Error: The Prefect server at http://prefect.invalid/api (PREFECT_API_URL) does not answer; "
    )


def test_several_problems_are_told_at_once(call):
    done = call("speak", "x", "--speed", "9", "--preset", "loud", "--sample-rate", "1")
    assert done.returncode == 2
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["--speed", "--preset", "--sample-rate"]


def test_what_the_store_does_not_have_is_told_with_the_rest(call):
    done = call("speak", "x", "--speed", "9", "--voice", "nobody", "--lexicon", "none", "--out", "talk.srt")
    assert done.returncode == 2
    named = [line.split(":")[1].strip() for line in done.stderr.splitlines()]
    assert sorted(named) == ["--lexicon", "--out", "--speed", "--voice"]


def test_align_and_burn_tell_all_problems_at_once_too(call, tmp_path):
    (tmp_path / "work" / "talk.wav").write_bytes(b"")
    done = call("align", "talk.wav", "--text", "nowhere.txt", "--preset", "loud", "--out", "/proc/nowhere")
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["--text", "--preset", "--out"]
    done = call("burn", "--background", "reddish", "--timings", "a.json", "--preset", "loud", "--frame", "soon")
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [
        "There is no file a.json.",
        "--preset",
        "--background",
        "--frame",
    ]


def test_an_option_that_looks_like_a_number_stays_a_text(call):
    done = call("speak", "x", "--voice", "https://example.com/x.wav", "--ref-text", "42", "--speed", "9")
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["--speed"]


def test_a_player_that_is_missing_is_told_before_any_work(call, tmp_path):
    done = call("speak", "Hello there.", "--play", PATH=str(tmp_path), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 2
    assert "--play: no audio player is installed here" in done.stderr


def test_an_unknown_voice_is_refused_with_those_that_there_are_the_nearest_first(call, tmp_path):
    (tmp_path / "store" / "voices").mkdir(parents=True)
    for name in ("alice.wav", "robert.wav", "rob.wav"):
        (tmp_path / "store" / "voices" / name).write_bytes(b"")
    done = call("speak", "x", "--voice", "bob", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: --voice: there is no voice 'bob'; there are: rob, robert, alice\n"


def test_that_there_is_no_voice_is_said_with_how_to_add_one(call):
    assert call("voices", "list").stdout.startswith("There is no voice yet. To add one: f5-flows voices add NAME")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("f5-flows speak --preset ", ["netflix", "netflix-children", "bbc", "social", "word"]),
        ("f5-flows align --karaoke s", ["sweep", "step"]),
        ("f5-flows burn --style b", ["box", "bold"]),
        ("f5-flows spe", ["speak"]),
    ],
)
def test_the_shell_completes_commands_and_values(call, words, offered):
    count = str(len(words.split(" ")) - 1)
    out = call(_F5_FLOWS_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=count).stdout
    assert [line.partition(",")[2] for line in out.splitlines()] == offered


def test_control_characters_and_mixed_directions_are_spoken_without_them(call, prefect_server):
    reply = json.loads(call("speak", "-", "--json", stdin="Hello\x07 \u202eשלום\u202c world\x1b[0m مرحبا").stdout)
    result = json.loads(call("result", reply["job_id"]).stdout)
    assert [word["word"] for word in result["word_timings"]] == ["Hello", "שלום", "world[0m", "مرحبا"]


class TestAlign:
    def test_a_recording_that_exists_gets_the_same_files(self, call, tmp_path):
        recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "work" / "talk.wav")
        (tmp_path / "work" / "talk.txt").write_text(ALICE)
        done = call("align", "talk.wav", "--text", "talk.txt", "--out", "here")
        assert done.returncode == 0, done.stderr
        made = ("ass", "csv", "html", "json", "srt", "vtt")
        assert files(tmp_path / "work" / "here") == [f"talk.{name}" for name in made]
        assert f"Timed {len(ALICE.split())} words with embedded" in done.stdout

    def test_a_script_of_several_voices_and_odd_words_is_timed_as_it_was_spoken(self, call, tmp_path):
        place = tmp_path / "work"
        recorded(say("One two three four five six seven eight nine ten.", "en"), place / "talk.wav")
        (place / "talk.txt").write_text("Alice: ABC.\n\nBob: Ten.")
        (place / "cast.toml").write_text('Alice = "a.wav"\nBob = "b.wav"\n')
        (place / "names.csv").write_text("word,say,voice\nABC,one two three four five six seven eight nine,Alice\n")
        given = ["--cast", "cast.toml", "--lexicon", "names.csv", "--speaker-names", "--format", "vtt"]
        done = call("align", "talk.wav", "--text", "talk.txt", *given, "--format", "csv", "--out", ".")
        assert done.returncode == 0, done.stderr
        assert re.findall(r"<v .*", (place / "talk.vtt").read_text()) == ["<v Alice>ABC.", "<v Bob>Ten."]
        first, last = csv.DictReader((place / "talk.csv").open())
        assert float(last["start_time"]) > 0.7 * float(last["end_time"]) > 0
        assert float(last["start_time"]) - float(first["end_time"]) < 0.5
        page = (place / "talk.html").read_text()
        assert '"blocks":[["paragraph",1,0,0,"",false],["paragraph",1,0,1,"",false]],"voices":["Alice","Bob"]' in page

    def test_a_script_that_is_not_what_is_said_is_called_out(self, call, tmp_path):
        recorded(say(ALICE, "en", 150, "en-gb-x-rp+f3"), tmp_path / "work" / "talk.wav")
        done = call("align", "talk.wav", "--text", "-", stdin="The weather is nice. " * 40)
        assert "may not say this script" in done.stdout

    @pytest.mark.parametrize("content", [b"", b"not audio at all"])
    def test_what_is_not_audio_is_named_and_nothing_is_written(self, call, tmp_path, content):
        (tmp_path / "work" / "talk.wav").write_bytes(content)
        done = call("align", "talk.wav", "--text", "-", "--out", "here", stdin="Hello.")
        assert done.returncode == 2
        assert "talk.wav is not audio" in done.stderr
        assert files(tmp_path / "work") == ["talk.wav"]

    def test_a_recording_in_which_nothing_is_said_is_refused(self, call, tmp_path):
        soundfile.write(tmp_path / "work" / "talk.wav", np.zeros(48000, np.float32), 16000)
        for words in (["align", "talk.wav"], ["burn", "--background", "navy", "--audio", "talk.wav"]):
            done = call(*words, "--text", "-", stdin="Hello there, my friend.")
            assert (done.returncode, "The recording is silent" in done.stderr) == (2, True)
        assert files(tmp_path / "work") == ["talk.wav"]

    def test_without_out_the_files_lie_beside_the_recording_and_none_is_written_over(self, call, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        recorded(say("Hello there, my friend.", "en"), elsewhere / "talk.wav")
        (elsewhere / "talk.srt").write_text("by hand")
        given = ["align", elsewhere / "talk.wav", "--text", "-", "--format", "srt"]
        done = call(*given, "--speaker-names", stdin="Hello there, my friend.")
        assert done.returncode == 0, done.stderr
        assert files(elsewhere) == ["talk-2.html", "talk-2.srt", "talk.srt", "talk.wav"]
        assert (elsewhere / "talk.srt").read_text() == "by hand"
        assert files(tmp_path / "work") == []
        assert "Note: Who speaks is not shown" in done.stdout

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
        assert done.returncode == 2
        assert "talk.wav holds no audio: its length is zero." in done.stderr
        assert files(tmp_path / "work") == ["talk.wav"]

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

    def test_without_out_the_video_lies_beside_its_sound_and_is_no_other_file(self, call, tmp_path):
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        recorded(say("Hello there, my friend.", "en"), elsewhere / "talk.wav")
        given = ["--text", "-", "--audio", elsewhere / "talk.wav", "--size", "180x320", "--frame", "0.5"]
        for _ in range(2):
            done = call("burn", "--background", "black", *given, stdin="Hello there, my friend.")
            assert done.returncode == 0, done.stderr
        assert files(elsewhere) == ["talk-captioned-2.png", "talk-captioned.png", "talk.wav"]

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            (["--text", "talk.txt", "--audio", "talk.txt"], "--audio: talk.txt is not audio"),
            (["--timings", "talk.wav", "--audio", "talk.wav"], "--timings: talk.wav is not UTF-8"),
            (["--captions", "talk.wav", "--audio", "talk.wav"], "--captions: talk.wav is not UTF-8"),
            (["--captions", "talk.ass", "--audio", "talk.txt"], "--audio: talk.txt is not audio"),
        ],
    )
    def test_a_file_of_another_kind_is_refused_under_its_option(self, call, tmp_path, given, says):
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        (tmp_path / "work" / "talk.txt").write_text("Hello there, my friend.")
        (tmp_path / "work" / "talk.ass").write_text("[Events]\n")
        done = call("burn", "--background", "black", *given)
        assert done.returncode == 2, done.stderr
        assert says in done.stderr

    def test_one_frame_with_a_look_is_seen_before_the_video_is_written(self, call, tmp_path):
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        given = ["--background", "black", "--look", "pop", "--out", "talk.mp4"]
        first = call("align", "talk.wav", "--text", "-", "--out", ".", stdin="Hello there, my friend.")
        assert first.returncode == 0, first.stderr
        done = call("burn", *given, "--timings", "talk.json", "--frame", "0:00.6")
        assert done.returncode == 0, done.stderr
        assert done.stdout == "  talk.png\n"
        picture = (tmp_path / "work" / "talk.png").read_bytes()
        assert struct.unpack(">II", picture[16:24]) == (1080, 1920)
        assert not (tmp_path / "work" / "talk.mp4").exists()
        late = call("burn", *given, "--timings", "talk.json", "--frame", "9:00")
        assert late.returncode == 2
        assert "--frame: 9:00 is after the end; expected a time up to 0:0" in late.stderr

    def test_a_look_comes_with_its_font_in_the_file(self, call, tmp_path):
        recorded(say("Hello there, my friend.", "en"), tmp_path / "work" / "talk.wav")
        given = ["--text", "-", "--out", ".", "--look", "marker", "--format", "ass", "--no-preview"]
        done = call("align", "talk.wav", *given, stdin="Hello there, my friend.")
        assert done.returncode == 0, done.stderr
        assert files(tmp_path / "work") == ["talk.ass", "talk.wav"]
        text = (tmp_path / "work" / "talk.ass").read_text()
        assert "PlayResX: 1080" in text
        assert "fontname: Nunito-Black.ttf" in text

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
