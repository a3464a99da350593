"""A script that is written as Markdown and read again is the same."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speech.script.directions import direct
from speech.script.passage import Passage, Script, Substitution
from speech.script.readers import read, write
from speech.script.readers.detect import detect, parse
from speech.text import has_words, normalise
from tests.scripts import BOOKS

CAST = ("Alice", "Bob")
SIGNS = "ab ab12é*_#>-+=.)([]`<&;~|\\!:^\"'$%{}/@,?—"


def again(script):
    return read(write(script), "markdown", CAST)


# A line on its own may hold any signs, as long as they are no direction and no box to tick.
wild = (
    st.text(SIGNS, min_size=1, max_size=40)
    .map(normalise)
    .filter(lambda text: has_words(text) and not text.startswith(("[ ] ", "[ ]")))
)
WORDS = ["sea", "salt", "&", "water,", "don't*", "[sic]", "1.", "-", "stone"]
plain = st.lists(st.sampled_from(WORDS), min_size=4, max_size=9).map(lambda words: f"Ah {' '.join(words)} ends here")
looks = st.fixed_dictionaries(
    {
        "voice": st.sampled_from([None, *CAST]),
        "language": st.sampled_from([None, None, "fr", "de"]),
        "speed": st.sampled_from([1.0, 1.0, 0.85, 1.5]),
    }
)
pauses = st.builds(Passage, st.just("pause"), seconds=st.integers(1, 30_000).map(lambda ms: ms / 1000))


def said(text):
    """The same text, with its second word spoken otherwise."""
    return (Substitution(3, 3 + len(text.split(" ")[1]), 'the "other" word'),)


@st.composite
def blocks(draw):
    kind = draw(st.sampled_from(["heading", "paragraph", "item", "quotation", "verse"]))
    level = draw(st.integers(1, 6)) if kind == "heading" else 0
    if draw(st.booleans()):
        return [Passage(kind, draw(wild), level=level, **draw(looks))]
    made = []
    for number in range(draw(st.integers(1, 4))):
        if number and draw(st.booleans()):
            made.append(draw(pauses))
        text = draw(plain)
        says = said(text) if draw(st.booleans()) else ()
        made.append(Passage(kind, text, level=level, continues=number > 0, says=says, **draw(looks)))
    return made


others = st.one_of(st.just([Passage("scene")]), pauses.map(lambda pause: [pause]))
scripts = st.lists(st.one_of(blocks(), blocks(), blocks(), others), min_size=1, max_size=8).map(
    lambda parts: Script(tuple(passage for part in parts for passage in part))
)


@given(scripts)
@example(Script((Passage("paragraph", "# 1. [a](b)"), Passage("heading", "a ##", level=2))))
@example(Script((Passage("paragraph", "Ah un deux trois", language="fr"), Passage("item", "1) b", voice="Bob"))))
def test_what_is_written_is_read_as_the_same_passages(script):
    assert again(script).passages == script.passages


@given(st.text(SIGNS + "\n\r\u2028", max_size=200))
def test_so_is_any_plain_text(text):
    script = parse(text, "text")
    assert again(script).passages == direct(script, CAST, tuple).passages


@given(st.text(SIGNS + "\n\n", max_size=200))
def test_so_is_any_markdown(text):
    script = parse(text, "markdown")
    assert again(script).passages == direct(script, CAST, tuple).passages


@pytest.mark.parametrize("language", BOOKS)
def test_so_is_a_book(language):
    script = read(BOOKS[language], "text")
    assert again(script).passages == script.passages


def test_the_title_and_the_language_stand_at_the_head():
    script = Script((Passage("paragraph", "Il était une fois."),), title='Contes: "Un"', language="fr")
    written = write(script)
    assert written.startswith('---\ntitle: "Contes: \\"Un\\""\nlang: fr\n---\n\n')
    assert detect(written) == "markdown"
    assert (again(script).title, again(script).language) == ('Contes: "Un"', "fr")


def test_the_form_is_pleasant_to_read():
    head, text = "---\ntitle: Salt\n---\n\n", "# Salt\n\n[Alice] I was [pause 1.5] there.\n\n***\n\n[main] \\- Ah.\n"
    assert (
        write(read("# Salt\n\n[alice] I was [pause 1.50] there.\n\n* * *\n\n[main] \\- Ah.", None, CAST)) == head + text
    )
