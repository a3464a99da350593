"""Compressed audio: what is heard in it is heard when the source says so."""

import numpy as np
import pytest
import soundfile

from speech.audio import blocks, duration_ms
from speech.encoding import ENCODERS, PREVIEW, delay_ms, encode
from speech.errors import AudioError
from speech.text import chunks, normalise
from tests.spoken import RATE, speak

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    said, _, _ = speak(chunks(normalise("The quick brown fox jumps over the lazy dog. It was a cold day."), "en"))
    soundfile.write(path, said, RATE)
    return path


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("rate", [16000, 22050, 24000, 44100, 48000])
def test_every_format_is_heard_when_its_source_is(name, rate, speech, tmp_path):
    source = resampled(speech, rate, tmp_path / "source.wav")
    made = encode(source, tmp_path / f"a.{name}", ENCODERS[name])
    assert made.delay_ms == 0
    assert abs(first_sound(made.path) - first_sound(source)) <= 0.001
    assert sum(map(len, blocks(made.path, 16000))) / 16 == pytest.approx(duration_ms(source), abs=60)


def test_the_previews_encoding_is_on_time(speech, tmp_path):
    assert encode(speech, tmp_path / "a.mp3", PREVIEW).delay_ms == 0


@pytest.mark.parametrize("milliseconds", [-40, 0, 23, 110])
def test_a_copy_that_is_late_or_early_is_noticed(milliseconds, speech, tmp_path):
    samples, rate = soundfile.read(speech, dtype="float32")
    shift = abs(milliseconds) * rate // 1000
    moved = np.concatenate([np.zeros(shift, np.float32), samples]) if milliseconds > 0 else samples[shift:]
    soundfile.write(tmp_path / "copy.wav", moved, rate)
    assert delay_ms(speech, tmp_path / "copy.wav") == pytest.approx(milliseconds, abs=1)


def test_silence_has_no_delay(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(16000, np.float32), 16000)
    assert encode(tmp_path / "a.wav", tmp_path / "a.mp3", ENCODERS["mp3"]).delay_ms == 0


def test_what_is_not_audio_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "a.wav").write_text("not audio")
    with pytest.raises(AudioError, match=r"a\.wav is not audio or video in a supported format: WAV, "):
        encode(tmp_path / "a.wav", tmp_path / "a.mp3", ENCODERS["mp3"])
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def resampled(path, rate, target):
    samples = np.concatenate(list(blocks(path, rate)))
    soundfile.write(target, samples, rate)
    return target


def first_sound(path):
    """Seconds until the first loud sample, by ffmpeg's decoder."""
    samples = np.concatenate(list(blocks(path, 48000)))
    return int(np.argmax(np.abs(samples) > 0.2 * np.abs(samples).max())) / 48000
