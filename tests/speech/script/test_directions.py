"""Who speaks, and where to pause, as a script says it."""

import pytest

from speech.errors import InvalidRequest
from speech.script import read

CAST = ("Alice", "Bob")


def parts(text, cast=CAST, stored=()):
    passages = read(text, "text", cast, lambda: stored).passages
    return [(passage.voice, passage.text or passage.seconds) for passage in passages]


def test_a_name_in_brackets_changes_the_voice_from_there_on():
    assert parts("Once.\n\n[alice] I was there.\n\nAnd so were you.\n\n[main] They left.") == [
        (None, "Once."),
        ("Alice", "I was there."),
        ("Alice", "And so were you."),
        (None, "They left."),
    ]


def test_a_name_on_a_line_of_its_own_is_not_spoken():
    assert parts("[Bob]\nI was there, I tell you.") == [("Bob", "I was there, I tell you.")]


def test_a_name_before_a_colon_speaks_one_paragraph():
    assert parts("Alice: Hello.\nBob: Hello yourself.\nThey laughed.") == [
        ("Alice", "Hello."),
        ("Bob", "Hello yourself."),
        (None, "They laughed."),
    ]


@pytest.mark.parametrize("text", ["[sic] it was.", "[1] See there.", "Note: it rains.", "[Illustration] A boat."])
def test_what_names_nobody_stays_text(text):
    assert parts(text) == [(None, text)]


def test_a_stored_voice_needs_no_cast():
    assert parts("[narrator] Hello there.", (), ["narrator.wav"]) == [("narrator.wav", "Hello there.")]


def test_without_a_name_in_brackets_nobody_asks_for_the_stored_voices():
    def asked():
        raise AssertionError

    assert read("Alice: Hello, [sic] I say.", "text", CAST, asked).passages[0].voice == "Alice"


def test_a_name_that_is_nearly_one_of_the_cast_is_refused_with_the_nearest():
    with pytest.raises(InvalidRequest, match=r"\[Alcie\] is not the name of a voice; did you mean \[Alice\]\?"):
        parts("[Alcie] Hello there.")


@pytest.mark.parametrize(
    ("sign", "seconds"), [("[pause 1.5]", 1.5), ("[pause:2s]", 2.0), ("[PAUSE 250 ms]", 0.25), ("[pause]", 1.0)]
)
def test_a_pause_divides_a_paragraph(sign, seconds):
    script = read(f"Wait {sign} for it.", "text")
    assert [passage.text or passage.seconds for passage in script.passages] == ["Wait", seconds, "for it."]
    assert [passage.continues for passage in script.passages] == [False, False, True]


def test_a_pause_of_an_hour_is_refused():
    with pytest.raises(InvalidRequest, match=r"\[pause 3600\] is too long; at most 30 seconds"):
        parts("Wait [pause 3600] for it.")


@pytest.mark.parametrize(
    "written", ["[laughs] Alice: Hello.", "(laughs) Alice: Hello.", "Alice [laughs]: Hello.", "ALICE (softly) : Hello."]
)
def test_how_a_speaker_says_something_is_left_out_and_listed(written):
    script = read(f"{written}\nBob: Hi.", "text", CAST)
    assert [(each.voice, each.text) for each in script.passages] == [("Alice", "Hello."), ("Bob", "Hi.")]
    [left] = script.left_out
    assert left.what.removeprefix("stage direction: ") in written


@pytest.mark.parametrize("text", ["[laughs] Carol: Hello.", "[sic] it was.", "Carol (softly): Hello."])
def test_without_a_speaker_of_the_cast_a_direction_stays_text(text):
    assert parts(text) == [(None, text)]


def test_a_pause_may_stand_before_a_speaker():
    assert parts("Bob: Hi.\n[pause 2] Alice: Hello.") == [("Bob", "Hi."), (None, 2.0), ("Alice", "Hello.")]
