"""What an edition consists of, and what of it an edit changes."""

from pathlib import Path

import numpy as np
import pytest

from speech.books.book import read_book, script_of
from speech.books.edition import plan
from speech.books.edition_timeline import timeline_of
from speech.books.speaking import speak, time_words, windows
from speech.books.take_store import TakeStore
from speech.errors import EngineError
from speech.request import SpeechRequest
from speech.script.readers import write
from speech.stores.folder import FolderStore
from tests.fakes.engines import Told

SCRIPTS = Path(__file__).parents[2] / "data" / "scripts"
ALICE, WERTHER = ((SCRIPTS / f"{name}.txt").read_text(encoding="utf-8") for name in ("en", "de"))
WORKS = f"{ALICE}\n\n{WERTHER}"
REQUEST = SpeechRequest(text="x", language="en", seed=1)
SHORT = (
    "# One\n\nIt was dark, and nothing moved in the whole house.\n\n"
    "# Two\n\nThe lamp was lit again at last, and all was well."
)


class Counting(Told):
    """Says a click for each character, and counts what it is asked to say; fails once it has said enough.

    Attributes:
        most: number of chunks after which it fails.
    """

    rate = 8000
    overlap = 400

    def __init__(self, most=10_000):
        self.said, self.most = [], most

    def max_chunk_chars(self, text, speed, reference):
        return 300

    def synthesize(self, chunks, options, on_progress=None):
        made = []
        for chunk in chunks:
            if len(self.said) >= self.most:
                raise EngineError("The engine is tired.")
            self.said.append(chunk)
            made.append(np.full(400 * len(chunk), 0.1, np.float32))
        return made


def edition(text, engine=None, **options):
    return plan(read_book(text.encode(), "The file", "Untitled"), REQUEST, engine or Counting(), **options)


def finish(edition, take_store, folder):
    missing = edition.missing(take_store)
    for part in edition.parts:
        for lines in windows(missing.of(part)):
            speak(edition, [line for line in lines if line.key in missing.takes], take_store)
            time_words(edition, lines, take_store, folder, {})


def test_an_edit_in_fifty_places_changes_the_takes_of_fifty_paragraphs():
    lines = write(script_of(read_book(WORKS.encode(), "The file", "Works"))).split("\n")
    before = edition("\n".join(lines))
    places = [number for number, line in enumerate(lines) if len(line.split()) > 20][:50]
    assert len(places) == 50
    for place in places:
        words = lines[place].split()
        lines[place] = " ".join([*words[:9], "hippopotamus", *words[10:]])
    after = edition("\n".join(lines))
    spoken = {line.key: line.chunk.text for line in after.all_lines if line.key not in before.keys}
    edited = [passage.text for passage in after.book.passages if "hippopotamus" in passage.text]
    assert len(edited) == 50
    # A short paragraph shares the chunk of its neighbour.
    assert all(any(piece in each for piece in text.split("\n") for each in edited) for text in spoken.values())
    # One chunk each, but for those few whose sentences are packed anew.
    assert 50 <= len(spoken) <= 55 < len(before.keys) / 3


def test_parts_hold_every_line_once_and_end_where_passages_end():
    made = edition(ALICE)
    held = [line.words for part in made.parts for line in part.lines]
    assert len(held) == len(set(held)) and set(held) == {line.words for line in made.all_lines}
    assert all(part.lines[-1].chunk.tokens[-1].space == "\n" for part in made.parts)
    assert len(made.parts) == 2


def test_the_same_words_are_spoken_once_in_all_books(tmp_path):
    take_store, engine = TakeStore(FolderStore(tmp_path / "store")), Counting()
    finish(edition(SHORT, engine), take_store, tmp_path)
    assert len(engine.said) == 4
    finish(edition(SHORT + "\n\nThe lamp was lit again at last, and all was well.", engine), take_store, tmp_path)
    assert len(engine.said) == 4


def test_what_was_spoken_before_a_failure_is_not_spoken_again(tmp_path):
    take_store = TakeStore(FolderStore(tmp_path / "store"))
    tired = Counting(most=2)
    made = edition(SHORT, tired)
    with pytest.raises(EngineError, match="tired"):
        for line in made.parts[0].lines:
            speak(made, [line], take_store)
    missing = made.missing(take_store)
    assert (len(tired.said), len(missing.takes), len(missing.words)) == (2, 2, 4)
    rested = Counting()
    finish(edition(SHORT, rested), take_store, tmp_path)
    assert rested.said == [line.chunk.spoken for line in made.all_lines[2:]]


def test_a_take_is_there_only_with_its_record(tmp_path):
    store = FolderStore(tmp_path / "store")
    made, take_store = edition(SHORT), TakeStore(store)
    finish(made, take_store, tmp_path)
    key = made.keys[0]
    store.delete(f"takes/{key[:2]}/{key}.json")
    assert made.missing(take_store).takes == {key}


@pytest.mark.parametrize("change", [{"speed": 1.1}, {"language": "de"}])
def test_whatever_decides_the_samples_decides_the_key(change):
    class Polyglot(Counting):
        def languages(self):
            return frozenset({"en", "de"})

    book = read_book(SHORT.encode(), "The file", "Untitled")
    before, after = (
        plan(book, SpeechRequest(**{"text": "x", "language": "en", "seed": 1} | more), Polyglot()).keys
        for more in ({}, change)
    )
    assert not set(before) & set(after)


def test_only_the_chapters_that_are_asked_for_are_planned():
    assert [chapter.title for chapter in edition(SHORT, chosen=[2]).chapters] == ["Two"]


def test_a_timeline_has_every_word_of_the_book_in_order(tmp_path):
    made, take_store = edition(SHORT), TakeStore(FolderStore(tmp_path / "store"))
    finish(made, take_store, tmp_path)
    timeline = timeline_of(made, take_store)
    assert [chapter.title for chapter in timeline.chapters] == ["One", "Two"]
    for chapter, own in zip(timeline.chapters, made.chapters, strict=True):
        assert [passage.text for passage in chapter.passages] == [passage.text for passage in own.passages]
        assert [passage.id for passage in chapter.passages] == list(own.ids)
        times = [time for word in chapter.words for time in (word.begin, word.end)]
        assert times == sorted(times) and times[-1] < chapter.length


def test_the_finished_chapters_are_an_edition_of_their_own(tmp_path):
    made, take_store = edition(SHORT), TakeStore(FolderStore(tmp_path / "store"))
    assert made.finished(made.missing(take_store)) is None
    first, second = made.lines
    speak(made, [*first, *second], take_store)
    time_words(made, first, take_store, tmp_path, {})
    part = made.finished(made.missing(take_store))
    assert part is not None
    assert ([chapter.title for chapter in part.chapters], part.lines, part.parts) == (["One"], (first,), ())
    assert part.name not in (made.name, edition(SHORT, chosen=[2]).name)
    assert [chapter.title for chapter in timeline_of(part, take_store).chapters] == ["One"]
    time_words(made, second, take_store, tmp_path, {})
    assert made.finished(made.missing(take_store)).name == made.name
