"""A book is bound: from its timeline and its takes come files that players and readers understand."""

import re
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from speech.books.binding import Options, bind, too_long
from speech.books.presets import PRESETS
from speech.books.timeline import Cover, Metadata, PlacedTake, TimedChapter, Timeline
from speech.errors import AudioError
from speech.media import ffmpeg
from speech.processes import interrupted_by
from tests.speech.books.samples import CLICK, RATE, book, take

pytestmark = pytest.mark.service

ODD = Metadata(
    "A Night; & a = Day # 1 \\ ünï",
    ("A. Author", "B. Ørsted"),
    narrator="Alice [synthetic voice]",
    date="1898",
    description="Line one;\nline = two.",
    rights="CC0",
)


def run(*arguments):
    return subprocess.run([ffmpeg(), "-v", "error", *arguments], check=True, capture_output=True).stdout


def about(path):
    """Read the tags and chapters of a file: a dict, and a list of begin, end and title, in seconds."""
    text = run("-i", path, "-f", "ffmetadata", "-").decode()
    head, *sections = re.split(r"^\[(?:CHAPTER|STREAM)\]\n", re.sub(r"\\(\n|.)", _kept, text), flags=re.MULTILINE)
    chapters = []
    for section in map(_pairs, sections):
        if "START" in section:
            unit = eval(section["TIMEBASE"])
            chapters.append((int(section["START"]) * unit, int(section["END"]) * unit, section["title"]))
    return _pairs(head), chapters


def _kept(found):
    return "\x01" if found[1] == "\n" else found[1]


def _pairs(text):
    return {key: value.replace("\x01", "\n") for key, _, value in (line.partition("=") for line in text.splitlines())}


def decoded(path, rate=RATE):
    return np.frombuffer(run("-i", path, "-map", "0:a", "-f", "f32le", "-ac", "1", "-ar", str(rate), "-"), np.float32)


def at(samples, click):
    """Return where a click is in samples near where it should be."""
    form = (0.95 * np.sin(np.arange(CLICK) * 2 * np.pi / 12) * np.hanning(CLICK)).astype(np.float32)
    first = max(click - RATE // 10, 0)
    return first + int(np.argmax(np.correlate(samples[first : click + RATE // 10], form, "valid")))


@pytest.fixture
def cover():
    return Cover(run("-f", "lavfi", "-i", "color=c=navy:s=64x64", "-frames:v", "1", "-f", "mjpeg", "-"), "image/jpeg")


def test_all_files_of_a_book_are_made(tmp_path):
    timeline, takes = book(tmp_path)
    bound = bind(timeline, takes, tmp_path / "out")
    names = {file.name for file in bound.files}
    assert names == {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    kinds = {"srt", "vtt", "json"}
    assert names == {f"book.{kind}" for kind in {"m4b", "epub", *kinds}} | {
        f"chapters/00{number}.{kind}" for number in (1, 2) for kind in {"mp3", *kinds}
    }
    assert bound.report.sentences() == []


def test_the_last_chapter_of_an_m4b_is_heard_when_its_mark_says(tmp_path):
    timeline, takes = book(tmp_path, 12)
    bind(timeline, takes, tmp_path, Options(audio=("m4b",), overlay=None, subtitles=()))
    _, chapters = about(tmp_path / "book.m4b")
    samples = decoded(tmp_path / "book.m4b")
    for chapter, start, (begin, _, title) in zip(timeline.chapters, timeline.starts, chapters, strict=True):
        assert title == chapter.title
        assert abs(begin - start / RATE) < 0.001
        # A click is heard where the first word begins.
        first = start + chapter.words[0].begin
        assert abs(at(samples, first) - first) < RATE // 1000
    assert chapters[-1][1] == pytest.approx(timeline.length / RATE, abs=0.001)


def test_an_m4b_is_an_audiobook_and_says_everything_about_itself(tmp_path, cover):
    timeline, takes = book(tmp_path, metadata=replace(ODD, cover=cover))
    bind(timeline, takes, tmp_path, Options(audio=("m4b",), overlay=None, subtitles=()))
    tags, _ = about(tmp_path / "book.m4b")
    assert (tags["title"], tags["artist"]) == (ODD.title, "A. Author, B. Ørsted")
    assert (tags["composer"], tags["date"], tags["genre"]) == (ODD.narrator, "1898", "Audiobook")
    assert (tags["description"], tags["copyright"], tags["media_type"]) == (ODD.description, "CC0", "2")
    data = (tmp_path / "book.m4b").read_bytes()
    assert b"stik" in data and b"chpl" in data and cover.data in data
    assert data.index(b"moov") < data.index(b"mdat")


def test_chapters_beyond_255_are_all_there(tmp_path):
    own = take(tmp_path, "a", "One")
    made = tuple(TimedChapter(f"No. {number}", 4_000, (PlacedTake("a", "anna", 0, 4_000, 0),)) for number in range(300))
    timeline = Timeline(Metadata("Many"), RATE, made)
    bind(
        timeline,
        lambda key: tmp_path / f"{own.key}.flac",
        tmp_path,
        Options(audio=("m4b",), overlay=None, subtitles=()),
    )
    _, chapters = about(tmp_path / "book.m4b")
    assert [title for _, _, title in chapters] == [chapter.title for chapter in made]
    assert b"chpl" not in (tmp_path / "book.m4b").read_bytes()


def test_an_mp3_has_tags_that_every_player_reads(tmp_path, cover):
    timeline, takes = book(tmp_path, metadata=replace(ODD, cover=cover))
    bind(timeline, takes, tmp_path, Options(audio=("mp3",), overlay=None, subtitles=()))
    second = tmp_path / "chapters" / "002.mp3"
    tags, _ = about(second)
    assert (tags["title"], tags["album"], tags["track"]) == ("Chapter 2", ODD.title, "2/2")
    data = second.read_bytes()
    assert data[:4] == b"ID3\x03" and b"APIC" in data and cover.data in data and data[-128:-125] == b"TAG"
    # The encoder's delay is written into the file, so players hear every sample in its place.
    assert len(decoded(second)) == timeline.chapters[1].length
    first = timeline.chapters[1].words[0].begin
    assert abs(at(decoded(second), first) - first) < RATE // 1000


def test_a_cover_that_is_no_picture_is_left_out_and_said(tmp_path):
    timeline, takes = book(
        tmp_path, 1, metadata=Metadata("A Night", cover=Cover(b"\xff\xd8\xff nothing", "image/jpeg"))
    )
    bound = bind(timeline, takes, tmp_path, Options(overlay=None, subtitles=()))
    assert len(bound.files) == 2
    (note,) = bound.report.sentences()
    assert note.startswith("The book has no cover in its files: ffmpeg could not read the cover")


def test_subtitles_of_the_book_are_those_of_its_chapters_later(tmp_path):
    timeline, takes = book(tmp_path)
    bind(timeline, takes, tmp_path, Options(audio=(), overlay=None, subtitles=("srt",)))
    whole = (tmp_path / "book.srt").read_text()
    first, second = ((tmp_path / f"chapters/00{number}.srt").read_text() for number in (1, 2))
    assert whole.startswith(first.strip())
    start = timeline.starts[1] / RATE
    assert _starts(whole)[len(_starts(first)) :] == pytest.approx([each + start for each in _starts(second)], abs=0.002)
    assert "Who knocked" in second


def test_a_take_that_is_missing_leaves_no_half_written_file(tmp_path):
    timeline, takes = book(tmp_path)
    (tmp_path / "c2p1.flac").unlink()
    with pytest.raises(AudioError, match="Take c2p1 cannot be read"):
        bind(timeline, takes, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_binding_can_be_interrupted(tmp_path):
    timeline, takes = book(tmp_path)
    asked = []

    def check():
        if asked:
            raise TimeoutError("Enough.")

    with pytest.raises(TimeoutError, match="Enough"), interrupted_by(check):
        bind(timeline, lambda key: asked.append(key) or takes(key), tmp_path / "out")
    assert len(asked) == 1 and not (tmp_path / "out").exists()


def test_a_file_that_cannot_be_made_is_told_and_leaves_nothing_half_written(tmp_path):
    timeline, takes = book(tmp_path)
    (tmp_path / "out" / "book.m4b").mkdir(parents=True)
    with pytest.raises(OSError, match=r"book\.m4b"):
        bind(timeline, takes, tmp_path / "out", Options(overlay=None, subtitles=()))
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".part")]


def test_a_chapter_that_is_longer_than_a_preset_allows_is_said():
    long, short = (TimedChapter("One", RATE * 60 * minutes) for minutes in (121, 119))
    timeline = Timeline(Metadata("Long"), RATE, (short, long))
    said = "chapters/002.mp3 is 121 minutes long; it should be at most 120."
    assert too_long(timeline, PRESETS["acx"]) == [said] and not too_long(timeline, PRESETS["podcast"])


def test_without_a_preset_the_takes_are_heard_as_they_are(tmp_path):
    timeline, takes = book(tmp_path, 1)
    bind(timeline, takes, tmp_path, Options(audio=("mp3",), overlay=None, subtitles=()))
    heard = decoded(tmp_path / "chapters" / "001.mp3")
    assert not heard[: RATE // 2].any() and 0.8 < np.abs(heard).max() < 1


def test_a_book_without_chapters_is_refused(tmp_path):
    with pytest.raises(AudioError, match="has no chapters"):
        bind(Timeline(Metadata("Nothing"), RATE, ()), lambda key: tmp_path / key, tmp_path)


def _starts(text):
    found = re.findall(r"(\d+):(\d+):(\d+),(\d+) -->", text)
    return [int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in found]
