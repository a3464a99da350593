"""A book that is read along can be made of nothing but a timeline."""

import io
import zipfile
from dataclasses import replace
from itertools import pairwise

import pytest
import soundfile

from speech.books.binding import Options, bind
from speech.books.timeline import Metadata, TimedChapter, TimedPassage, Timeline
from tests.epubcheck import messages
from tests.speech.books.overlay.reader import clips
from tests.speech.books.samples import RATE, book, chapter
from tests.speech.books.test_binding import ODD, cover  # noqa: F401

LIFE = (
    ("heading", "A & B"),
    ("paragraph", "It was <late>. Who knocked?"),
    ("scene", ""),
    ("verse", "Roses are red,"),
    ("verse", "violets blue."),
    ("item", "One thing."),
    ("item", "Another thing."),
    ("quotation", "Somebody said so."),
)


def bound(folder, timeline, takes, level="sentence"):
    bind(timeline, takes, folder, Options(audio=(), overlay=level, subtitles=()))
    return folder / "book.epub"


def odd_book(folder, picture):
    """A book with everything that may go wrong in one: signs, levels, roles, kinds, silent chapters."""
    made = [
        chapter(folder, 1, LIFE, title="Part <I>", role="part"),
        chapter(folder, 2, LIFE, title="One & only", level=3),
        TimedChapter("Pictures", RATE, (), (TimedPassage("x", "scene"),)),
        chapter(folder, 3, LIFE, title=" ", level=1, role="nonsense"),
    ]
    verse = made[0].passages[4]
    passages = (*made[0].passages[:4], replace(verse, continues=True, language="fr"), *made[0].passages[5:])
    made[0] = replace(made[0], passages=passages)
    return Timeline(replace(ODD, cover=picture), RATE, tuple(made)), lambda key: folder / f"{key}.flac"


@pytest.mark.service
def test_epubcheck_has_nothing_to_say(tmp_path, cover):  # noqa: F811
    path = bound(tmp_path, *odd_book(tmp_path, cover), "word")
    assert messages(path) == []


def test_each_sentence_lights_up_while_it_is_heard(tmp_path):
    timeline, takes = book(tmp_path)
    found = clips(bound(tmp_path, timeline, takes))
    said = [(sentence, number) for number, each in enumerate(timeline.chapters, 1) for sentence in _sentences(each)]
    assert [text for text, *_ in found] == [sentence.text for sentence, _ in said]
    for (_, source, begin, end), (sentence, number) in zip(found, said, strict=True):
        assert source == f"OEBPS/c00{number}.mp3"
        assert begin - 0.001 <= sentence.begin / RATE and sentence.end / RATE <= end + 0.001


def test_clips_follow_each_other_from_the_beginning_of_the_audio_to_its_end(tmp_path):
    timeline, takes = book(tmp_path)
    path = bound(tmp_path, timeline, takes, "word")
    found = clips(path)
    assert [text for text, *_ in found] == [word.text for each in timeline.chapters for word in each.words]
    with zipfile.ZipFile(path) as archive:
        for source in {source for _, source, *_ in found}:
            own = [span for _, file, *span in found if file == source]
            assert own[0][0] == 0 and all(before[1] == after[0] for before, after in pairwise(own))
            assert all(begin < end for begin, end in own)
            info = soundfile.info(io.BytesIO(archive.read(source)))
            assert info.frames / info.samplerate - 0.001 <= own[-1][1] <= info.frames / info.samplerate


def test_binding_again_changes_nothing_but_the_date(tmp_path):
    timeline, takes = book(tmp_path, 1)
    parts = []
    for folder in ("one", "two"):
        with zipfile.ZipFile(bound(tmp_path / folder, timeline, takes)) as archive:
            assert archive.infolist()[0].filename == "mimetype"
            parts.append({name: archive.read(name) for name in archive.namelist() if not name.endswith(".opf")})
    assert parts[0] == parts[1]


def test_a_book_without_a_title_or_a_known_language_is_a_book(tmp_path):
    timeline, takes = book(tmp_path, 1, metadata=Metadata("", language="not a tag"))
    with zipfile.ZipFile(bound(tmp_path, timeline, takes)) as archive:
        package = archive.read("OEBPS/package.opf").decode()
    assert "<dc:title>Untitled</dc:title>" in package and "<dc:language>und</dc:language>" in package


def _sentences(chapter):
    return [sentence for passage in chapter.passages for sentence in passage.sentences]
