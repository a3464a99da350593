"""What the page plays, and the picture of its loudness."""

import numpy as np
import pytest
import soundfile

from speech.audio import duration_ms
from speech.preview.sound import address, column_ms, listenable, peaks

HOUR = 3_600_000


@pytest.fixture
def recording(tmp_path):
    """A second that is silent at first, then loud."""
    path = tmp_path / "a talk.wav"
    samples = np.sin(np.arange(16_000)) * np.where(np.arange(16_000) < 8_000, 0, 0.5)
    soundfile.write(path, samples, 16_000)
    return path


@pytest.mark.parametrize(("column", "count"), [(10, 100), (50, 20), (300, 4)])
def test_the_picture_shows_the_loudest_sample_of_each_column(recording, column, count):
    found = peaks(recording, column)
    assert len(found) == count
    assert max(found[: count // 2 - 1]) < 10
    assert found[-1] == pytest.approx(127, abs=6)


def test_the_picture_of_a_very_long_recording_is_no_larger_than_two_million_columns():
    assert column_ms(0) == column_ms(HOUR) == 10
    for hours in (1, 6, 10, 24):
        assert hours * HOUR / column_ms(hours * HOUR) <= 2_000_000
        assert column_ms(hours * HOUR) % 10 == 0


def test_a_recording_that_browsers_play_is_listened_to_as_it_is(recording, tmp_path):
    copy, talk = tmp_path / "talk.mp3", tmp_path / "talk.MP4"
    assert listenable(talk, recording, copy, 2 * HOUR) == talk
    assert listenable(tmp_path / "talk.wma", recording, copy, HOUR) == tmp_path / "talk.wma"
    assert not copy.exists()


def test_another_long_one_is_written_as_mp3(recording, tmp_path):
    heard = listenable(tmp_path / "talk.wma", recording, tmp_path / "talk.mp3", 2 * HOUR)
    assert heard == tmp_path / "talk.mp3"
    assert duration_ms(heard) == pytest.approx(1000, abs=120)


def test_the_address_of_a_recording_is_relative_to_the_page_and_no_scheme(tmp_path):
    page = tmp_path / "out" / "talk.html"
    assert address(tmp_path / "a talk #1.mp3", page) == "./../a%20talk%20%231.mp3"
    assert address(tmp_path / "out" / "javascript:x.mp3", page) == "./javascript%3Ax.mp3"
