"""Stored lexicons."""

import pytest

from speech.errors import InvalidRequest
from speech.lexicons import Row
from speech.lexicons.library import add, find, listing, remove, text_of
from speech.stores.folder import FolderStore

ROWS = (Row(word="Aoife", say="Eefa"),)


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path)


def test_a_lexicon_is_stored_listed_found_and_removed(store):
    assert add("names.csv", ROWS, store) == "names"
    assert list(listing(store)) == ["names"]
    assert find("names", store) == find("names.csv", store) == ROWS
    assert text_of("names", store).startswith("word,say,language,voice,case\nAoife,Eefa,")
    remove("names", store)
    assert not listing(store)


def test_rows_of_a_request_are_its_lexicon(store):
    assert find(list(ROWS), store) == ROWS
    assert find(None, store) == find([], store) == ()


def test_an_unknown_name_is_refused_with_those_that_exist(store):
    with pytest.raises(InvalidRequest, match=r"lexicon: there is no lexicon 'nmes'. None is stored"):
        find("nmes", store)
    add("names", ROWS, store)
    add("places", ROWS, store)
    with pytest.raises(
        InvalidRequest, match=r"there is no lexicon 'nmes'; did you mean 'names'\? Stored: names, places"
    ):
        find("nmes", store)
    with pytest.raises(InvalidRequest, match=r"there is no lexicon 'zzz'\. Stored"):
        remove("zzz", store)


def test_a_name_that_is_taken_is_not_written_over_unless_that_is_meant(store):
    add("names", ROWS, store)
    other = (Row(word="GIF", say="jiff"),)
    with pytest.raises(InvalidRequest, match="'names' is taken"):
        add("names", other, store)
    add("names", other, store, overwrite=True)
    assert find("names", store) == other


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "x" * 129, ".x"])
def test_a_name_cannot_lead_out_of_the_folder(store, name):
    for call in (lambda: add(name, ROWS, store), lambda: find(name, store), lambda: remove(name, store)):
        with pytest.raises(InvalidRequest, match="is not accepted; expected the name of a stored lexicon"):
            call()


def test_a_file_that_someone_put_there_is_checked_when_it_is_used(store):
    store.write("lexicons/names.csv", "word,say\nAoife,\n", "text/csv")
    with pytest.raises(InvalidRequest, match="lexicon: names, line 2: say: ''"):
        find("names", store)
