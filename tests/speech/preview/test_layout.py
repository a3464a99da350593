"""How the words of a script are laid out on the page."""

from dataclasses import replace

from speech.preview.layout import Block, lay_out
from speech.script import Passage
from speech.subtitles.json_format import read, write
from tests.speech.preview.pages import timed


def test_each_passage_is_a_block_of_its_kind_with_its_words():
    passages = [
        Passage("heading", "Chapter One", level=2), Passage("paragraph", "It was late."), Passage("item", "tea"),
        Passage("quotation", "Time is a he."), Passage("verse", "Twinkle, twinkle,"),
        Passage("verse", "little bat!", continues=True), Passage("paragraph", "Bonsoir.", language="fr"),
    ]  # fmt: skip
    assert lay_out(timed(passages)).blocks == (
        Block("heading", 2, level=2), Block("paragraph", 3), Block("item", 1), Block("quotation", 4),
        Block("verse", 2), Block("verse", 2, continues=True), Block("paragraph", 1, language="fr"),
    )  # fmt: skip


def test_breaks_between_scenes_have_a_block_without_words_and_pauses_have_none():
    scene, pause = Passage("scene"), Passage("pause", seconds=1.0)
    passages = [scene, Passage("paragraph", "One."), scene, pause, scene, Passage("paragraph", "Two."), pause]
    assert [(each.kind, each.words) for each in lay_out(timed(passages)).blocks] == [
        ("paragraph", 1), ("scene", 0), ("paragraph", 1),
    ]  # fmt: skip


def test_voices_are_named_in_the_order_in_which_they_are_heard():
    passages = [
        Passage("paragraph", "Hello.", voice="Alice"), Passage("paragraph", "said Alice."),
        Passage("paragraph", "Again.", voice="Alice"), Passage("paragraph", "No.", voice="Hatter"),
    ]  # fmt: skip
    layout = lay_out(timed(passages))
    assert layout.voices == ("Alice", "Narrator", "Hatter")
    assert [block.voice for block in layout.blocks] == [0, 1, 0, 2]


def test_without_passages_each_line_is_a_paragraph():
    known = timed([Passage("heading", "Chapter One", level=1), Passage("paragraph", "It was late.")])
    stored = read(write(known))
    assert lay_out(stored).blocks == (Block("paragraph", 2), Block("paragraph", 3))
    assert lay_out(replace(known, passages=known.passages[:1])).blocks == lay_out(stored).blocks


def test_voices_are_known_without_passages():
    passages = [Passage("paragraph", "said Alice."), Passage("paragraph", "No.", voice="Hatter")]
    layout = lay_out(read(write(timed(passages))))
    assert layout.voices == ("Narrator", "Hatter")
    assert [block.voice for block in layout.blocks] == [0, 1]


def test_a_transcript_in_one_line_is_cut_at_the_ends_of_sentences():
    sentence = "one two three four five six seven eight nine ten eleven twelve."
    blocks = lay_out(timed([Passage("paragraph", " ".join([sentence] * 100))])).blocks
    assert sum(block.words for block in blocks) == 1200
    assert all(200 <= block.words < 212 and block.words % 12 == 0 for block in blocks[:-1])
    assert [block.continues for block in blocks] == [False, *[True] * (len(blocks) - 1)]


def test_a_sentence_without_an_end_is_cut_all_the_same():
    blocks = lay_out(timed([Passage("paragraph", "word " * 900)])).blocks
    assert [block.words for block in blocks] == [400, 400, 100]


def test_a_paragraph_of_a_book_stays_whole():
    text = "A sentence of six short words. " * 38
    assert [block.words for block in lay_out(timed([Passage("paragraph", text)])).blocks] == [228]


def test_nothing_is_laid_out_of_no_words():
    assert lay_out(timed([])).blocks == ()
