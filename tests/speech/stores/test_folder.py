"""A folder as a store, in which others may write too."""

import os
import threading

import pytest

from speech.errors import KeyRefused, NotFound, NotText, StoreError, StoreFull
from speech.stores.folder import FolderStore
from tests.conftest import small_disk


@pytest.fixture
def root(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(root, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    return FolderStore(root)


@pytest.mark.parametrize("key", ["inbox/link.txt", "inbox/folder/secret.txt", "linked/secret.txt", "inbox/inner.txt"])
def test_no_link_is_followed(store, root, tmp_path, key):
    store.write("inbox/a.txt", "a", "text/plain")
    (root / "inbox" / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (root / "inbox" / "inner.txt").symlink_to("a.txt")
    (root / "inbox" / "folder").symlink_to(tmp_path / "outside")
    (root / "linked").symlink_to(tmp_path / "outside")
    for call in (store.read, store.head, store.presign, lambda key: store.get(key, tmp_path / "got")):
        with pytest.raises(NotFound):
            call(key)
    with pytest.raises(NotFound):
        store.read_range(key, 0, 1)
    assert [entry.key for entry in store.list("inbox/")] == ["inbox/a.txt"]
    assert list(store.list("linked/")) == []
    assert {stray.key for stray in store.strays("inbox/")} == {"inbox/link.txt", "inbox/inner.txt", "inbox/folder"}


def test_nothing_is_written_or_removed_through_a_link(store, root, tmp_path):
    outside = tmp_path / "outside"
    (root / "linked").symlink_to(outside)
    with pytest.raises(StoreError, match="'linked' is not a folder"):
        store.write("linked/new.txt", "x", "text/plain")
    store.delete("linked/secret.txt")
    (root / "name.txt").symlink_to(outside / "secret.txt")
    store.write("name.txt", "mine", "text/plain")
    assert store.read("name.txt") == "mine"
    assert [path.name for path in outside.iterdir()] == ["secret.txt"]
    assert (outside / "secret.txt").read_text() == "secret"


def test_a_folder_that_turns_into_a_link_meanwhile_leads_nowhere(store, root, tmp_path):
    store.write("inbox/secret.txt", "public", "text/plain")
    inbox, aside, link = root / "inbox", tmp_path / "aside", tmp_path / "link"
    link.symlink_to(tmp_path / "outside")
    done, seen = threading.Event(), set()

    def swap():
        while not done.is_set():
            inbox.rename(aside)
            link.rename(inbox)
            inbox.rename(link)
            aside.rename(inbox)

    swapping = threading.Thread(target=swap)
    swapping.start()
    for _ in range(500):
        try:
            seen.add(store.read("inbox/secret.txt"))
        except NotFound:
            seen.add(None)
    done.set()
    swapping.join()
    assert seen <= {"public", None}


def test_what_is_no_file_is_no_object(store, root, tmp_path):
    store.write("a/b.txt", "x", "text/plain")
    os.mkfifo(root / "a" / "pipe.txt")
    for key in ("a", "a/pipe.txt", "a/b.txt/c"):
        with pytest.raises(NotFound):
            store.read(key)
        store.delete(key)
    assert store.read("a/b.txt") == "x"
    with pytest.raises(StoreError):
        store.write("a", "x", "text/plain")
    with pytest.raises(StoreError, match=r"'b\.txt' is not a folder"):
        store.write("a/b.txt/c", "x", "text/plain")


def test_a_stray_can_be_moved_to_a_key(store, root):
    (root / "inbox").mkdir()
    for number, name in enumerate([b"n\xff.txt", b"a\\b.txt", b"c\x01.txt"]):
        (root / "inbox" / os.fsdecode(name)).write_text("text")
        (stray,) = store.strays("inbox/")
        assert os.fsencode(stray.key) == b"inbox/" + name
        assert "not UTF-8, or holds a backslash or a control character" in stray.reason
        store.move(stray.key, f"failed/{number}.txt")
        assert store.read(f"failed/{number}.txt") == "text"
    with pytest.raises(KeyRefused):
        store.move("inbox/../../outside/secret.txt", "failed/x.txt")
    with pytest.raises(NotFound):
        store.move("inbox/none.txt", "failed/x.txt")


def test_a_long_name_is_stored_as_long_as_the_disk_can_hold_it(store):
    store.write("a/" + "n" * 255, "x", "text/plain")
    assert store.read("a/" + "n" * 255) == "x"
    with pytest.raises(StoreError, match="File name too long"):
        store.write("a/" + "n" * 256, "x", "text/plain")


def test_a_full_disk_is_named_and_keeps_what_was_there(tmp_path):
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", "300k"):
        store = FolderStore(tmp_path / "disk")
        store.write("a/b.txt", "old", "text/plain")
        (tmp_path / "large").write_bytes(bytes(1_000_000))
        for call in (
            lambda: store.put("a/b.txt", tmp_path / "large", "text/plain"),
            lambda: store.write("a/b.txt", "x" * 1_000_000, "text/plain"),
        ):
            with pytest.raises(StoreFull, match="no space left"):
                call()
        assert store.read("a/b.txt") == "old"
        assert [path.name for path in (tmp_path / "disk" / "a").iterdir()] == ["b.txt"]
        other = FolderStore(tmp_path / "other")
        other.put("large", tmp_path / "large", "text/plain")
        with pytest.raises(StoreError, match=r"got cannot be written: No space left"):
            other.get("large", tmp_path / "disk" / "got")
        assert [path.name for path in (tmp_path / "disk").iterdir()] == ["a"]


def test_what_has_no_utf8_is_not_stored(store, root):
    with pytest.raises(NotText):
        store.write("a.txt", "\ud800", "text/plain")
    assert list(root.iterdir()) == []


def test_a_file_that_is_not_there_cannot_be_stored(store, tmp_path):
    with pytest.raises(StoreError, match="none cannot be read"):
        store.put("a.txt", tmp_path / "none", "text/plain")


def test_a_deep_tree_is_listed_as_far_as_keys_go(store, root):
    folder = root / "inbox"
    for _ in range(100):
        folder = folder / "d"
    folder.mkdir(parents=True)
    (folder / "x.txt").write_text("x")
    assert list(store.list("inbox/")) == []
    assert [stray.reason for stray in store.strays("inbox/")] == ["It is nested too deeply."]
