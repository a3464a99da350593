"""A book is mastered by constant gains, and what does not come out right is said."""

import re
import subprocess

import numpy as np
import pytest
import soundfile
import soxr

from speech.books.binding import Options, bind
from speech.books.figures import measure, violations
from speech.books.layout import ChapterLayout, TakeSound, audible
from speech.books.loudness import integrated
from speech.books.master import Gains, master
from speech.books.presets import PRESETS
from speech.books.timeline import Metadata, TimedChapter, Timeline
from speech.engines.espeak import say
from speech.media import ffmpeg
from speech.words import Word
from tests.scripts import ALICE
from tests.speech.books.samples import RATE, book, take

pytestmark = pytest.mark.service

TEXT = " ".join(["word"] * 40)


def two_voices(folder, levels=(0.02, 0.2)):
    """Return a book in which a quiet and a loud voice speak by turns, and where its takes are."""
    layout = ChapterLayout(RATE)
    for number in range(4):
        voice = number % 2
        layout.add(take(folder, f"t{number}", TEXT, ("quiet", "loud")[voice], levels[voice]), 600)
    placed, length = layout.finish()
    return Timeline(Metadata("Two"), RATE, (TimedChapter("One", length, placed),)), lambda key: folder / f"{key}.flac"


def samples(pcm):
    return np.fromfile(pcm.path, "<i2").astype(np.float32) / 32768


def levels(timeline, sound):
    """Return the RMS of each take in decibels."""
    placed = timeline.chapters[0].takes
    return [10 * np.log10(np.mean(np.square(sound[take.begin : take.end]))) for take in placed]


def loudness(path):
    command = [ffmpeg(), "-nostats", "-i", path, "-af", "ebur128=framelog=verbose", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"I: +(\S+) LUFS", said)[-1])


def true_peak(path):
    command = [ffmpeg(), "-nostats", "-i", path, "-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return float(re.findall(r"Peak: +(\S+) dBFS", said)[-1])


def spoken(folder, voice):
    """Return a book of half a minute in one of espeak-ng's voices, and where its take is."""
    utterance = say(ALICE, "en", voice=voice)
    sound = soxr.resample(utterance.samples, utterance.rate, RATE)
    soundfile.write(folder / "a.flac", sound / np.abs(sound).max() / 2, RATE, subtype="PCM_16")
    layout = ChapterLayout(RATE)
    layout.add(TakeSound("a", voice, len(sound), audible(sound), (Word("Alice", 0, 500),)))
    placed, length = layout.finish()
    return Timeline(Metadata("Alice"), RATE, (TimedChapter("One", length, placed),)), lambda key: folder / f"{key}.flac"


def test_all_voices_become_equally_loud_and_each_keeps_its_dynamics(tmp_path):
    timeline, takes = two_voices(tmp_path)
    mastered, gains = master(timeline, takes, tmp_path, PRESETS["podcast"])
    before = levels(timeline, samples(master(timeline, takes, tmp_path, PRESETS["none"])[0]))
    after = levels(timeline, samples(mastered))
    assert max(after) - min(after) < 1 < 15 < max(before) - min(before)
    assert gains.voices["quiet"] - gains.voices["loud"] == pytest.approx(20, abs=1.5)
    assert mastered.frames == timeline.length == len(samples(mastered))


def test_a_part_of_each_voice_is_enough_to_know_its_gain(tmp_path):
    timeline, takes = two_voices(tmp_path, (0.05, 0.2))
    _, whole = master(timeline, takes, tmp_path, PRESETS["podcast"])
    _, part = master(timeline, takes, tmp_path, PRESETS["podcast"], most_seconds=5)
    assert part.voices == pytest.approx(whole.voices, abs=0.5) and part.book == pytest.approx(whole.book, abs=0.5)


def test_below_the_ceiling_a_gain_is_all_that_changes(tmp_path):
    timeline, takes = two_voices(tmp_path, (0.01, 0.01))
    before = samples(master(timeline, takes, tmp_path, PRESETS["none"])[0])
    mastered, gains = master(timeline, takes, tmp_path, PRESETS["podcast"])
    raised = before * 10 ** ((gains.voices["quiet"] + gains.book) / 20)
    quiet = np.abs(raised) < 0.3
    inside = slice(timeline.chapters[0].takes[0].begin + RATE, timeline.chapters[0].takes[0].end - RATE)
    room = 10 ** (PRESETS["podcast"].room / 20)
    assert np.abs((samples(mastered) - raised)[inside][quiet[inside]]).max() < 6 * room


@pytest.mark.parametrize("preset", ["acx", "podcast"])
def test_the_files_of_a_preset_are_what_it_asks_for(tmp_path, preset):
    timeline, takes = two_voices(tmp_path)
    bound = bind(timeline, takes, tmp_path, Options(preset, overlay=None, subtitles=()))
    assert bound.report.sentences() == []
    assert [set(file.figures) for file in bound.files] == [set(PRESETS[preset].limits)] * 2


@pytest.mark.parametrize(("preset", "voice"), [("acx", "en-us"), ("podcast", "en-us+m7"), ("podcast", "de+f4")])
def test_encoders_leave_the_peaks_of_speech_below_what_a_preset_accepts(tmp_path, preset, voice):
    # At 64 kbit/s, AAC raises the peaks of the first two voices by three decibels.
    timeline, takes = spoken(tmp_path, voice)
    bound = bind(timeline, takes, tmp_path, Options(preset, overlay=None, subtitles=()))
    assert len(bound.files) == 2 and bound.report.violations == ()
    kind = "peak" if preset == "acx" else "true peak"
    assert max(true_peak(tmp_path / file.name) for file in bound.files) <= PRESETS[preset].limits[kind][1]


def test_an_mp3_for_acx_has_the_rate_and_bit_rate_it_asks_for(tmp_path):
    timeline, takes = book(tmp_path, 1)
    bind(timeline, takes, tmp_path, Options("acx", audio=("mp3",), overlay=None, subtitles=()))
    path = tmp_path / "chapters" / "001.mp3"
    assert soundfile.info(path).samplerate == 44_100 and soundfile.info(path).channels == 1
    # All frames are as long as those of a constant bit rate.
    assert path.stat().st_size * 8 / (timeline.length / RATE) == pytest.approx(192_000, rel=0.05)


@pytest.mark.parametrize(("preset", "aim"), [("acx", -20.5), ("podcast", -16)])
def test_what_the_limiter_takes_is_given_back(tmp_path, preset, aim):
    # Each word begins with a burst, so that the limiter has much to do.
    own = take(tmp_path, "a", TEXT, level=0.02)
    spoken, _ = soundfile.read(tmp_path / "a.flac", dtype="float32")
    for first in range(RATE // 20, len(spoken), RATE // 4):
        spoken[first + 1_000 : first + 1_200] *= 9
    soundfile.write(tmp_path / "a.flac", spoken, RATE, subtype="PCM_16")
    layout = ChapterLayout(RATE)
    layout.add(own)
    placed, length = layout.finish()
    timeline = Timeline(Metadata("Bursts"), RATE, (TimedChapter("One", length, placed),))
    mastered, _ = master(timeline, lambda key: tmp_path / f"{key}.flac", tmp_path, PRESETS[preset])
    sound = samples(mastered)
    assert np.abs(sound).max() <= 10 ** (PRESETS[preset].ceiling / 20) + 1e-4
    soundfile.write(tmp_path / "all.wav", sound, RATE, subtype="PCM_16")
    reached = loudness(tmp_path / "all.wav") if preset == "podcast" else 10 * np.log10(np.mean(np.square(sound)))
    # The gain alone would have left it five decibels short.
    assert reached == pytest.approx(aim, abs=1)


def test_a_figure_that_falls_outside_is_said_with_its_file(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.full(4 * RATE, 0.9, np.float32) * np.sin(np.arange(4 * RATE) / 20), RATE)
    found = violations("chapters/001.mp3", measure(path, RATE, 4, PRESETS["acx"].limits), PRESETS["acx"].limits)
    assert [each.figure for each in found] == ["RMS", "peak", "floor"]
    assert str(found[0]) == "chapters/001.mp3: RMS is -3.9 dB; it should be -23 to -18 dB."
    assert str(found[1]).endswith("it should be at most -3 dB.")


def test_of_a_title_page_only_the_peaks_are_told():
    figures, limits = {"RMS": -30.0, "peak": -1.0, "floor": -50.0}, PRESETS["acx"].limits
    assert [each.figure for each in violations("chapters/001.mp3", figures, limits, 4)] == ["peak"]
    assert [each.figure for each in violations("chapters/002.mp3", figures, limits, 60)] == ["RMS", "peak", "floor"]


def test_the_loudness_of_blocks_is_that_of_ffmpeg(tmp_path):
    timeline, takes = two_voices(tmp_path)
    mastered, _ = master(timeline, takes, tmp_path, PRESETS["podcast"])
    soundfile.write(tmp_path / "all.wav", samples(mastered), RATE, subtype="PCM_16")
    assert loudness(tmp_path / "all.wav") == pytest.approx(-16, abs=0.6)
    figures = measure(tmp_path / "all.wav", RATE, timeline.length / RATE)
    assert figures["loudness"] == loudness(tmp_path / "all.wav")
    assert figures["true peak"] >= figures["peak"] - 0.1 and figures["peak"] < -2.4
    assert integrated(np.array([-80.0, -120.7])) is None
    assert integrated(np.array([-20.0, -20.0, -40.0])) == pytest.approx(-20)


def test_silence_is_left_alone(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros(RATE, np.float32), RATE)
    layout = ChapterLayout(RATE)
    layout.add(take(tmp_path, "a", "Hush", level=0.0))
    soundfile.write(tmp_path / "a.flac", np.zeros(RATE, np.float32), RATE)
    placed, length = layout.finish()
    timeline = Timeline(Metadata("Hush"), RATE, (TimedChapter("One", length, placed),))
    _, gains = master(timeline, lambda key: tmp_path / f"{key}.flac", tmp_path, PRESETS["acx"])
    assert gains == Gains({"anna": 0.0})


def test_binding_again_makes_the_same_samples(tmp_path):
    timeline, takes = two_voices(tmp_path)
    first, second = (samples(master(timeline, takes, tmp_path, PRESETS["acx"])[0]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
