"""The order of a book, and what stands for a book in a store."""

import json

import pytest

from speech.books import order, stored
from speech.books.order import Order
from speech.errors import InvalidRequest
from speech.stores.folder import FolderStore


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "sea.md"
    path.write_text("It was dark.")
    return path


def test_an_order_is_kept_beside_its_file(store, source):
    order.save(store, "the-sea", Order(title="The Sea", suffix=".md", asked={"speed": 1.2}), source)
    found = order.load(store, "the-sea")
    assert (found.data, found.order.request().speed, found.order.title) == (b"It was dark.", 1.2, "The Sea")
    assert order.names(store) == ["the-sea"]
    assert not order.is_settled(store, "the-sea")


@pytest.mark.parametrize("name", ["", "..", "../takes", "a/b", "A", ".hidden", "sea\n", "con", "a" * 100])
def test_a_name_that_is_not_ours_is_refused(store, source, name):
    for use in (lambda: order.load(store, name), lambda: order.save(store, name, Order(title="x"), source)):
        with pytest.raises(InvalidRequest, match="is not accepted; expected lower-case letters"):
            use()


def test_a_suffix_that_is_not_ours_is_left_out(store, source):
    order.save(store, "sea", Order(title="Sea", suffix="/../../x"), source)
    assert sorted(entry.key for entry in store.list("books/")) == ["books/sea/order.json", "books/sea/source"]


def test_a_book_that_is_not_there_is_named(store):
    with pytest.raises(InvalidRequest, match="there is no book 'sea'; f5-flows book list"):
        order.load(store, "sea")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"text": "Hi."}, "text: it does not say how a book is spoken"),
        ({"speed": 9}, "speed: 9 is not accepted"),
        ({"local_voice": "https://example.org/a.wav"}, "a book needs a stored voice"),
        ({"cast": {"alice": "https://example.org/a.wav"}}, "a book needs a stored voice"),
    ],
)
def test_what_does_not_say_how_a_book_is_spoken_is_refused(asked, says):
    with pytest.raises(InvalidRequest) as refused:
        Order(title="Sea", asked=asked).request()
    assert says in str(refused.value)


def test_a_state_is_that_of_the_last_order_only(store, source):
    order.save(store, "sea", Order(title="Sea"), source)
    store.write("books/sea/state.json", '{"of": "earlier", "finished": true}', "application/json")
    assert (order.state(store, "sea"), order.is_settled(store, "sea")) == ({}, False)


LONG = "The Complete Works of William Shakespeare"


def keep(store, source, title, **options):
    made = Order(title=title[:200], **options)
    name = order.free_name(store, title, made)
    order.save(store, name, made, source)
    return name


def test_books_whose_long_titles_begin_alike_have_names_of_their_own(store, source):
    titles = [f"{LONG}, Volume {number}" for number in (1, 2)] + ["a " * 150 + end for end in "bc"]
    made = [keep(store, source, title, sample=sample) for title in titles for sample in (False, True)]
    assert order.names(store) == sorted(set(made))
    assert len(set(made)) == len(made)
    assert all(order.check_name(name) == name for name in made)
    assert made[:2] == [keep(store, source, titles[0], sample=sample) for sample in (False, True)]


def test_a_short_title_is_the_name(store, source):
    assert [keep(store, source, "The Sea", sample=sample) for sample in (False, True)] == ["the-sea", "the-sea-sample"]
    assert keep(store, source, "Con", sample=True) == "con-sample"


def test_a_book_that_is_kept_under_the_name_of_an_earlier_release_keeps_it(store, source):
    order.save(store, "the-complete-works-of-william", Order(title=f"{LONG}, Volume 1"), source)
    assert keep(store, source, f"{LONG}, Volume 1") == "the-complete-works-of-william"
    assert keep(store, source, f"{LONG}, Volume 2") != "the-complete-works-of-william"


@pytest.mark.parametrize(
    ("kept", "title", "says"),
    [
        (
            Order(title="Why?"),
            "Why!",
            "why is already the name of 'Why?'; give another with --name, or --name why to rep",
        ),
        (Order(title="Why", sample=True), "Why", "why is already the name of the sample of 'Why'; give another"),
    ],
)
def test_a_name_that_another_book_has_is_refused_with_what_to_do(store, source, kept, title, says):
    order.save(store, "why", kept, source)
    with pytest.raises(InvalidRequest) as refused:
        keep(store, source, title)
    assert f"--name: {says}" in str(refused.value)


def test_a_sample_replaces_no_book_whatever_name_is_given(store, source):
    order.save(store, "sea", Order(title="Sea"), source)
    with pytest.raises(InvalidRequest, match="sea is the name of the whole book 'Sea'; give its sample another"):
        order.check_replaceable(store, "sea", Order(title="Sea", sample=True))
    assert order.check_replaceable(store, "sea", Order(title="The Sea, edited")) == "sea"


DEEP = "[" * 100_000
STATE = {"title": "Sea", "edition": "e", "engine": "espeak", "finished": False, "over": False, "hours": 1.5,
         "chapters": [{"title": "One", "lines": 2, "finished": 1}], "runs": []}  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    ["[]", DEEP, "5", "{", {"finished": None}, {"hours": "x"}, {"hours": 1e999}, {"chapters": [5]}, {"chapters": 1},
     {"runs": [{"part": 1}]}, {"edition": 5}],
)  # fmt: skip
def test_a_state_that_is_damaged_is_a_sentence_and_the_book_is_visited_again(store, source, damage):
    order.save(store, "sea", Order(title="Sea"), source)
    kept = STATE | {"of": order.fingerprint(store, "sea")}
    store.write("books/sea/state.json", json.dumps(kept), "application/json")
    assert order.state(store, "sea") == kept
    text = damage if isinstance(damage, str) else json.dumps(kept | damage)
    store.write("books/sea/state.json", text, "application/json")
    with pytest.raises(InvalidRequest, match=r"book: books/sea/state.json is damaged .*book bind sea writes it again"):
        order.state(store, "sea")
    assert not order.is_settled(store, "sea")


@pytest.mark.parametrize(
    "damaged", ["[]", DEEP, "{", '{"title": 5}', '{"title": "x", "asked": {"cast": ["x"]}}',
                '{"title": "x", "asked": {"cast": {"a": 1}}}', '{"title": "x", "asked": []}'],
)  # fmt: skip
def test_an_order_that_is_damaged_is_a_sentence(store, source, damaged):
    order.save(store, "sea", Order(title="Sea"), source)
    store.write("books/sea/order.json", damaged, "application/json")
    with pytest.raises(InvalidRequest):
        order.load(store, "sea").order.request()


@pytest.mark.parametrize("damaged", ["[]", DEEP, "{}", '{"files": [5]}', '{"files": 5}', '{"files": [], "notes": 5}'])
def test_a_result_that_is_damaged_is_a_sentence(store, damaged):
    store.write("books/sea/editions/e/result.json", damaged, "application/json")
    with pytest.raises(InvalidRequest, match=r"result.json is damaged .*; f5-flows book bind sea writes it again"):
        stored.read(store, "books/sea/editions/e/result.json", stored.Result, "sea")
