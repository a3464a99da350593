"""What a book keeps when its text was edited as a script: the cover, and what was known about it."""

import pytest

from speech.books import order
from speech.books.order import Order
from speech.books.preparation import book_of
from speech.stores.folder import FolderStore
from tests.fakes.documents import epub
from tests.speech.books.test_book import HEAD, PNG

EPUB = epub(
    {"1.xhtml": "<p>First.</p>"}, head=HEAD + '<meta name="cover" content="c"/>',
    manifest='<item id="c" href="c.png" media-type="image/png"/>', more={"EPUB/c.png": PNG},
)  # fmt: skip


@pytest.fixture
def store(tmp_path):
    return FolderStore(tmp_path / "store")


@pytest.fixture
def keep(store, tmp_path):
    def keep(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        order.save(store, "the-sea", Order(title="The Sea", suffix=path.suffix), path)
        return book_of(order.load(store, "the-sea"), store)

    return keep


def test_an_edited_script_keeps_the_cover_and_the_authors_of_its_book(keep):
    before, after = keep("sea.epub", EPUB), keep("script.md", b"# The Sea\n\nFirst, edited.\n")
    assert before.cover == after.cover == PNG
    assert after.authors == ("A. Writer", "B. Other")
    assert "First, edited." in [each.text for each in after.passages]


def test_what_the_script_says_of_itself_counts(keep):
    keep("sea.epub", EPUB)
    after = keep("script.md", b"---\ntitle: The Sea\nauthor: C. Editor\n---\n\nFirst.\n")
    assert (after.authors, after.cover) == (("C. Editor",), PNG)


def test_a_script_that_never_was_another_book_has_nothing_to_keep(keep):
    assert keep("script.md", b"First.").cover is None
