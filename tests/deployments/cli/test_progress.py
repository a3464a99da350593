"""Progress as lines, where standard error is not a terminal."""

from itertools import count

from deployments.cli.progress import Lines


def told(reports, seconds):
    """The lines that are printed for reports of (step, share), each some seconds after the one before it."""
    clock = count(0, seconds)
    time = [0]
    lines = Lines(lambda: time[0])
    found = []
    for step, share in reports:
        time[0] = next(clock)
        found.append(lines.line(step, share))
    return [line for line in found if line]


def test_a_long_step_is_told_every_tenth():
    lines = told([("burn", share / 200) for share in range(201)], seconds=0.01)
    assert [line.split("]")[0] for line in lines] == [f"[{share:3d}%" for share in range(0, 101, 10)]


def test_a_slow_step_is_told_every_five_seconds():
    lines = told([("burn", share / 1000) for share in range(21)], seconds=1)
    assert [line.split("]")[0] for line in lines] == ["[  0%", "[  0%", "[  1%", "[  2%", "[  2%"]


def test_each_step_is_told():
    lines = told([("prepare", 0), ("synthesize", 0.01), ("synthesize", 0.02), ("align", 0.03)], seconds=0.1)
    assert [line.split("] ")[1] for line in lines] == ["prepare", "synthesize", "align"]


def test_the_time_left_is_told_once_it_can_be():
    lines = told([("burn", share / 100) for share in range(0, 101, 10)], seconds=10)
    assert lines[:4] == [
        "[  0%] burn",
        "[ 10%] burn",
        "[ 20%] burn, about 80 s left",
        "[ 30%] burn, about 70 s left",
    ]
    assert lines[-1] == "[100%] burn"


def test_minutes_are_told_where_it_takes_minutes():
    assert told([("burn", 0.01), ("burn", 0.21)], seconds=120)[1] == "[ 21%] burn, about 8 min left"


def test_a_step_that_stands_still_is_told_once():
    assert told([("burn", 0.5)] * 100, seconds=10) == ["[ 50%] burn"]
