"""Chunks become one recording, and it is known where each of them is."""

import numpy as np
import pytest

from speech.assembly import Assembly

RATE = 1000


def assembled(*pieces, overlap=0):
    """Assemble pieces, each with the silence before it in milliseconds."""
    assembly = Assembly(RATE, overlap)
    parts = [part for samples, pause in pieces for part in assembly.add(np.full(samples, 0.5, np.float32), pause)]
    return np.concatenate([*parts, *assembly.finish()]), assembly.spans


def test_a_silence_is_as_long_as_asked_for_and_part_of_no_chunk():
    samples, spans = assembled((400, 0), (300, 250))
    assert spans == [(0, 400), (650, 950)] and len(samples) == 950
    assert not samples[400:650].any() and samples[380] > 0.4 and samples[670] > 0.4


def test_what_an_engine_leaves_silent_does_not_lengthen_a_pause():
    assembly = Assembly(RATE, 50)
    loud = np.full(200, 0.5, np.float32)
    parts = assembly.add(np.concatenate([loud, np.zeros(500, np.float32)]))
    parts += assembly.add(np.concatenate([np.zeros(300, np.float32), loud]), 600)
    samples = np.concatenate([*parts, *assembly.finish()])
    (_, first), (second, _) = assembly.spans
    assert second - first == 600
    # All that is left of its own silence is the end of a consonant.
    assert first <= 200 + 40 and len(samples) <= 240 + 600 + 240


def test_the_ends_at_a_silence_do_not_click():
    samples, _ = assembled((400, 0), (300, 250))
    assert abs(samples[399]) < 0.06 and abs(samples[650]) < 0.06
    assert np.abs(np.diff(samples)).max() < 0.06


def test_a_silence_at_the_beginning_is_there():
    samples, spans = assembled((400, 500))
    assert spans == [(500, 900)] and not samples[:500].any()


def test_after_a_silence_chunks_fade_into_each_other_again():
    samples, spans = assembled((400, 0), (300, 100), (300, 0), overlap=60)
    assert len(samples) == 400 + 100 + 300 + 240
    assert spans[1] == (500, 770) and spans[2] == (770, 1040)
    assert samples[760] == pytest.approx(0.5)
