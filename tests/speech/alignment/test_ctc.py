"""The search for letters, against whisperx's own."""

import numpy as np
import pytest

from speech.alignment.ctc import Located, locate

BLANK = 0


def scores(generator, frames, letters, sureness):
    """The logarithms of random probabilities, in which the blank is likely, as with a trained network."""
    values = generator.normal(size=(frames, letters)).astype(np.float32) * sureness
    values[:, BLANK] += generator.choice([0, 4])
    return values - np.logaddexp.reduce(values, axis=1, keepdims=True)


def of_whisperx(values, text):
    """What whisperx finds, or None where it gives up."""
    import torch

    from speech.alignment import whisperx_library  # noqa: F401  - it imports whisperx.alignment with what that needs
    from whisperx import alignment  # isort: skip

    emission = torch.from_numpy(values)
    path = alignment.backtrack(alignment.get_trellis(emission, text, BLANK), emission, text, BLANK)
    if path is None:
        return None
    return [(one.start, one.end, one.score) for one in alignment.merge_repeats(path, text)]


@pytest.mark.usefixtures("tiny")
def test_it_finds_what_whisperx_finds():
    generator = np.random.default_rng(1)
    given_up = 0
    for sureness in (1, 5, 20) * 50:
        frames = int(generator.integers(2, 300))
        text = [int(letter) for letter in generator.integers(1, 32, generator.integers(1, frames // 2 + 4))]
        values = scores(generator, frames, 32, sureness)
        found, expected = locate(values, text, BLANK), of_whisperx(values, text)
        if found is None or expected is None:
            assert found is expected is None
            given_up += 1
            continue
        assert [(one.first, one.end) for one in found] == [(first, end) for first, end, _ in expected]
        assert np.allclose([one.score for one in found], [score for *_, score in expected], atol=1e-5)
    assert 0 < given_up < 30


def test_letters_are_found_where_they_are_likely():
    likely = np.full((10, 3), np.log(0.01), np.float32)
    likely[:, BLANK] = np.log(0.98)
    for frame, letter in ((2, 1), (7, 2)):
        likely[frame] = np.log([0.01, 0.01, 0.01])
        likely[frame, letter] = np.log(0.98)
    first, second = locate(likely, [1, 2], BLANK)
    assert (first.first, first.end, second.first) == (2, 7, 7)
    assert first.score == pytest.approx(0.98, abs=0.001)


@pytest.mark.parametrize(("frames", "letters"), [(0, 1), (3, 4), (3, 0)])
def test_what_cannot_be_placed_is_nothing(frames, letters):
    assert locate(np.zeros((frames, 5), np.float32), [1] * letters, BLANK) is None


def test_as_many_letters_as_frames_take_one_each():
    assert locate(np.zeros((3, 5), np.float32), [1, 2, 3], BLANK) == [Located(at, at + 1, 1.0) for at in range(3)]
