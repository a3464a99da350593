"""Timed words and their promises."""

from hypothesis import given
from hypothesis import strategies as st

from speech.words import Word, clamp, interpolate


def test_words_without_a_place_share_the_room_between_their_neighbours_by_length():
    assert interpolate([(0, 100), None, None, (400, 500)], [3, 2, 4, 3], 600) == [
        (0, 100), (100, 200), (200, 400), (400, 500),
    ]  # fmt: skip


def test_words_without_a_place_at_either_end_reach_to_the_recordings():
    assert interpolate([None, (100, 200), None], [1, 1, 1], 300) == [(0, 100), (100, 200), (200, 300)]


def test_what_is_not_spoken_takes_no_time():
    assert interpolate([(0, 100), None, (100, 200)], [3, 0, 3], 200)[1] == (100, 100)


def test_nothing_placed_means_even_shares():
    assert interpolate([None, None], [1, 1], 100) == [(0, 50), (50, 100)]


@given(st.lists(st.tuples(st.integers(-50, 2000), st.integers(-50, 2000)), max_size=30), st.integers(0, 1500))
def test_settled_times_never_run_backwards_or_past_the_end(times, duration):
    words = clamp([Word("x", start, end) for start, end in times], duration)
    borders = [border for word in words for border in (word.start, word.end)]
    assert borders == sorted(borders)
    assert all(0 <= border <= duration for border in borders)
    assert len(words) == len(times)
