"""The finished looks, and the font that comes with them."""

import io
import subprocess

import numpy as np
import pysubs2
import pytest
from fontTools.ttLib import TTFont

from speech.media import ffmpeg
from speech.request import SpeechRequest
from speech.subtitles import make, render
from speech.subtitles.font import FONT, font
from speech.subtitles.layout import fit
from speech.subtitles.styles import LOOKS, STYLES, look_for
from speech.words import Word

SAID = "This is the moment that everyone has been waiting for, and nobody wants to miss it."


def words(text=SAID, length=300):
    return [Word(word, 200 + length * at, 160 + length * (at + 1)) for at, word in enumerate(text.split())]


def subtitles(look, text=SAID, **given):
    finish = LOOKS[look]
    chosen = {"preset": finish.preset, "karaoke": finish.karaoke, "look": look} | given
    spoken = words(text)
    return make(
        spoken, text=text, language="en", duration_ms=spoken[-1].end + 500, method="embedded", job_id="job", **chosen
    )


def read(made):
    return pysubs2.SSAFile.from_string(render(made, "ass"), format_="ass")


def attached(file):
    """The font in an ASS file, decoded by its rules: four characters from "!" on are three bytes."""
    [lines] = file.fonts_opaque.values()
    text = "".join(lines)
    data = bytearray()
    for at in range(0, len(text), 4):
        sixes = [ord(char) - 33 for char in text[at : at + 4]]
        value = sum(six << 18 - 6 * place for place, six in enumerate(sixes))
        data += value.to_bytes(3, "big")[: len(sixes) - 1]
    return TTFont(io.BytesIO(bytes(data)))


def drawn(made, seconds, tmp_path):
    """A frame of captions on grey, as brightness."""
    (tmp_path / "a.ass").write_text(render(made, "ass"), encoding="utf-8")
    look = made.look
    command = [
        ffmpeg(), "-v", "error", "-f", "lavfi", "-i", f"color=0x808080:s={look.width}x{look.height}:r=1000:d=1",
        "-vf", f"setpts=PTS+{seconds}/TB,ass=a.ass,format=gray", "-frames:v", "1", "-f", "rawvideo", "-",
    ]  # fmt: skip
    raw = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(look.height, look.width)


def extent(picture):
    """The first and last row and column that differ from the background, as shares of the picture."""
    marks = np.abs(picture.astype(int) - int(picture[0, 0])) > 40
    rows, columns = np.flatnonzero(marks.any(axis=1)), np.flatnonzero(marks.any(axis=0))
    height, width = picture.shape
    return rows[0] / height, rows[-1] / height, columns[0] / width, columns[-1] / width


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_brings_its_font_its_rules_and_its_highlight(look):
    request = SpeechRequest.parse({"text": "x", "look": look})
    assert (request.preset, request.karaoke) == (LOOKS[look].preset, LOOKS[look].karaoke)
    file = read(subtitles(look))
    assert file.styles["Default"].fontname == FONT
    assert attached(file)["name"].getDebugName(4) == FONT


def test_what_is_given_beside_a_look_stays():
    request = SpeechRequest.parse({"text": "x", "look": "pop", "preset": "netflix", "karaoke": "sweep"})
    assert (request.preset, request.karaoke) == ("netflix", "sweep")


def test_a_request_with_a_look_means_the_same_after_it_was_stored():
    request = SpeechRequest.parse({"text": "x", "look": "pop"})
    for kept in (request.model_dump(), request.model_dump(exclude_unset=True)):
        assert SpeechRequest.parse(kept).presentation() == request.presentation()


def test_the_font_of_a_file_has_the_characters_of_its_script_and_of_english():
    cyrillic = attached(read(subtitles("pop", "Это самый важный момент нашей истории"))).getBestCmap()
    assert set(map(ord, "Этосамыйважный")) <= set(cyrillic)
    assert set(map(ord, "ABCxyz0189.,!?")) <= set(cyrillic)
    assert ord("й") not in attached(read(subtitles("pop"))).getBestCmap()


def test_the_same_captions_are_the_same_file_at_any_time():
    assert render(subtitles("pop"), "ass") == render(subtitles("pop"), "ass")


def test_only_looks_attach_a_font():
    made = make(words(), text=SAID, language="en", duration_ms=9000, method="", job_id="")
    assert "[Fonts]" not in render(made, "ass")


# A soft or leaping outline may reach this far beyond, as a share of the frame.
_SOFT = 0.01


@pytest.mark.service
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("preset", ["social", "netflix"])
@pytest.mark.parametrize("text", [SAID, "Internationalization of Donaudampfschifffahrtsgesellschaften notwithstanding"])
def test_every_moment_of_a_look_stays_where_phone_apps_and_players_leave_room(look, preset, text, tmp_path):
    made = subtitles(look, text, preset=preset)
    margins = made.look.margins
    for moment in (0.27, 0.57, 0.87):
        top, bottom, left, right = extent(drawn(made, moment, tmp_path))
        assert margins.top - _SOFT < top
        assert bottom < 1 - margins.bottom + _SOFT
        assert margins.side - _SOFT < left
        assert right < 1 - margins.side + _SOFT


@pytest.mark.service
@pytest.mark.parametrize("look", [name for name, finish in LOOKS.items() if finish.style.pop > 1])
def test_a_word_leaps_when_it_is_heard_and_the_lines_around_it_stand_still(look, tmp_path):
    made = subtitles(look, "moment everyone has")
    lines = []
    for seconds in (0.47, 0.57):
        letters = (drawn(made, seconds, tmp_path) > 190).any(axis=1)
        lines.append(np.flatnonzero(np.diff(letters.astype(int))))
    before, leaping = lines
    assert len(before) == len(leaping) == 6, "three lines, each with a first and a last row"
    assert leaping[3] - leaping[2] > 1.05 * (before[3] - before[2])
    assert abs(leaping[[0, 1, 4, 5]] - before[[0, 1, 4, 5]]).max() <= 1


@pytest.mark.parametrize("look", LOOKS)
def test_a_cue_keeps_all_its_words_in_order_however_it_is_broken(look):
    made = subtitles(look, "extraordinary responsibilities " * 4)
    for cue in made.cues:
        assert [word for row in fit(cue, made.look).rows for word in row] == list(cue.words)


def test_lines_are_broken_into_similar_widths_rather_than_filled():
    [cue] = subtitles("pop", "in this wonderful").cues
    assert [len(row) for row in fit(cue, look_for("social", look="pop")).rows] == [2, 1]
    [cue] = subtitles("cinema", "one two three four five six seven eight nine ten").cues
    rows = fit(cue, look_for("social", look="cinema")).rows
    widths = [sum(font().width(word.text) for word in row) for row in rows]
    assert max(widths) < 1.6 * min(widths)


def test_words_of_a_font_that_is_not_ours_are_given_room():
    face = font()
    assert face.width("今日") == 2
    assert face.width("e\u0301") == pytest.approx(face.width("e"))
    assert 0 < face.width("مرحبا") < 5


@pytest.mark.parametrize("style", STYLES)
def test_a_style_keeps_the_size_and_place_of_the_social_preset(style):
    """Unless the style is about its place."""
    given, own = look_for("social", style).style, look_for("netflix", style).style
    assert (given.size, given.bold) == (104, True)
    assert given.position == ("top" if style == "top" else "centre")
    assert (given.font, given.box, given.edge, given.waiting) == (own.font, own.box, own.edge, own.waiting)


@pytest.mark.service
@pytest.mark.parametrize(("text", "first_is_right"), [("שלום לכולם היום", True), ("hi there all", False)])
def test_the_first_word_of_a_line_stands_where_its_script_begins(text, first_is_right, tmp_path):
    picture = drawn(subtitles("marker", text, preset="netflix"), 0.3, tmp_path)
    marked = (picture > 190) & (picture < 230)
    columns = np.flatnonzero(marked.sum(axis=0) > 60)
    assert (columns.mean() > marked.shape[1] / 2) == first_is_right
