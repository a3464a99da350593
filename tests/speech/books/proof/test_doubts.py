"""Which takes are doubtful."""

import pytest

from speech.books.lines import Line
from speech.books.proof import find_doubts
from speech.books.take_store import TakeRecord
from speech.text import Chunk, Token

RATE = 1000
WORDS = "word " * 12


def line(key, voice=None, speed=1.0):
    tokens = tuple(Token(text, text) for text in WORDS.split())
    return Line(key, Chunk(tokens, voice, speed=speed), key, f"k-{key}")


def record(seconds=4.0, level=-20.0, **values):
    length = round(seconds * RATE)
    return TakeRecord(RATE, length, (0, length), 1, level=level, **values)


def doubts(odd, voice=None, usual=None, speed=1.0):
    """The reasons to doubt a take among ten that are as usual."""
    kept = {str(number): usual or record() for number in range(10)} | {"odd": odd}
    lines = [line(key, voice, speed if key == "odd" else 1.0) for key in kept]
    return [(doubt.line.key, *doubt.reasons) for doubt in find_doubts(lines, kept)]


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (record(problems=("it is clipped",)), "it is clipped"),
        (record(score=0.41), "its words were found badly in it (score 0.41)"),
        (record(seconds=2.0), "it is 2.0 times as fast as this voice usually is"),
        (record(seconds=10.0), "it is 2.5 times as slow as this voice usually is"),
        (record(level=-10.0), "it is 10 dB louder than this voice usually is"),
        (record(level=-30.0), "it is 10 dB softer than this voice usually is"),
    ],
)
def test_a_take_that_is_unlike_the_others_is_doubtful(odd, reason):
    assert doubts(odd) == [("odd", reason)]


def test_a_take_like_the_others_is_not():
    assert doubts(record(seconds=4.8, level=-24.0, score=0.8)) == []


def test_the_pace_that_was_asked_for_is_no_reason_to_doubt():
    assert doubts(record(seconds=2.0), speed=2.0) == []


def test_takes_of_earlier_releases_have_no_level_and_are_judged_by_the_rest():
    assert doubts(record(seconds=2.0), usual=record(level=None)) == [
        ("odd", "it is 2.0 times as fast as this voice usually is")
    ]


def test_few_takes_of_a_voice_do_not_tell_how_it_speaks():
    kept = {"0": record(), "1": record(seconds=1.0)}
    assert find_doubts([line(key) for key in kept], kept) == []


def test_the_most_doubtful_comes_first():
    kept = {str(number): record() for number in range(10)} | {
        "low": record(score=0.45),
        "lower": record(score=0.2),
        "loud": record(level=-10.0),
        "bad": record(problems=("it is clipped", "it holds 3.0 s of silence"), score=0.9),
        "worse": record(problems=("it is clipped", "it holds 3.0 s of silence"), score=0.1),
    }
    assert [doubt.line.key for doubt in find_doubts(map(line, kept), kept)] == ["worse", "bad", "loud", "lower", "low"]
