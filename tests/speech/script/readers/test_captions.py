"""What is spoken of subtitles."""

import pytest

from speech.script.directions import direct
from speech.script.readers import load, open_document
from speech.script.readers.detect import parse

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>It was a bright
cold day,</i>

2
00:00:02,600 --> 00:00:04,000
- and nobody looked up.

3
00:00:04,100 --> 00:00:05,000
[door closes]

4
00:00:09,000 --> 00:00:10,000
{\\an8}So it went.
"""
VTT = """WEBVTT - A talk

NOTE
Not spoken.

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.000 align:start
<v Roger>Hello <00:01.500><c>there</c> &amp; welcome.

00:02.000 --> 00:03.000
Hello there & welcome.

00:02.500 --> 00:03.000
To the show.
"""


def texts(content):
    return [passage.text.replace("\n", " ") for passage in load(content.encode()).passages]


def test_sentences_run_across_cues_and_a_silence_begins_a_paragraph():
    assert texts(SRT) == ["It was a bright cold day, and nobody looked up.", "So it went."]


def test_what_describes_a_sound_is_left_out():
    assert [each.what for each in load(SRT.encode()).left_out] == ["sound: [door closes]"]


def test_tags_comments_styles_and_repeated_lines_are_dropped():
    assert texts(VTT) == ["Hello there & welcome.", "To the show."]
    assert load(VTT.encode()).format == "vtt"


def test_windows_line_ends_and_missing_blank_lines_mean_the_same():
    assert texts(SRT.replace("\n", "\r\n")) == texts(SRT)
    assert texts(SRT.replace("\n\n", "\n")) == texts(SRT)


NAMED = """WEBVTT

00:01.000 --> 00:02.000
<v Alice>Hello there.

00:02.000 --> 00:03.000
<v.loud Bob Lee>Hi.</v> <v Alice>Did you

00:03.000 --> 00:04.000
<v Alice>sleep?

00:09.000 --> 00:10.000
Nobody answered.
"""


@pytest.mark.parametrize("travels", [False, True])
def test_who_speaks_in_webvtt_is_a_voice_if_the_cast_has_the_name(travels):
    document = open_document(NAMED.encode())
    script = parse(document.text, document.kind) if travels else document.script
    directed = direct(script, ["alice", "Bob Lee"], tuple)
    assert [(each.voice, each.text) for each in directed.passages] == [
        ("alice", "Hello there."), ("Bob Lee", "Hi."), ("alice", "Did you sleep?"), (None, "Nobody answered."),
    ]  # fmt: skip
    assert [each.continues for each in directed.passages] == [False, True, True, False]
    assert directed.notes == ()


def test_speakers_that_the_cast_lacks_are_told_and_spoken_by_the_voice_of_the_request():
    directed = direct(load(NAMED.encode()), ["Alice"], tuple)
    assert {each.voice for each in directed.passages} == {"Alice", None}
    assert directed.notes == (
        "The subtitles name who speaks (Bob Lee); name them in the cast to give each a voice.",
    )  # fmt: skip


def test_dashes_at_a_change_of_speaker_are_told_since_nobody_is_named():
    script = load(b"1\n00:00:01,000 --> 00:00:02,000\n- Is it you?\n- It is.\n")
    assert script.text.replace("\n", " ") == "Is it you? It is."
    assert script.notes == (
        "2 dashes mark a change of speaker, but not who speaks; write the name before a colon to give each a voice.",
    )


def test_a_name_before_a_colon_is_a_voice_after_a_dash_too():
    script = load(b"1\n00:00:01,000 --> 00:00:02,000\n- Bob: Is it you?\n- Alice: It is.\n")
    voices = [each.voice for each in direct(script, ["Alice", "Bob"], tuple).passages]
    assert voices == ["Bob", "Alice"]


def timed(second):
    return (
        f"1\n00:00:01,000 --> 00:00:02,000\nFirst one.\n\n2\n{second}\nSecond one.\n\n"
        "3\n00:00:05,000 --> 00:00:06,000\nThird one.\n"
    )


def test_a_thousand_hours_are_a_time_too():
    script = load(timed("1000:00:03,000 --> 1000:00:04,000").encode())
    assert [line for each in script.passages for line in each.text.split("\n")] == [
        "First one.", "Second one.", "Third one.",
    ]  # fmt: skip
    assert not script.notes


@pytest.mark.parametrize("line", ["00:00:03 --> 00:00:04", "00:00:0x,000 --> 00:00:04,000"])
def test_a_note_tells_of_a_line_whose_times_cannot_be_read(line):
    script = load(timed(line).encode())
    assert any(line in note and "Correct the times" in note for note in script.notes)
