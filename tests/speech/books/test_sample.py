"""The first minutes of each voice."""

from speech.books.chapters import Chapter
from speech.books.sample import sampled
from speech.script import Passage


def chapter(name, *passages):
    return Chapter(name, name, 1, passages, tuple(f"{name}{number}" for number in range(len(passages))))


def said(text, voice=None):
    return Passage("paragraph", text, voice=voice)


def test_each_voice_says_its_first_passages():
    chapters = (
        chapter("a", said("x" * 60), said("y" * 60), said("hello", "alice"), said("z" * 60)),
        chapter("b", said("more"), said("again", "alice"), said("never")),
        chapter("c", said("nobody")),
    )
    made = sampled(chapters, 100)
    assert [(each.id, [passage.text[:5] for passage in each.passages], each.ids) for each in made] == [
        ("a", ["xxxxx", "yyyyy", "hello"], ("a0", "a1", "a2")),
        ("b", ["again"], ("b1",)),
    ]


def test_scenes_and_pauses_are_kept_between_what_is_said():
    scene = Passage("scene")
    told = chapter("a", scene, said("one"), scene, said("two"), scene, said("x" * 200), scene, said("y"))
    made = sampled([told], 100)
    assert [passage.kind for passage in made[0].passages] == ["paragraph", "scene", "paragraph", "scene", "paragraph"]


def test_a_book_without_much_in_it_is_its_own_sample():
    chapters = (chapter("a", said("one")), chapter("b", said("two")))
    assert sampled(chapters) == chapters
