"""Who speaks, in subtitles of several voices."""

import json
from dataclasses import replace

import pysubs2
import pytest
import srt
import webvtt

from speech.alignment import align
from speech.preview.layout import lay_out
from speech.request import SpeechRequest
from speech.script import read
from speech.script.chunks import cut
from speech.subtitles import make, render
from speech.subtitles.cues import DASH
from speech.subtitles.json_format import read as read_json
from speech.subtitles.palette import ON_DARK
from speech.subtitles.speakers import remark
from speech.subtitles.styles import LOOKS, STYLES, look_for
from speech.text import tokens
from speech.words import Word

CAST = {"alice": "alice.wav", "Bob": "bob.wav"}
SCRIPT = "It was late.\n\nalice: I was there. I saw it all, from the window.\n\nBob: Nobody else did.\n\nThey left."
SPEAKERS = {"It was late.": None, "Nobody else did.": "Bob", "They left.": None}


def spoken(script=SCRIPT):
    """The words of a script, each heard for 400 ms."""
    words = []
    for passage in read(script, cast=CAST).passages:
        own = tokens(passage.text, "en")
        own[-1] = replace(own[-1], space="\n")
        for token in own:
            at = words[-1].end if words else 0
            words.append(Word(token.text, at, at + 400, 0.9, False, token.space, passage.voice))
    return words


def subtitles(words=None, **presentation):
    words = spoken() if words is None else words
    text = "".join(word.text + word.space for word in words).strip()
    return make(
        words, text=text, language="en", duration_ms=words[-1].end, method="embedded", job_id="job",
        **{"speakers": True} | presentation,
    )  # fmt: skip


def test_words_learn_the_voice_of_their_passage(spoken):
    chunks = cut(read("Hello there, all of you.\n\nBob: Two words.", cast=CAST), "en", 300)
    words = align(spoken, chunks, "en", "embedded").words
    assert [(word.text, word.voice) for word in words[-3:]] == [("you.", None), ("Two", "Bob"), ("words.", "Bob")]


@pytest.mark.parametrize("preset", ["netflix", "social", "word"])
def test_no_cue_holds_the_words_of_two_voices(preset):
    # Not even where a voice has no time, or no line ends between two of them.
    words = [replace(word, space=" ") for word in spoken()]
    words[-1] = replace(words[-1], start=words[-1].end)
    for cue in subtitles(words, preset=preset).cues:
        assert len({word.voice for word in cue.words}) == 1


def test_vtt_names_who_speaks():
    written = webvtt.from_string(render(subtitles(), "vtt"))
    assert {cue.text.replace("\n", " "): cue.voice for cue in written}.items() >= SPEAKERS.items()
    assert "<v alice>I" in render(subtitles(), "vtt")


def test_ass_names_who_speaks_in_a_style_of_their_own():
    file = pysubs2.SSAFile.from_string(render(subtitles(), "ass"), format_="ass")
    assert {(event.name, event.style) for event in file} == {
        ("", "Default"), ("alice", "Voice alice"), ("Bob", "Voice Bob"),
    }  # fmt: skip
    assert len({str(style.primarycolor) for style in file.styles.values()}) == 3
    assert len({style.fontsize for style in file.styles.values()}) == 1


def test_srt_has_a_dash_where_the_speaker_changes():
    cues = [cue.content.replace("\n", " ") for cue in srt.parse(render(subtitles(), "srt"))]
    assert cues == [
        "It was late.", "- I was there.", "I saw it all, from the window.", "- Nobody else did.", "- They left.",
    ]  # fmt: skip


def test_there_is_room_for_the_dash_in_its_line():
    words = spoken("So.\n\nalice: I was there and saw it all from that wall.\n\nBob: No.")
    assert max(len(line) for cue in subtitles(words, speakers=False).cues for line in cue.texts()) > 42 - len(DASH)
    assert all(
        len(line) <= 42 for cue in srt.parse(render(subtitles(words), "srt")) for line in cue.content.split("\n")
    )


@pytest.mark.parametrize("name", ["srt", "vtt", "ass"])
def test_who_speaks_is_shown_only_on_request(name):
    plain = [replace(word, voice=None) for word in spoken()]
    asked, unasked = subtitles(plain), subtitles(spoken(), speakers=False)
    assert render(unasked, name) == render(asked, name)
    assert SpeechRequest.parse({"text": "x"}).presentation()["speakers"] is False


def test_stored_word_times_keep_the_voices():
    made = subtitles()
    again = read_json(render(made, "json"), speakers=True)
    assert [word.voice for word in again.words] == [word.voice for word in made.words]
    assert render(again, "vtt") == render(made, "vtt")


def test_json_says_nothing_of_voices_where_there_is_one():
    content = json.loads(render(subtitles([replace(word, voice=None) for word in spoken()]), "json"))
    assert not any("voice" in entry for entry in content["words"] + content["cues"])


def test_a_stored_voice_is_named_without_its_ending():
    assert "<v alice>" in render(subtitles([replace(word, voice="alice.wav") for word in spoken()]), "vtt")


def test_names_of_timings_from_others_break_no_format():
    odd = subtitles([replace(word, voice="a,b & <c>\\N") for word in spoken()])
    assert "<v a,b &amp; &lt;c&gt;\\N>" in render(odd, "vtt")
    assert {event.name for event in pysubs2.SSAFile.from_string(render(odd, "ass"), format_="ass")} == {"a b & <c>\\N"}


def luminance(colour):
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    "chosen", [*({"style": name} for name in STYLES), *({"look": name} for name in LOOKS)], ids=str
)
def test_the_colour_of_each_voice_can_be_read(chosen):
    style = look_for("netflix", **chosen).style
    tints = [style.tinted(number) for number in range(len(ON_DARK))]
    for tint in tints:
        lighter, darker = sorted((luminance(tint.colour), luminance(tint.edge)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, "WCAG 2.2, 1.4.3"
    assert len({tint.colour for tint in tints}) == len(ON_DARK)


def test_a_voice_has_the_same_colour_on_the_page_and_in_ass():
    made = subtitles()
    styles = pysubs2.SSAFile.from_string(render(made, "ass"), format_="ass").styles
    layout = lay_out(made)
    assert layout.voices == ("Narrator", "alice", "Bob")
    assert layout.tints == ["ink", "voice-0", "voice-1"]
    for name, tint in zip(layout.voices[1:], layout.tints[1:], strict=True):
        colour = styles[f"Voice {name}"].primarycolor
        assert (colour.r, colour.g, colour.b) == ON_DARK[int(tint.removeprefix("voice-"))]


class TestThatTheyAreNotShownIsTold:
    def test_where_the_script_names_nobody(self):
        assert remark(subtitles(), ["srt"]) is None
        assert "the script gives no passage to a voice" in remark(subtitles(spoken("It was late.")), ["vtt"])

    def test_where_no_format_knows_them(self):
        assert "only srt, vtt, ass can show it" in remark(subtitles(), ["csv", "ttml"])
        assert remark(subtitles(), ["csv", "ass"]) is None

    def test_where_srt_has_no_change_to_mark(self):
        alone = subtitles(spoken("Bob: Nobody else did."))
        assert "there is none" in remark(alone, ["srt", "json"])
        assert remark(alone, ["srt", "vtt"]) is None

    def test_where_they_are_not_asked_for_nothing_is(self):
        assert remark(subtitles(speakers=False), ["csv"]) is None
