"""What is spoken of subtitles."""

from speech.script.readers import load

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
    assert texts(VTT) == ["Hello there & welcome. To the show."]
    assert load(VTT.encode()).format == "vtt"


def test_windows_line_ends_and_missing_blank_lines_mean_the_same():
    assert texts(SRT.replace("\n", "\r\n")) == texts(SRT)
    assert texts(SRT.replace("\n\n", "\n")) == texts(SRT)
