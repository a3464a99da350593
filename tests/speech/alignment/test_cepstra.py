"""Cepstra are those of Kaldi, however the samples arrive."""

import kaldi_native_fbank
import numpy as np
import pytest

from speech.alignment.cepstra import FRAME_MS, RATE, cepstra


def sound(length):
    """Return noise whose level and colour change, with silences in it."""
    rng = np.random.default_rng(length)
    level = np.repeat(rng.choice([0, 0.01, 0.3], length // 800 + 1), 800)[:length]
    return (np.convolve(rng.normal(0, 1, length), rng.normal(0, 1, 5), "same") * level * 0.2).astype(np.float32)


def by_kaldi(samples):
    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = RATE
    options.frame_opts.snip_edges = False
    options.frame_opts.window_type = "hamming"
    options.frame_opts.frame_shift_ms = FRAME_MS
    options.mel_opts.num_bins = 26
    options.mel_opts.low_freq = 60
    options.mel_opts.high_freq = 7600
    options.num_ceps = 13
    options.use_energy = True
    options.raw_energy = True
    computer = kaldi_native_fbank.OnlineMfcc(options)
    computer.accept_waveform(RATE, samples)
    computer.input_finished()
    return np.array([computer.get_frame(index) for index in range(computer.num_frames_ready)]).reshape(-1, 13)


def joined(blocks):
    return np.concatenate([np.zeros((0, 13), np.float32), *cepstra(blocks)])


@pytest.mark.parametrize("length", [200, 399, 400, 401, 560, 1_000, 47_999, 48_080])
def test_they_are_those_of_kaldi(length):
    samples = sound(length)
    np.testing.assert_allclose(joined([samples]), by_kaldi(samples), atol=2e-2)


@pytest.mark.parametrize("size", [1, 79, 160, 399, 4_000])
def test_it_is_no_matter_how_the_samples_are_cut(size):
    samples = sound(3_333)
    blocks = [samples[first : first + size] for first in range(0, len(samples), size)]
    np.testing.assert_allclose(joined([samples[:0], *blocks]), joined([samples]), atol=1e-4)


@pytest.mark.parametrize(("length", "frames"), [(0, 0), (1, 0), (79, 0), (80, 1), (239, 1), (240, 2)])
def test_a_recording_of_less_than_a_window_has_the_frames_whose_middle_it_reaches(length, frames):
    assert joined([sound(length)] if length else []).shape == (frames, 13)
