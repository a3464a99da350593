"""Recordings on disk."""

import subprocess

import numpy as np
import pytest
import soundfile

from speech.audio import blocks, duration_ms, record, write_wav
from speech.errors import AudioError
from speech.media import ffmpeg
from speech.request import SAMPLE_RATES
from tests import PATIENCE

RATE = 22050
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE * 2) / RATE)).astype(np.float32)


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_audio_is_resampled_and_never_relabelled(tmp_path, rate):
    recording = record(TONE, RATE, [(0, RATE)], tmp_path / "a.wav", rate)
    samples, found = soundfile.read(recording.path)
    spectrum = np.abs(np.fft.rfft(samples[: rate * 2] * np.hanning(len(samples[: rate * 2]))))
    assert found == rate
    assert spectrum.argmax() / 2 == pytest.approx(440, abs=1)
    assert recording.duration_ms == pytest.approx(2000, abs=1)
    assert recording.spans_ms == ((0, 1000),)


def test_the_file_appears_only_when_it_is_whole(tmp_path):
    def broken():
        yield TONE
        raise RuntimeError("the engine died")

    with pytest.raises(RuntimeError):
        write_wav(tmp_path / "a.wav", broken(), RATE, RATE)
    assert list(tmp_path.iterdir()) == []


def test_samples_that_are_not_numbers_are_refused(tmp_path):
    with pytest.raises(AudioError, match="not finite numbers"):
        record(np.array([0.0, np.nan], np.float32), RATE, [], tmp_path / "a.wav", RATE)


def read(path, rate=16000):
    return np.concatenate(list(blocks(path, rate)))


def test_many_channels_and_any_rate_are_read_as_mono(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([TONE] * 8, axis=1), 8000)
    samples = read(tmp_path / "a.wav")
    assert len(samples) == pytest.approx(len(TONE) * 2, abs=20)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.service
@pytest.mark.parametrize("suffix", ["m4a", "webm", "mp3", "ogg", "flac"])
def test_whatever_ffmpeg_reads_is_read(tmp_path, suffix):
    soundfile.write(tmp_path / "a.wav", TONE, RATE)
    target = tmp_path / f"a.{suffix}"
    codec = ["-c:a", "libopus"] if suffix == "webm" else []
    subprocess.run(
        [ffmpeg(), "-v", "error", "-i", tmp_path / "a.wav", "-strict", "-2", *codec, target],
        check=True,
        timeout=PATIENCE,
    )
    assert duration_ms(target) == pytest.approx(2000, abs=120)
    assert np.abs(read(target)).max() > 0.3


@pytest.mark.parametrize("content", [b"", b"this is not audio", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_not_audio_is_named(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"a\.wav"):
        read(tmp_path / "a.wav")


def test_no_sound_at_all_is_named(tmp_path):
    soundfile.write(tmp_path / "a.wav", TONE[:0], RATE)
    with pytest.raises(AudioError, match="length is zero"):
        read(tmp_path / "a.wav")
    with pytest.raises(AudioError, match="no recording"):
        read(tmp_path / "b.wav")
