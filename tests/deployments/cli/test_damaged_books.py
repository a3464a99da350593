"""Books in a store in which others may write, on the command line."""

import json

import pytest

from deployments.cli.books import fetch_files
from speech.books import order
from speech.books.order import Order
from speech.errors import KeyRefused
from speech.stores.folder import FolderStore


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


def test_a_damaged_book_is_listed_with_what_is_wrong_and_so_are_the_others(call, store, tmp_path):
    source = tmp_path / "sea.md"
    source.write_text("It was dark.")
    for name in ("a", "b", "c", "d"):
        order.save(store, name, Order(title=name), source)
    store.write("books/a/state.json", "[]", "application/json")
    store.write("books/b/order.json", "[" * 100_000, "application/json")
    store.write("books/c/order.json", '{"titel": 5}', "application/json")
    done = call("book", "list")
    assert (done.returncode, done.stderr) == (0, "")
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert "books/a/state.json is damaged" in said["a"]
    assert "the order of 'b' is no JSON" in said["b"]
    assert "title" in said["c"]
    assert said["d"] == "ordered, not begun"


@pytest.mark.parametrize("file", ["chapters/../../../made/x", "/made/x", "..", "", "a\\b"])
def test_no_folder_is_made_where_a_result_leads_out_of_the_store(store, tmp_path, file):
    name = f"{tmp_path}{file}" if file.startswith("/") else file
    result = json.dumps({"files": ["chapters/1.mp3", name], "notes": []})
    store.write("books/sea/editions/e/result.json", result, "application/json")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(KeyRefused):
        fetch_files(store, "sea", "e", tmp_path / "work" / "out" / "sea")
    assert sorted(tmp_path.rglob("*")) == before
