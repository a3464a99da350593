"""Where files go, and what they are called."""

import threading
import zipfile
from pathlib import Path

import pytest

from deployments.cli.destinations import Destination, choose_destination, free_path, give_name
from speech.errors import InvalidRequest

KINDS = ["wav", "srt", "zip"]


def fetch(kind, path):
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("0001.wav", "a piece")
    else:
        path.write_text(kind)


@pytest.mark.parametrize(
    ("out", "given", "folder", "audio", "audio_format"),
    [
        (None, None, ".", None, None),
        (None, "mp3", ".", None, None),
        ("talk.mp3", None, ".", "talk.mp3", "mp3"),
        ("a/talk.OPUS", "opus", "a", "a/talk.OPUS", "ogg"),
        ("a/talk.m4a", "aac", "a", "a/talk.m4a", "m4a"),
        ("talks/", None, "talks", None, None),
        ("talks", None, "talks", None, None),
        ("v1.2", None, "v1.2", None, None),
    ],
)
def test_out_is_a_file_by_its_ending_or_else_a_folder(out, given, folder, audio, audio_format):
    found = choose_destination(out, given)
    assert (found.folder, found.audio and str(found.audio)) == (Path(folder), audio)
    assert found.audio_format == audio_format


def test_a_folder_that_is_called_like_a_file_is_a_folder(tmp_path):
    (tmp_path / "talk.mp3").mkdir()
    assert choose_destination(str(tmp_path / "talk.mp3"), "wav") == Destination(tmp_path / "talk.mp3")


@pytest.mark.parametrize(
    ("out", "given", "says"),
    [
        ("talk.mp3", "flac", r"--out, --audio-format: talk\.mp3 ends in \.mp3, but the format is flac"),
        ("talk.srt", None, r"--out: talk\.srt is not the name of an audio file"),
        ("talk.mp4", None, r"--out: talk\.mp4 is not the name of an audio file"),
    ],
)
def test_what_contradicts_itself_is_refused(out, given, says):
    with pytest.raises(InvalidRequest, match=says):
        choose_destination(out, given)


def test_files_of_a_name_that_is_taken_get_a_number(tmp_path):
    (tmp_path / "sea.srt").write_text("mine")
    (tmp_path / "sea-2-cues").mkdir()
    paths = Destination(tmp_path).keep("sea", KINDS, fetch)
    assert [path.name for path in paths] == ["sea-3.wav", "sea-3.srt", "sea-3-cues"]
    assert (tmp_path / "sea.srt").read_text() == "mine"
    assert (tmp_path / "sea-3-cues" / "0001.wav").read_text() == "a piece"


def test_a_file_that_was_named_is_written_over(tmp_path):
    (tmp_path / "talk.wav").write_text("old")
    paths = choose_destination(str(tmp_path / "talk.wav"), None).keep("ignored", KINDS, fetch)
    assert [path.name for path in paths] == ["talk.wav", "talk.srt", "talk-cues"]
    assert (tmp_path / "talk.wav").read_text() == "wav"


def test_commands_that_run_at_once_never_choose_the_same_name(tmp_path):
    together = [threading.Thread(target=Destination(tmp_path).keep, args=("sea", KINDS, fetch)) for _ in range(8)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert len(list(tmp_path.glob("*.wav"))) == len(list(tmp_path.glob("*.srt"))) == 8


def test_a_failure_leaves_nothing_new(tmp_path):
    def fail(kind, path):
        if kind == "zip":
            raise KeyboardInterrupt
        fetch(kind, path)

    (tmp_path / "talk-cues").mkdir()
    (tmp_path / "talk-cues" / "mine").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        choose_destination(str(tmp_path / "talk.wav"), None).keep("", KINDS, fail)
    assert [path.name for path in tmp_path.rglob("*")] == ["talk-cues", "mine"]


def test_the_script_is_not_written_over(tmp_path):
    script = tmp_path / "talk.srt"
    script.write_text("Hello.")
    with pytest.raises(InvalidRequest, match="would be written over"):
        choose_destination(str(tmp_path / "talk.wav"), None).guard(script, KINDS)


def test_a_file_that_is_finished_gets_a_name_that_nothing_has(tmp_path):
    made = [tmp_path / "work" / str(number) for number in range(8)]
    made[0].parent.mkdir()
    for path in made:
        path.write_text(path.name)
    threads = [threading.Thread(target=give_name, args=(path, tmp_path / "talk.mp4")) for path in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_text() for path in tmp_path.glob("talk*.mp4")) == [path.name for path in made]
    assert free_path(tmp_path / "talk.mp4") == tmp_path / "talk-9.mp4"
