"""Where takes lie in a chapter is known from their lengths alone."""

import numpy as np

from speech.books.layout import ChapterLayout, TakeSound, audible
from speech.words import Word

RATE = 1000


def take(key, length, heard=None, words=()):
    return TakeSound(key, "anna", length, heard or (0, length), words)


def laid(*takes, overlap=0.05):
    """Lay takes, each with the pause before it in milliseconds."""
    layout = ChapterLayout(RATE, head=0.5, tail=1, overlap=overlap)
    words = [word for each, pause in takes for word in layout.add(each, pause)]
    return *layout.finish(), words


def test_the_room_is_heard_before_the_first_take_and_after_the_last():
    placed, length, _ = laid((take("a", 400), 0))
    assert (placed[0].begin, placed[0].end, length) == (500, 900, 1900)


def test_a_pause_is_as_long_as_asked_for_whatever_silence_the_takes_end_with():
    (before, after), _, _ = laid((take("a", 900, (100, 500)), 0), (take("b", 800, (300, 700)), 600))
    assert after.begin - before.end == 600
    assert (before.first, before.last) == (60, 540) and (after.first, after.last) == (260, 740)
    assert before.fade_in == before.fade_out == after.fade_in == after.fade_out == 10


def test_without_a_pause_a_take_fades_into_the_next():
    (before, after), length, _ = laid((take("a", 400), 0), (take("b", 300), 0))
    assert before.end - after.begin == before.fade_out == after.fade_in == 50
    assert length == 500 + 400 + 250 + 1000


def test_a_fade_never_reaches_into_the_one_before_it():
    placed, _, _ = laid((take("a", 400), 0), (take("b", 70), 0), (take("c", 300), 0))
    assert placed[1].fade_in + placed[1].fade_out <= 70


def test_words_lie_where_their_take_does_and_never_overlap():
    first = take("a", 400, words=(Word("One", 10, 390),))
    second = take("b", 300, words=(Word("two", 0, 100), Word("three.", 110, 290)))
    _, _, words = laid((first, 0), (second, 0))
    assert [(word.begin, word.end) for word in words] == [(510, 890), (890, 950), (960, 1140)]


def test_a_silent_take_keeps_its_length():
    assert audible(np.zeros(300, np.float32)) == (0, 300)
    placed, _, _ = laid((take("a", 5), 0), (take("b", 3), 100), (take("c", 3), 0))
    assert all(each.first < each.last and each.fade_in + each.fade_out <= each.last for each in placed)


def test_an_empty_chapter_is_nothing_but_its_room():
    assert laid()[:2] == ((), 1500)
