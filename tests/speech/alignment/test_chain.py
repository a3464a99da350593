"""The chain of aligners."""

import pytest

from speech.alignment import ALIGNERS, align
from speech.errors import AlignmentError
from speech.notes import declined, kinds
from speech.text import chunks
from speech.words import Word

SCRIPT = chunks("Two words.", "en")


class Fixed:
    """An aligner that answers as it is told."""

    doubtful = 0.33
    cost_usd = 0.0
    by_spans = True

    def __init__(self, *words):
        self.words = words

    def __call__(self):
        return self

    def align(self, recording, parts, language):
        if not self.words:
            raise AlignmentError("it is told to fail.")
        return list(self.words)


@pytest.fixture
def links(monkeypatch):
    """Put aligners of the test's own into the registry."""
    made = {}

    def register(**aligners):
        for name, aligner in aligners.items():
            made[name] = aligner
            monkeypatch.setitem(ALIGNERS, name, f"{__name__}:{name}_link")
            monkeypatch.setitem(globals(), f"{name}_link", aligner)

    return register


GOOD = Fixed(Word("Two", 0, 500), Word("words.", 500, 90_000))


def test_the_first_link_that_can_does_the_work(links, spoken):
    links(whisperx=GOOD, google=Fixed())
    found = align(spoken, SCRIPT, "en")
    assert (found.method, found.warnings) == ("whisperx", ())


def test_the_requested_link_is_tried_first(links, spoken):
    links(whisperx=GOOD, google=GOOD)
    assert align(spoken, SCRIPT, "en", "google").method == "google"


def test_each_link_that_fails_says_why(links, spoken):
    links(whisperx=Fixed(), google=Fixed(Word("Two", 0, 1)))
    found = align(spoken, SCRIPT, "en")
    assert found.method == "embedded"
    assert found.warnings == (
        "whisperx did not time the words: it is told to fail.",
        "google did not time the words: it timed 1 of 2 words.",
    )


def test_times_are_held_inside_the_recording(links, spoken):
    links(whisperx=GOOD)
    assert align(spoken, SCRIPT, "en").words[-1].end == spoken.duration_ms


def test_a_link_that_is_not_installed_is_passed_over_and_named(spoken):
    assert "whisperx did not time the words" in align(spoken, SCRIPT, "en").warnings[0]


def test_when_all_fail_every_reason_is_given(links, spoken):
    links(whisperx=Fixed(), google=Fixed(), embedded=Fixed())
    with pytest.raises(AlignmentError, match=r"whisperx did not.*google did not.*embedded did not"):
        align(spoken, SCRIPT, "en")


def test_why_a_link_failed_is_known_by_its_kind_and_not_by_its_words(links, spoken):
    links(whisperx=Fixed(), google=Fixed(), embedded=GOOD)
    warnings = align(spoken, SCRIPT, "en").warnings
    assert kinds(["Something else.", *warnings]) == {declined("whisperx"): 1, declined("google"): 2}
