"""Captions in the picture."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speech.audio import blocks
from speech.errors import VideoError
from speech.media import ffmpeg
from speech.subtitles import make, render
from speech.video import Background, burn, check_colour, probe, still
from speech.words import Word
from tests.conftest import font, needed, small_disk

pytestmark = pytest.mark.service

WORDS = [Word("MMMM", 500, 900), Word("MMMM.", 1000, 1500)]


@pytest.fixture(autouse=True)
def a_font():
    if lacking := font():
        needed(lacking)


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "sound.wav"
    soundfile.write(path, 0.3 * np.sin(np.arange(2 * 22050) * 0.1), 22050)
    return path


@pytest.fixture
def film(tmp_path):
    """A second and a half of a black picture of odd size, with a tone."""
    return encoded(tmp_path / "film.mp4", "color=black:s=321x181:d=1.5:r=25", "sine=d=1.5")


def encoded(path, *sources):
    inputs = [part for source in sources for part in ("-f", "lavfi", "-i", source)]
    subprocess.run([ffmpeg(), "-v", "error", *inputs, "-pix_fmt", "yuv444p", path], check=True)
    return path


def captions():
    made = make(WORDS, text="", language="en", duration_ms=2000, method="embedded", job_id="job", karaoke="none")
    return render(made, "ass")


def brightness(path):
    """White pixels of each frame."""
    about = probe(path)
    raw = subprocess.run(
        [ffmpeg(), "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "gray", "-"],
        capture_output=True,
        check=True,
    ).stdout
    return (np.frombuffer(raw, np.uint8).reshape(-1, about.width * about.height) > 180).sum(axis=1)


def streams(path):
    told = subprocess.run([ffmpeg(), "-hide_banner", "-i", path], capture_output=True, text=True).stderr
    return re.findall(r"(Video|Audio): (\w+)", told)


def test_captions_are_burned_onto_a_background_with_the_audio(sound, tmp_path):
    shares = []
    target = burn(Background("black", 320, 180), captions(), sound, 2000, tmp_path / "a.mp4", shares.append)
    assert streams(target) == [("Video", "h264"), ("Audio", "aac")]
    about = probe(target)
    assert (about.width, about.height) == (320, 180)
    assert about.duration_ms == pytest.approx(2000, abs=100)
    bright = brightness(target)
    assert bright[3] == 0
    assert bright[int(0.7 * 30)] > 5
    assert shares == sorted(shares)
    assert shares[-1] > 0.9


def test_captions_are_burned_into_a_video_that_keeps_its_sound(film, tmp_path):
    target = burn(probe(film), captions(), None, 1500, tmp_path / "a.mp4")
    assert streams(target) == [("Video", "h264"), ("Audio", "aac")]
    assert probe(target).duration_ms == pytest.approx(1500, abs=100)
    assert brightness(target)[int(0.7 * 25)] > 5


def test_a_video_shorter_than_the_audio_stands_still_until_its_end(film, sound, tmp_path):
    target = burn(probe(film), captions(), sound, 2000, tmp_path / "a.mp4")
    assert probe(target).duration_ms == pytest.approx(2000, abs=100)


def test_a_silent_video_stays_silent(tmp_path):
    silent = encoded(tmp_path / "silent.mp4", "color=black:s=320x180:d=1")
    target = burn(probe(silent), captions(), None, 1000, tmp_path / "a.mp4")
    assert streams(target) == [("Video", "h264")]


def test_a_name_that_ffmpeg_would_take_for_a_protocol_is_a_file(film, tmp_path, monkeypatch):
    film.rename(tmp_path / "10:30 talk.mp4")
    monkeypatch.chdir(tmp_path)
    named = Path("10:30 talk.mp4")
    assert probe(named).has_audio
    assert sum(map(len, blocks(named, 16000))) > 16000


def test_a_disk_that_fills_up_leaves_no_video_and_says_so(film, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    with small_disk(small, "12k"):
        with pytest.raises(OSError, match="No space left"):
            burn(probe(film), captions(), None, 1500, small / "made.mp4")
        assert not list(small.iterdir())


def test_a_picture_that_is_too_large_is_named_as_such(tmp_path):
    with pytest.raises(VideoError, match="is larger than 4096x2304 pixels"):
        probe(encoded(tmp_path / "wide.mp4", "color=black:s=4200x2400:d=0.1:r=5"))


def test_a_recording_is_no_video(sound):
    with pytest.raises(VideoError, match="is not a video that ffmpeg can read, or it has no picture"):
        probe(sound)


def test_a_video_without_frames_is_refused_and_leaves_nothing(film, tmp_path):
    empty = tmp_path / "empty.mkv"
    subprocess.run([ffmpeg(), "-v", "error", "-i", film, "-frames:v", "0", "-c", "copy", empty], check=True)
    with pytest.raises(VideoError, match="or it has no picture"):
        probe(empty)


def test_a_video_cut_off_before_its_first_frame_is_refused_and_leaves_nothing(film, tmp_path):
    cut = tmp_path / "cut.mp4"
    subprocess.run([ffmpeg(), "-v", "error", "-i", film, "-c", "copy", "-movflags", "+faststart", cut], check=True)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: whole.index(b"mdat") + 8])
    with pytest.raises(VideoError, match=r"cut\.mp4"):
        burn(probe(cut), captions(), None, 1000, tmp_path / "a.mp4")
    assert not list(tmp_path.glob("*a.mp4*"))


def test_what_is_no_video_at_all_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(VideoError):
        probe(tmp_path / "a.mp4")
    with pytest.raises(VideoError, match="There is no video at"):
        probe(tmp_path / "b.mp4")


@pytest.mark.parametrize("colour", ["navy", "#1A2B3C", "ff0000"])
def test_colours_are_names_or_digits(colour):
    assert check_colour(colour) == colour


@pytest.mark.parametrize("colour", ["nocolour", "red:s=9x9", "#12", "", "red,drawtext=text=x"])
def test_what_is_no_colour_is_refused(colour):
    with pytest.raises(VideoError, match="is not a colour"):
        check_colour(colour)


@pytest.fixture
def no_fonts(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "fonts.conf").write_text(
        f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{tmp_path}/empty</dir>'
        f"<cachedir>{tmp_path}/cache</cachedir></fontconfig>"
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))


@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_the_fault_says_so(sound, tmp_path):
    with pytest.raises(VideoError, match="has no font"):
        burn(Background("black", 320, 180), captions(), sound, 2000, tmp_path / "a.mp4")
    assert not list(tmp_path.glob("*.mp4*"))


@pytest.mark.usefixtures("no_fonts")
def test_a_look_needs_no_font_of_the_machine(sound, tmp_path):
    made = make(WORDS, text="", language="en", duration_ms=2000, method="", job_id="", look="pop")
    target = burn(Background("black", 320, 180), render(made, "ass"), sound, 2000, tmp_path / "a.mp4")
    assert brightness(target)[21] > 5


@pytest.mark.usefixtures("no_fonts")
def test_what_no_font_has_is_named(sound, tmp_path):
    said = [Word("\ue123", 0, 900), Word("\ue123.", 1000, 1500)]
    made = make(said, text="", language="en", duration_ms=2000, method="", job_id="", look="pop")
    warnings = []
    burn(Background("black", 320, 180), render(made, "ass"), sound, 2000, tmp_path / "a.mp4", notify=warnings.append)
    assert warnings == ["No font on this machine has \ue123; install one for this language, such as fonts-noto-cjk."]


class TestStill:
    def test_one_frame_of_a_background_is_a_png_with_the_captions_of_its_time(self, tmp_path):
        before = still(Background("black", 320, 180), captions(), 100, tmp_path / "before.png")
        during = still(Background("black", 320, 180), captions(), 700, tmp_path / "during.png")
        assert during.read_bytes().startswith(b"\x89PNG")
        assert brightness_of(before) == 0
        assert brightness_of(during) > 5

    def test_one_frame_of_a_video_is_that_of_its_time_or_its_last(self, tmp_path):
        """A picture that is black for a second, and then white."""
        film = encoded(tmp_path / "film.mp4", "color=black:s=320x180:d=2:r=25,geq=lum='255*gte(T,1)':cb=128:cr=128")
        pictures = [still(probe(film), captions(), at, tmp_path / f"{at}.png") for at in (500, 1500, 2000, 9000)]
        assert [brightness_of(picture) > 320 * 90 for picture in pictures] == [False, True, True, True]

    def test_the_captions_of_a_video_are_those_of_the_frames_time(self, film, tmp_path):
        assert brightness_of(still(probe(film), captions(), 100, tmp_path / "before.png")) == 0
        assert brightness_of(still(probe(film), captions(), 700, tmp_path / "during.png")) > 5

    def test_a_disk_that_is_full_leaves_no_picture(self, tmp_path):
        small = tmp_path / "small"
        small.mkdir()
        with small_disk(small, "4k"):
            with pytest.raises(OSError, match="No space left"):
                still(Background("0x123456", 1080, 1920), captions(), 700, small / "made.png")
            assert not list(small.iterdir())


def brightness_of(picture):
    command = [ffmpeg(), "-v", "error", "-i", picture, "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return int((np.frombuffer(raw, np.uint8) > 180).sum())


def test_a_background_has_all_its_frames_and_stays_as_it_was_drawn(sound, tmp_path):
    """Apps that videos are posted to refuse those with few frames a second."""
    target = burn(Background("#204060", 320, 180), captions(), sound, 2000, tmp_path / "a.mp4")
    command = [ffmpeg(), "-v", "error", "-i", target, "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, 180, 320)
    assert len(pictures) == 2 * 30
    drawn = still(Background("#204060", 320, 180), captions(), 700, tmp_path / "a.png")
    command[4] = drawn
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    exact = np.frombuffer(raw, np.uint8).reshape(180, 320).astype(int)
    assert np.abs(pictures[21].astype(int) - exact).mean() < 2
