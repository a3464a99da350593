"""One WAV file for each cue."""

import subprocess

import numpy as np
import pytest
import soundfile

from speech.errors import AudioError
from speech.media import ffmpeg
from speech.splits import spans, split
from speech.subtitles.cues import build
from speech.subtitles.rules import rules_for
from speech.words import Word

RATE = 8000


@pytest.fixture
def recording(tmp_path):
    """Three seconds in which each sample says where it is."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.arange(3 * RATE, dtype=np.int16), RATE)
    return path


@pytest.fixture
def cues():
    words = [Word("One.", 100, 900), Word("Two.", 1000, 1800), Word("Three.", 2000, 2950)]
    return build(words, rules_for("netflix", "en", max_words=1), "en", 3000)


def test_each_piece_holds_the_samples_of_its_cue(recording, cues, tmp_path):
    pieces = split(recording, cues, tmp_path / "pieces")
    assert [piece.name for piece in pieces] == ["0001.wav", "0002.wav", "0003.wav"]
    for piece, cue in zip(pieces, cues, strict=True):
        samples, rate = soundfile.read(piece, dtype="int16")
        assert rate == RATE
        assert samples[0] == np.int16(cue.start * RATE // 1000)
        assert len(samples) == pytest.approx((cue.end - cue.start) * RATE / 1000, abs=RATE / 10)


def test_no_piece_cuts_a_word_or_holds_some_of_the_next(cues):
    for (start, end), cue in zip(spans(cues), cues, strict=True):
        assert start <= cue.words[0].start
        assert end >= cue.words[-1].end
    assert all(left[1] <= right[0] for left, right in zip(spans(cues), spans(cues)[1:], strict=False))


def test_pieces_of_an_earlier_time_are_gone_and_other_files_stay(recording, cues, tmp_path):
    folder = tmp_path / "pieces"
    split(recording, cues, folder)
    (folder / "mine.wav").write_text("mine")
    split(recording, cues[:1], folder)
    assert sorted(path.name for path in folder.iterdir()) == ["0001.wav", "mine.wav"]


def test_a_recording_that_only_ffmpeg_reads_is_split_too(recording, cues, tmp_path):
    video = tmp_path / "a.mkv"
    subprocess.run([ffmpeg(), "-v", "error", "-i", recording, "-c:a", "aac", video], check=True)
    assert len(split(video, cues, tmp_path / "pieces")) == 3


def test_what_is_no_recording_is_refused(tmp_path, cues):
    (tmp_path / "a.mkv").write_text("no recording")
    with pytest.raises(AudioError, match="not audio or video in a supported format"):
        split(tmp_path / "a.mkv", cues, tmp_path / "pieces")
