"""The sound of a chapter is exactly what its timeline says."""

import numpy as np
import pytest
import soundfile

from speech.assembly import Assembly
from speech.books.layout import ChapterLayout, TakeSound, audible
from speech.books.mix import mix
from speech.books.timeline import PlacedTake, TimedChapter
from speech.errors import AudioError

RATE = 8000


@pytest.fixture
def takes(tmp_path):
    """Keep samples as takes; return them by their keys."""

    def keep(**samples):
        for key, each in samples.items():
            soundfile.write(tmp_path / f"{key}.flac", each, RATE, subtype="PCM_16")
        return lambda key: tmp_path / f"{key}.flac"

    return keep


def sound(seed, seconds, silent=0.3):
    """Noise with silence before and after it."""
    loud = np.random.default_rng(seed).integers(-9000, 9000, round(seconds * RATE)).astype(np.int16)
    silence = np.zeros(round(silent * RATE), np.int16)
    return np.concatenate([silence, loud, silence])


def mixed(chapter, takes):
    return np.concatenate([*mix(chapter, RATE, takes)])


def test_a_chapter_sounds_as_an_assembly_of_the_same_takes(takes):
    parts = [("a", 0), ("b", 0), ("c", 600), ("d", 0)]
    samples = {key: sound(seed, 1) for seed, (key, _) in enumerate(parts)}
    layout, assembly, joined = ChapterLayout(RATE, head=0.5, tail=0), Assembly(RATE, round(0.15 * RATE)), []
    for key, pause in parts:
        own = samples[key].astype(np.float32) / 32768
        layout.add(TakeSound(key, "anna", len(own), audible(own)), pause)
        joined += assembly.add(own, pause or (500 if key == "a" else 0))
    joined = np.concatenate([*joined, *assembly.finish()])
    placed, length = layout.finish()
    whole = mixed(TimedChapter("One", length, placed), takes(**samples))
    # The end of a book is cut by the one and not by the other.
    assert len(whole) == length < len(joined)
    np.testing.assert_allclose(whole[: length - RATE // 50], joined[: length - RATE // 50], atol=1e-6)


def test_the_size_of_blocks_makes_no_difference(takes):
    chapter = TimedChapter(
        "One",
        20_000,
        (PlacedTake("a", "anna", 0, 9_000, 500, 400, 700), PlacedTake("a", "anna", 100, 9_000, 9_000, 700)),
    )
    keep = takes(a=sound(1, 1, 0.1))
    whole = mixed(chapter, keep)
    np.testing.assert_array_equal(np.concatenate([*mix(chapter, RATE, keep, most=170)]), whole)
    assert len(whole) == 20_000 and not whole[:500].any() and not whole[-2000:].any()


def test_a_take_of_another_length_or_rate_is_refused(takes):
    keep = takes(a=sound(1, 0.1, 0))
    with pytest.raises(AudioError, match=r"Take a has 800 samples, .* needs 900"):
        mixed(TimedChapter("One", 900, (PlacedTake("a", "anna", 0, 900, 0),)), keep)
    with pytest.raises(AudioError, match=r"8000 Hz; the book needs .* 16000 Hz"):
        list(mix(TimedChapter("One", 900, (PlacedTake("a", "anna", 0, 800, 0),)), 16_000, keep))


def test_a_piece_outside_of_its_chapter_is_refused(takes):
    with pytest.raises(AudioError, match="does not lie within its place in 'One'"):
        mixed(TimedChapter("One", 700, (PlacedTake("a", "anna", 0, 800, 0),)), takes(a=sound(1, 0.1, 0)))


def test_a_take_that_is_no_sound_is_refused(tmp_path):
    (tmp_path / "a.flac").write_text("nothing")
    with pytest.raises(AudioError, match="Take a cannot be read"):
        mixed(TimedChapter("One", 900, (PlacedTake("a", "anna", 0, 800, 0),)), lambda key: tmp_path / "a.flac")


def test_a_chapter_without_takes_is_silent(takes):
    assert not mixed(TimedChapter("One", 900), takes()).any()
