"""The five files, read back by other people's parsers."""

import csv
import io
import json
import re
import subprocess

import pysubs2
import pytest
import srt
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from speech.media import ffmpeg
from speech.subtitles import make, render
from speech.words import Word
from tests import PATIENCE
from tests.scripts import ALICE
from tests.speech.subtitles.test_cues import paced, token_texts

# What keeps a player or a spreadsheet from taking a word for more than a word.
JOINER = "\u2060"
NASTY = 'He said: "a,b" & <i>x</i> --> {\\b1}bold\\N 50% {end} \\n 😀 e\u0301 مرحبا 你好 ]]> </c>'


def subtitles(words, text="", preset="netflix", **look):
    length = max((word.end for word in words), default=0)
    return make(
        words, text=text, language="en", duration_ms=length, method="embedded", preset=preset, job_id="job", **look
    )


PLAIN, ODD = subtitles(paced(ALICE), ALICE), subtitles(paced(NASTY), NASTY)
BOTH = pytest.mark.parametrize("made", [PLAIN, ODD], ids=["plain", "odd"])


@BOTH
def test_csv_is_read_back_by_a_csv_parser(made):
    text = render(made, "csv")
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert text.startswith("word,start_time,end_time,confidence\r\n")
    assert [row["word"].lstrip(JOINER) for row in rows] == [word.text for word in made.words]
    assert [float(row["start_time"]) * 1000 for row in rows] == pytest.approx([word.start for word in made.words])
    assert all(re.fullmatch(r"\d+\.\d{3}", row["end_time"]) for row in rows)


@BOTH
def test_json_has_the_contracts_shape(made):
    content = json.loads(render(made, "json"))
    assert list(content) == ["version", "job_id", "text", "language", "duration", "method", "words", "cues"]
    assert [word["word"] for word in content["words"]] == [word.text for word in made.words]
    assert set(content["words"][0]) == {"word", "start_time", "end_time", "confidence"}
    assert [cue["lines"] for cue in content["cues"]] == [cue.texts() for cue in made.cues]


@BOTH
def test_srt_is_read_back_as_the_same_cues(made):
    found = list(srt.parse(render(made, "srt")))
    assert [item.content.replace("\u2060", "").split("\n") for item in found] == [cue.texts() for cue in made.cues]
    assert [round(item.start.total_seconds() * 1000) for item in found] == [cue.start for cue in made.cues]
    assert [round(item.end.total_seconds() * 1000) for item in found] == [cue.end for cue in made.cues]


@BOTH
def test_vtt_is_read_back_as_the_same_cues(made):
    found = webvtt.from_string(render(made, "vtt"))
    assert [round(item.start_in_seconds * 1000) for item in found] == pytest.approx(
        [cue.start for cue in made.cues], abs=1000
    )
    bare = [re.sub(r"<[\d:.]+>", "", item.raw_text) for item in found]
    plain = [text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").split("\n") for text in bare]
    assert plain == [cue.texts() for cue in made.cues]


def stamps(text):
    return [
        sum(float(part) * 60**power for power, part in enumerate(reversed(stamp.split(":")))) * 1000
        for stamp in re.findall(r"<([\d:.]+)>", text)
    ]


@BOTH
def test_inline_times_rise_strictly_inside_their_cue(made):
    blocks = render(made, "vtt").split("\n\n")[1:]
    for cue, block in zip(made.cues, blocks, strict=True):
        inline = stamps(block)
        assert all(left < right for left, right in zip([cue.start, *inline], [*inline, cue.end], strict=True))
    assert len(stamps(render(PLAIN, "vtt"))) == len(PLAIN.words) - len(PLAIN.cues)


def karaoke(text):
    return [int(length) for length in re.findall(r"\\kf?(\d+)", text)]


@BOTH
def test_karaoke_adds_up_to_the_cue_gaps_included(made):
    file = pysubs2.SSAFile.from_string(render(made, "ass"), format_="ass")
    for event, cue in zip(file, made.cues, strict=True):
        assert sum(karaoke(event.text)) * 10 == event.end - event.start
        assert event.start == pytest.approx(cue.start, abs=5)


def test_karaoke_borders_never_drift_from_the_words():
    words = [Word(f"w{i}", i * 333 + 7, i * 333 + 290) for i in range(400)]
    file = pysubs2.SSAFile.from_string(render(subtitles(words), "ass"), format_="ass")
    starts = []
    for event in file:
        at = event.start
        for kind, length in re.findall(r"\\(kf?)(\d+)", event.text):
            if kind == "kf":
                starts.append(at)
            at += int(length) * 10
    assert starts == pytest.approx([word.start for word in words], abs=5)


def test_markup_in_a_script_shows_as_text_in_ass():
    file = pysubs2.SSAFile.from_string(render(ODD, "ass"), format_="ass")
    for event in file:
        bare = re.sub(r"(?<!\\)\{\\kf?\d+\}", "", event.text)
        assert not re.search(r"(?<!\\)[{}]", bare)
        assert not re.search(r"\\[nh]|\\N(?!\S)", bare.replace("\\N", "|", bare.count("\\N")))


@BOTH
@pytest.mark.parametrize("name", ["srt", "vtt", "ass"])
def test_ffmpeg_reads_as_many_cues(made, name, tmp_path):
    path = tmp_path / f"a.{name}"
    path.write_text(render(made, name), encoding="utf-8", newline="")
    out = subprocess.run(
        [ffmpeg(), "-v", "error", "-i", path, "-f", "srt", "-"], capture_output=True, check=True, timeout=PATIENCE
    )
    assert out.stderr == b""
    assert out.stdout.count(b" --> ") >= len(made.cues)


@given(st.lists(token_texts, min_size=1, max_size=12))
def test_any_script_survives_every_format(tokens):
    words = [Word(text, index * 400, index * 400 + 300) for index, text in enumerate(tokens)]
    made = subtitles(words, " ".join(tokens))
    rows = list(csv.DictReader(io.StringIO(render(made, "csv"), newline=""), strict=True))
    assert [row["word"].lstrip(JOINER) for row in rows] == tokens
    assert [word["word"] for word in json.loads(render(made, "json"))["words"]] == tokens
    assert len(pysubs2.SSAFile.from_string(render(made, "ass"), format_="ass")) == len(made.cues)
    assert render(made, "vtt").count(" --> ") == len(made.cues)


def test_ass_goes_on_after_nine_hours():
    at = 11 * 3_600_000 + 1_230
    late = subtitles([Word("Late.", at, at + 500, 0.9, False, "")], "Late.")
    [event] = pysubs2.SSAFile.from_string(render(late, "ass"))
    assert (event.start, event.duration) == (at, late.cues[0].end - at)
