"""What is spoken in one piece, and the silences between."""

import random

import pytest

from speech.fields import Pauses
from speech.script import read
from speech.script.chunks import cut
from speech.script.passage import Passage, Script, Substitution
from speech.text import normalise
from tests.scripts import BOOKS

LONG = "This paragraph is certainly long enough to be spoken by itself, as it were."


def pieces(*passages, **options):
    return [(chunk.pause_ms, chunk.text) for chunk in cut(Script(passages), "en", 300, **options)]


def paragraph(text=LONG, **fields):
    return Passage("paragraph", text, **fields)


def test_silences_come_from_the_structure():
    heading, other = Passage("heading", "One"), paragraph(voice="bob")
    assert [ms for ms, _ in pieces(heading, paragraph(), paragraph(), other, Passage("scene"), paragraph())] == [
        0, 1200, 600, 350, 1500,
    ]  # fmt: skip


def test_silences_can_be_set():
    own = Pauses(paragraph=0.1, heading=0.2, scene=0.3, voice=0.4)
    heading = Passage("heading", "One")
    made = pieces(heading, paragraph(), paragraph(), Passage("scene"), paragraph(voice="a"), paragraph(), pauses=own)
    assert [ms for ms, _ in made] == [0, 200, 100, 300, 400]


def test_a_written_pause_replaces_that_of_the_structure():
    made = pieces(paragraph(), Passage("pause", seconds=2.5), Passage("scene"), paragraph())
    assert [ms for ms, _ in made] == [0, 2500]


def test_a_pause_at_the_beginning_is_heard():
    assert pieces(Passage("pause", seconds=2.0), paragraph())[0][0] == 2000


def test_the_parts_of_one_paragraph_follow_without_silence():
    assert [ms for ms, _ in pieces(paragraph(), paragraph(language="fr", continues=True))] == [0, 0]


def test_a_heading_is_spoken_by_itself_and_as_a_sentence():
    [heading, _] = cut(Script((Passage("heading", "Why the Sea Is Salty"), paragraph())), "en", 300)
    assert heading.text == "Why the Sea Is Salty" and heading.spoken == "Why the Sea Is Salty."


def test_short_paragraphs_join_their_neighbours_of_the_same_voice():
    assert len(pieces(paragraph("Yes."), paragraph("No."), paragraph())) == 1
    assert len(pieces(paragraph("Yes.", voice="bob"), paragraph())) == 2
    assert len(pieces(paragraph(), paragraph("Yes."))) == 1
    assert len(pieces(paragraph("Yes."), Passage("scene"), paragraph())) == 2


def test_what_cannot_be_spoken_stays_with_what_comes_before_it():
    [chunk] = cut(Script((paragraph(), paragraph("🎉"))), "en", 300)
    assert [token.spoken for token in chunk.tokens][-1] == "" and chunk.tokens[-1].text == "🎉"


def test_each_passage_ends_with_a_line_break():
    tokens = [t for c in cut(Script((paragraph("Yes."), paragraph("No."), paragraph())), "en", 300) for t in c.tokens]
    assert [token.text for token in tokens if token.space == "\n"] == ["Yes.", "No.", "were."]


def test_substitutions_are_spoken_and_the_writing_stays():
    text = "The W3C, and Dr. Who (1963)."
    says = (Substitution(4, 7, "World Wide Web Consortium"), Substitution(13, 20, "the Doctor"))
    [chunk] = cut(Script((Passage("paragraph", text, says=says),)), "en", 300)
    assert chunk.text == text
    assert chunk.spoken.startswith("The World Wide Web Consortium, and the Doctor (nineteen")


@pytest.mark.parametrize("language", BOOKS)
def test_an_edit_changes_only_the_chunks_of_its_paragraph(language, rounds):
    source = random.Random(7)
    script = read(BOOKS[language], "text")
    before = [chunk.text for chunk in cut(script, language, 200)]
    spoken = [index for index, passage in enumerate(script.passages) if passage.text]
    for index in source.sample(spoken, min(len(spoken), rounds(12))):
        passage = script.passages[index]
        words = passage.text.split(" ")
        words.insert(source.randrange(len(words)), source.choice(["indeed", "Paris", "once"]))
        edited = [*script.passages]
        edited[index] = Passage(passage.kind, " ".join(words), level=passage.level)
        after = [chunk.text for chunk in cut(Script(tuple(edited)), language, 200)]
        own = {normalise(line) for text in before if text not in after for line in text.split("\n")}
        neighbours = {each.text for each in script.passages[max(index - 2, 0) : index + 3]}
        assert all(any(line in text for text in neighbours) for line in own)
        assert sum(text not in after for text in before) <= len(passage.text) // 40 + 2
