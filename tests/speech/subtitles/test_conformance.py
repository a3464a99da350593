"""What is written, judged by other people's parsers and renderers."""

import csv
import html
import io
import json
import re
import subprocess
from importlib import resources
from xml.etree import ElementTree

import jsonschema
import numpy as np
import pandas
import pysubs2
import pytest
import srt
import ttconv.imsc.reader as imsc
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from praatio.utilities import textgrid_io
from ttconv.model import Text

from speech.media import ffmpeg
from speech.subtitles import make, render
from speech.subtitles.json_format import read
from speech.subtitles.rules import RULES
from speech.subtitles.styles import KARAOKE, STYLES
from speech.subtitles.vtt_format import stamp
from speech.words import Word
from tests import PATIENCE
from tests.conftest import font, needed
from tests.scripts import BOOKS
from tests.speech.subtitles.test_cues import paced
from tests.validator import Validator, missing

pytestmark = pytest.mark.service

JOINER = "\u2060"
SCHEMA = json.loads(resources.files("speech.subtitles").joinpath("timings.schema.json").read_text())


@pytest.fixture(scope="module")
def validator():
    if lacking := missing():
        needed(lacking)
    started = Validator()
    yield started
    started.stop()


def subtitles(words, language="en", **presentation):
    length = max((word.end for word in words), default=0)
    text = "".join(word.text + word.space for word in words)
    return make(
        words, text=text, language=language, duration_ms=length, method="embedded", job_id="job", **presentation
    )


PIECES = st.sampled_from(
    ["Hello,", '"quoted"', "R&D", "<b>", "</c>", "a<b", "-->", "{\\b1}", "{end}", "\\N", "C:\\new", "😀", "👩‍👩‍👧",
     "e\u0301", "مرحبا", "שלום", "你", "好。", "さ", "く", "ก", "ข", "—", "100%", "x" * 1000, "<00:00.500>", "&amp;",
     "NOTE", "1", "''"]
)  # fmt: skip
ANYTHING = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Zs", "Zl", "Zp", "Cs"]), min_size=1
)
WORDS = st.lists(
    st.tuples(
        PIECES | ANYTHING, st.sampled_from([0, 0, 1, 40, 300, 2000]), st.sampled_from([0, 1, 9, 120, 400, 1500]),
        st.booleans(),
    ),
    min_size=1, max_size=30,
)  # fmt: skip


@st.composite
def scripts(draw):
    """Words that touch, that take no time, that say what files are made of."""
    words, at = [], draw(st.integers(0, 500))
    for text, gap, length, joined in draw(WORDS):
        words.append(Word(text, at + gap, at + gap + length, 0.5, False, "" if joined else " "))
        at += gap + length
    return subtitles(words, preset=draw(st.sampled_from(sorted(RULES))), karaoke=draw(st.sampled_from(sorted(KARAOKE))))


ANY_SCRIPT = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY_SCRIPT
@given(scripts())
def test_the_w3c_validator_finds_no_error_in_any_script(validator, made):
    assert validator.errors(render(made, "vtt")) == []


@pytest.mark.parametrize("language", BOOKS)
def test_the_w3c_validator_finds_no_error_in_a_book(validator, language):
    made = subtitles(paced(BOOKS[language], language), language)
    assert validator.errors(render(made, "vtt")) == []


def test_the_w3c_validator_would_find_one(validator):
    bad = "WEBVTT\n\n00:00.000 --> 00:02.000\n<00:00.000>a & b <00:03.000>c\n"
    assert len(validator.errors(bad)) >= 2


@ANY_SCRIPT
@given(scripts())
def test_srt_vtt_and_ass_are_read_back_as_our_cues(made):
    lines = [[squeezed(line) for line in cue.texts()] for cue in made.cues]
    times = [(cue.start, cue.end) for cue in made.cues]
    by_srt = list(srt.parse(render(made, "srt")))
    assert [[squeezed(line) for line in cue.content.split("\n")] for cue in by_srt] == lines
    assert [(milliseconds(cue.start), milliseconds(cue.end)) for cue in by_srt] == times
    by_webvtt = list(webvtt.from_string(render(made, "vtt")))
    assert [[shown(line) for line in cue.raw_text.split("\n")] for cue in by_webvtt] == lines
    assert [cue.start for cue in by_webvtt] == [stamp(start) for start, _ in times]
    assert [cue.end for cue in by_webvtt] == [stamp(end) for _, end in times]
    by_pysubs2 = pysubs2.SSAFile.from_string(render(made, "ass"), format_="ass")
    assert [[unmarked(line) for line in event.text.split("\\N")] for event in by_pysubs2] == lines
    assert [event.start for event in by_pysubs2] == pytest.approx([start for start, _ in times], abs=5)
    assert [event.end for event in by_pysubs2] == pytest.approx([end for _, end in times], abs=15)


@ANY_SCRIPT
@given(scripts())
def test_csv_and_json_are_read_back_as_our_words(made):
    text = render(made, "csv")
    words = [word.text for word in made.words]
    assert [row["word"].lstrip(JOINER) for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)] == words
    table = pandas.read_csv(io.StringIO(text), dtype={"word": str}, keep_default_na=False)
    assert list(table["word"].str.lstrip(JOINER)) == words
    assert list((table["start_time"] * 1000).round().astype(int)) == [word.start for word in made.words]
    content = json.loads(render(made, "json"))
    jsonschema.validate(content, SCHEMA, jsonschema.Draft202012Validator)
    assert [entry["word"] for entry in content["words"]] == words


@ANY_SCRIPT
@given(scripts())
def test_json_holds_enough_to_build_the_same_cues_again(made):
    again = read(render(made, "json"))
    plain = subtitles([Word(w.text, w.start, w.end, w.confidence, False, w.space) for w in made.words])
    assert [(cue.start, cue.end, len(cue.words)) for cue in again.cues] == [
        (cue.start, cue.end, len(cue.words)) for cue in plain.cues
    ] or any(word.text in "".join(other.text for other in made.words if other is not word) for word in made.words)


def test_the_schema_refuses_what_is_not_ours():
    content = json.loads(render(subtitles(paced("Hello there.")), "json"))
    content["words"][0]["start_time"] = "0.1"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, SCHEMA)


@ANY_SCRIPT
@given(scripts())
def test_ttml_is_read_back_by_ttconv_as_our_cues(made):
    document = imsc.to_model(ElementTree.ElementTree(ElementTree.fromstring(render(made, "ttml"))))
    paragraphs = list(document.get_body().first_child())
    assert [(int((p.get_begin() or 0) * 1000), int(p.get_end() * 1000)) for p in paragraphs] == [
        (cue.start, cue.end) for cue in made.cues
    ]
    lines = [
        [squeezed(part.get_text()) for part in paragraph.first_child() if isinstance(part, Text)]
        for paragraph in paragraphs
    ]
    assert lines == [[squeezed(line) for line in cue.texts()] for cue in made.cues]


@ANY_SCRIPT
@given(scripts())
def test_textgrid_is_read_back_by_praatio_as_our_words(made):
    grid = textgrid_io.parseTextgridStr(render(made, "textgrid"), False)
    words, cues = ([entry for entry in tier["entries"] if entry[2]] for tier in grid["tiers"])
    heard = [word for word in made.words if word.end > word.start]
    assert [(round(float(start) * 1000), round(float(end) * 1000)) for start, end, _ in words] == [
        (word.start, word.end) for word in heard
    ]
    if heard:
        assert squeezed(" ".join(text for _, _, text in words)) == squeezed(" ".join(word.text for word in made.words))
    assert len(cues) == len(made.cues)


@pytest.mark.parametrize("name", ["srt", "vtt", "ass"])
@pytest.mark.parametrize("language", BOOKS)
def test_ffmpeg_reads_our_cues(name, language, tmp_path):
    made = subtitles(paced(BOOKS[language], language), language, karaoke="none")
    path = tmp_path / f"a.{name}"
    path.write_text(render(made, name), encoding="utf-8", newline="")
    command = [ffmpeg(), "-v", "error", "-i", path, "-f", "srt", "-"]
    out = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    assert out.stderr == b""
    found = list(srt.parse(out.stdout.decode()))
    assert [re.sub(r"<[^>]*>", "", cue.content).split("\n") for cue in found] == [cue.texts() for cue in made.cues]
    slack = 10 if name == "ass" else 0
    assert [milliseconds(cue.start) for cue in found] == pytest.approx([cue.start for cue in made.cues], abs=slack)
    assert [milliseconds(cue.end) for cue in found] == pytest.approx([cue.end for cue in made.cues], abs=slack)


@pytest.mark.parametrize(
    ("name", "language"),
    [(name, language) for name in ("srt", "vtt", "ass") for language in BOOKS if (name, language) != ("vtt", "zh")],
)
def test_pysubs2_reads_our_cues(name, language):
    """In VTT where no line has times of its own: with two of them it takes a line for a cue's times.

    In Chinese every line has them, since a cue holds a phrase at least.
    """
    made = subtitles(paced(BOOKS[language], language), language, preset="word" if name == "vtt" else "netflix")
    found = pysubs2.SSAFile.from_string(render(made, name), format_=name)
    assert [event.plaintext.split("\n") for event in found] == [cue.texts() for cue in made.cues]
    slack = 10 if name == "ass" else 0
    assert [event.start for event in found] == pytest.approx([cue.start for cue in made.cues], abs=slack)
    assert [event.end for event in found] == pytest.approx([cue.end for cue in made.cues], abs=slack)


@pytest.mark.parametrize("name", ["srt", "vtt", "ass"])
def test_markup_in_a_script_is_text_to_ffmpeg(name, tmp_path):
    said = ["a", "<i>x</i>", "{\\b1}bold", "<font", "color=red>", "C:\\new\\house", "<b>", "&amp;", "{end}", "a<b>c"]
    made = subtitles([Word(text, 500 * at, 500 * at + 400) for at, text in enumerate(said)], karaoke="none")
    path = tmp_path / f"a.{name}"
    path.write_text(render(made, name), encoding="utf-8")
    command = [ffmpeg(), "-v", "error", "-i", path, "-f", "ass", "-"]
    out = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, text=True).stdout
    events = [line.split(",", 9)[9] for line in out.splitlines() if line.startswith("Dialogue")]
    assert not re.search(r"(?<!\\)\{\\(i|b|c|an|u)\d?", "\n".join(events))
    text = " ".join(re.sub(r"\\([{}])", r"\1", event.replace("\\N", " ")) for event in events).replace(JOINER, "")
    assert text.split() == said


# libass, through ffmpeg, at 100 frames a second

WIDTH, HEIGHT, LOWER_THIRD = 320, 180, 60


def frames(text, seconds, tmp_path, shown=HEIGHT):
    """Brightness of the lit letters in each frame: the pixels that are nearly white.

    Each frame is a tenth of a millisecond late, since ffmpeg cuts its time off to whole milliseconds, and
    0.29 s is less than 290 of them to a computer.
    """
    if lacking := font():
        needed(lacking)
    (tmp_path / "a.ass").write_text(text, encoding="utf-8")
    command = [
        ffmpeg(), "-v", "error", "-f", "lavfi", "-i", f"color=black:s={WIDTH}x{HEIGHT}:r=100:d={seconds}",
        "-vf", f"settb=1/100000,setpts=PTS+10,ass=a.ass,crop=iw:{shown}:0:ih-{shown},format=gray",
        "-f", "rawvideo", "-",
    ]  # fmt: skip
    bright = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=tmp_path) as process:
        while raw := process.stdout.read(WIDTH * shown * 500):
            pixels = np.frombuffer(raw, np.uint8).reshape(-1, WIDTH * shown)
            bright += [int(count) for count in (pixels > 180).sum(axis=1)]
    return bright


def beat(seconds, blocks=6):
    """Words of a steady speaker with gaps of every length, none of them on a frame."""
    words, at = [], 203
    while at < seconds * 1000 - 1500:
        number = len(words)
        length, gap = 181 + 37 * (number % 7), (0, 0, 53, 127, 0, 311)[number % 6]
        words.append(Word("█" * blocks + ("." if number % 9 == 8 else ""), at, at + length))
        at += length + gap
    return words


def test_libass_lights_each_word_within_ten_milliseconds_of_its_start_for_ten_minutes(tmp_path):
    words = beat(600)
    bright = frames(render(subtitles(words, karaoke="step"), "ass"), 600, tmp_path, LOWER_THIRD)
    assert len(words) > 1000
    assert max(abs(10 * first_light(bright, word.start) - word.start) for word in words) <= 10


def test_libass_sweeps_from_each_words_start_where_there_is_a_gap_before_it(tmp_path):
    """Two words that touch are one sweep, in which no start can be seen; and a frame must pass to see one move."""
    words = beat(120, blocks=15)
    bright = frames(render(subtitles(words, karaoke="sweep"), "ass"), 120, tmp_path, LOWER_THIRD)
    apart = [word for left, word in zip(words, words[1:], strict=False) if word.start - left.end > 50]
    assert len(apart) > 100
    assert max(abs(10 * first_light(bright, word.start) - word.start - 10) for word in apart) <= 10


def first_light(bright, start):
    """The first frame about that time with more light than there was before it; a new cue begins dark."""
    nearest = (start + 5) // 10
    before = bright[nearest - 2]
    return next(
        (
            frame
            for frame in range(nearest - 1, nearest + 30)
            if bright[frame] - (before if bright[frame] >= before else 0) > 2
        ),
        0,
    )


@pytest.mark.parametrize("style", STYLES)
def test_every_style_shows_every_word_in_the_frame(style, tmp_path):
    words = [Word("MMMMM", 0, 900), Word("MMMMM.", 1000, 1900)]
    bright = frames(render(subtitles(words, style=style, karaoke="none"), "ass"), 1, tmp_path)
    assert max(bright) > 5 or style == "paper"


def test_one_word_is_lit_while_it_is_heard_and_none_between(tmp_path):
    words = [Word("MMMM", 200, 600), Word("MMMM", 900, 1400), Word("MMMM.", 1400, 1900)]
    bright = frames(render(subtitles(words, karaoke="one"), "ass"), 2, tmp_path)
    lit = [count > 20 for count in bright]
    heard = [any(word.start <= 10 * frame < word.end for word in words) for frame in range(len(lit))]
    wrong = [frame for frame in range(20, 190) if lit[frame] != heard[frame]]
    edges = [edge for word in words for edge in (word.start, word.end)]
    assert max((min(abs(10 * frame - edge) for edge in edges) for frame in wrong), default=0) <= 10


def test_words_appear_when_they_are_heard(tmp_path):
    words = [Word("MMMM", 200, 600), Word("MMMM", 900, 1400), Word("MMMM.", 1400, 1900)]
    bright = frames(render(subtitles(words, karaoke="appear"), "ass"), 2, tmp_path)
    rises = [10 * frame for frame in range(1, 190) if bright[frame] > bright[frame - 1] + 20]
    assert rises == pytest.approx([200, 900, 1400], abs=10)


@pytest.mark.parametrize("preset", ["netflix", "social"])
def test_long_lines_are_set_small_enough_for_their_frame(preset, tmp_path):
    made = subtitles([Word("W" * 300, 0, 2000)], preset=preset, karaoke="none")
    style = pysubs2.SSAFile.from_string(render(made, "ass"), format_="ass").styles["Default"]
    assert style.fontsize < 64


def squeezed(line):
    """Without what no reader sees, and what readers trim."""
    return "".join(line.replace(JOINER, "").split())


def shown(line):
    return squeezed(html.unescape(re.sub(r"<[\d:.]+>", "", line)))


def unmarked(line):
    return squeezed(re.sub(r"\\([{}])", r"\1", re.sub(r"(?<!\\)\{[^}]*\}", "", line)))


def milliseconds(time):
    return round(time.total_seconds() * 1000)
