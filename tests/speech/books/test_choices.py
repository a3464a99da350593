"""What people decide about single chunks, and what becomes of it in an edition."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from speech.books import choices, order
from speech.books.book import read_book
from speech.books.choices import HIGHEST_SEED, Choice, Variant
from speech.books.edition import plan
from speech.books.order import Order
from speech.books.rewording import reworded
from speech.errors import InvalidRequest
from speech.request import SpeechRequest
from speech.script import Passage, Script
from speech.script.chunks import cut
from speech.stores.folder import FolderStore
from tests.speech.books.test_edition import SHORT, Counting

CHUNK = "k-0123456789ab-1"
HOSTILE = ["", "..", "../../x", "k-0123456789ab-0", "k-0123456789AB-1", "k-0123456789ab-1\n", "k-0123456789ab-1;ls",
           "k-٠123456789ab-1", f"k-0123456789ab-{10**9}", "k" * 10_000]  # fmt: skip


class Dicing(Counting):
    """Another seed gives another take."""

    is_stochastic = True


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


def again(store, **options):
    return choices.say_again(store, "sea", CHUNK, apart=3, **options)


def planned(text=SHORT, decided=None, engine=None):
    request = SpeechRequest(text="x", language="en", seed=1)
    return plan(read_book(text.encode(), "The file", "Sea"), request, engine or Dicing(), choices=decided or {})


def test_each_new_take_has_a_seed_that_none_before_has_come_to(store):
    assert [again(store) for _ in range(3)] == [2, 3, 4]
    kept = choices.load(store, "sea")[CHUNK]
    assert ([variant.seed for variant in kept.takes], kept.chosen) == ([4, 7, 10], 4)
    assert again(store, seed=HIGHEST_SEED) == 5
    assert (again(store), choices.load(store, "sea")[CHUNK].takes[-1].seed) == (6, 3)


def test_the_same_take_is_not_made_twice(store):
    assert [again(store, seed=7), again(store, text="Say  it\nso."), again(store, seed=7)] == [2, 3, 4]
    assert [again(store, text="Say it so."), again(store, seed=7, text="Say it so.")] == [3, 4]
    assert len(choices.load(store, "sea")[CHUNK].takes) == 3


def test_a_take_that_is_said_again_keeps_its_words(store):
    again(store, text="Say it so.")
    again(store)
    assert choices.load(store, "sea")[CHUNK].variant == Variant(seed=4, text="Say it so.")


def test_an_earlier_take_is_chosen_by_its_number(store):
    again(store)
    choices.choose(store, "sea", CHUNK, 1)
    assert choices.load(store, "sea")[CHUNK].variant == Variant()
    with pytest.raises(InvalidRequest, match="take: 3 is not accepted; expected 1 to 2"):
        choices.choose(store, "sea", CHUNK, 3)


def test_of_decisions_that_are_made_at_once_none_is_lost(store):
    chunks = [f"k-0123456789ab-{number}" for number in range(1, 17)]
    start = threading.Barrier(len(chunks))

    def decide(chunk):
        start.wait()
        choices.say_again(store, "sea", chunk, apart=3)

    with ThreadPoolExecutor(len(chunks)) as pool:
        list(pool.map(decide, chunks))
    assert sorted(choices.load(store, "sea")) == sorted(chunks)


def test_words_that_are_no_unicode_are_refused(store):
    with pytest.raises(InvalidRequest, match="words: they hold a byte that is no UTF-8"):
        again(store, text="\udcff hello")


@pytest.mark.parametrize("chunk", HOSTILE)
def test_an_id_that_is_none_is_refused(store, chunk):
    for use in (
        lambda: choices.choose(store, "sea", chunk, 1),
        lambda: choices.say_again(store, "sea", chunk, apart=3),
    ):
        with pytest.raises(InvalidRequest, match=r"chunk: .* is not accepted; expected an id"):
            use()
    assert not list(store.list("books/"))


@pytest.mark.parametrize("name", ["", "..", "../takes", "a/b", "A", "sea\n"])
def test_the_name_of_a_book_that_is_none_is_refused(store, name):
    with pytest.raises(InvalidRequest, match="expected lower-case letters"):
        choices.choose(store, name, CHUNK, 1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seed": 0}, "seed: 0 is not accepted"),
        ({"seed": HIGHEST_SEED + 1}, "expected a whole number from 1 to 2147483647"),
        ({"text": " … "}, "words: ' … ' is not accepted; expected words to speak"),
        ({"text": "word " * 300}, "at most 1000 characters"),
    ],
)
def test_what_cannot_be_said_again_is_refused(store, options, says):
    with pytest.raises(InvalidRequest) as refused:
        again(store, **options)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "damaged",
    [
        "{",
        "[]",
        '{"k-0123456789ab-1": {"chosen": 3}}',
        '{"k-0123456789ab-1": {"takes": [{"seed": -1}]}}',
        '{"x": {"y": 1}}',
    ],
)
def test_choices_that_are_damaged_are_named(store, damaged):
    store.write("books/sea/choices.json", damaged, "application/json")
    with pytest.raises(InvalidRequest, match=r"choices of 'sea' are damaged .*books/sea/choices\.json"):
        choices.load(store, "sea")


def test_a_state_is_current_until_somebody_decides(store, tmp_path):
    (tmp_path / "sea.md").write_text(SHORT)
    order.save(store, "sea", Order(title="Sea", suffix=".md"), tmp_path / "sea.md")
    state = {"choices": choices.fingerprint(choices.load(store, "sea"))}
    assert choices.is_current(store, "sea", state)
    again(store)
    assert not choices.is_current(store, "sea", state)


def test_a_decision_changes_the_take_of_its_chunk_and_no_other():
    before = planned()
    chunk = before.all_lines[2].id
    after = planned(decided={chunk: Choice(takes=(Variant(seed=9),), chosen=2)})
    changed = [old.id for old, new in zip(before.all_lines, after.all_lines, strict=True) if old.key != new.key]
    assert (changed, after.name == before.name) == ([chunk], False)
    line = after.all_lines[2]
    assert (line.seed, line.number, after.options_of(line).seed) == (9, 2, 9)
    assert [version.key for version in line.versions] == [before.all_lines[2].key, line.key]
    assert planned(decided={chunk: Choice(takes=(Variant(seed=9),), chosen=1)}).name == before.name


def test_decisions_survive_an_edit_of_other_paragraphs():
    last = planned().all_lines[-1]
    decided = {last.id: Choice(takes=(Variant(seed=9),), chosen=2)}
    edited = planned(
        SHORT.replace("It was dark", "Nothing stirred")
        + "\n\nThen they all went to bed, and slept until noon the next day.",
        decided,
    )
    assert [line.seed for line in edited.all_lines if line.chunk.text == last.chunk.text] == [9]
    gone = planned(SHORT.replace("The lamp was lit", "The fire was lit"), decided)
    assert {line.seed for line in gone.all_lines} == {1} and gone.choices == {}


def test_other_words_are_spoken_while_what_is_read_stays():
    [chunk] = cut(Script((Passage("paragraph", "Hermione waved 3 times, and Hermione laughed."),)), "en")
    said = reworded(chunk, "Her-my-oh-nee waved three times, and she laughed out loud.", "en")
    assert said.text == chunk.text
    assert said.spoken == "Her-my-oh-nee waved three times, and she laughed out loud."
    assert [token.spoken for token in said.tokens[:3]] == ["Her-my-oh-nee", "waved", "three"]
    assert reworded(chunk, "Nobody waved.", "en").spoken == "Nobody waved."


def test_words_that_are_too_many_for_the_engine_are_left_out_and_named():
    chunk = planned().all_lines[0].id
    made = planned(decided={chunk: Choice(takes=(Variant(text="many words " * 40),), chosen=2)})
    assert (made.name, made.all_lines[0].number) == (planned().name, 1)
    assert any(note.startswith(f"Take 2 of {chunk} would have") for note in made.notes)


def test_a_plan_that_is_kept_names_its_chunks():
    made = planned()
    kept = json.loads(made.outline())
    assert [chunk for chapter in kept["chapters"] for chunk in chapter["chunks"]] == [
        line.id for line in made.all_lines
    ]
