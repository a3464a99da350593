"""The page of a book, in a browser."""

import re
from dataclasses import replace

import numpy as np
import pytest

from speech.books import proof
from speech.books.binding import Options, bind
from speech.books.book import read_book
from speech.books.choices import Choice, Variant
from speech.books.edition import plan
from speech.books.edition_timeline import timeline_of
from speech.books.take_store import TakeStore
from speech.request import SpeechRequest
from speech.stores.folder import FolderStore
from tests.speech.books.test_edition import Counting, finish
from tests.speech.preview.pages import settle

NASTY = '</script><script>document.title="caught"</script> & <img src=x onerror="document.title=1"> %DATA% stood there.'
ESCAPED = re.sub("([<>&])", r"\\\1", NASTY)
TEXT = f"""---
title: A Night %STYLE% & <b>more</b>
---
# One

It was dark, and nothing at all moved in the house. Who knocked at the old door then? Nobody did.

{ESCAPED}

***

# Two

The lamp was lit again at last, and everybody was well.
"""


class Sounding(Counting):
    """Says a tone; another seed gives another pitch."""

    is_stochastic = True

    def synthesize(self, chunks, options, on_progress=None):
        made = []
        for chunk in chunks:
            at = np.arange(300 * len(chunk)) / self.rate
            made.append((0.2 * np.sin(2 * np.pi * (200 + 50 * options.seed) * at)).astype(np.float32))
        return made


def planned(decided):
    request = SpeechRequest(text="x", language="en", seed=1)
    return plan(read_book(TEXT.encode(), "The file", "x"), request, Sounding(), choices=decided)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An edition of which one chunk was said again, and the folder with its page."""
    folder = tmp_path_factory.mktemp("proof")
    store = FolderStore(folder / "store")
    take_store = TakeStore(store)
    first = planned({})
    finish(first, take_store, folder)
    chunk = first.all_lines[1].id
    edition = planned({chunk: Choice(takes=(Variant(seed=5), Variant(text="Never made by anybody.")), chosen=2)})
    finish(edition, take_store, folder)
    keys = [*edition.keys, first.all_lines[1].key]
    # A tone has no words that could be found in it.
    records = (replace(record, problems=(), score=0.9) for record in take_store.records(keys))
    kept = dict(zip(keys, records, strict=True))
    last = edition.all_lines[-1].key
    kept[last] = replace(kept[last], problems=("it is clipped",))
    timeline = timeline_of(edition, take_store)
    out = folder / "out"
    out.mkdir()

    def takes(key):
        take_store.fetch(key, folder / "take.flac")
        return folder / "take.flac"

    bound = bind(timeline, takes, out, Options(audio=("mp3",), overlay=None, subtitles=()))
    (out / "takes").mkdir()
    take_store.fetch(first.all_lines[1].key, out / proof.sound_of(edition.all_lines[1], 1))
    audio = [file.name for file in bound.files]
    proof.write(edition, timeline, kept, audio, out / "book.html", "a-night", "s3-bucket/a b")
    return edition, timeline, out


@pytest.fixture
def page(browser, made):
    opened, faults = browser.new_page(reduced_motion="reduce"), []
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda fault: faults.append(fault))
    opened.goto((made[2] / "book.html").as_uri())
    yield opened
    opened.close()
    assert faults == []


def until(page, condition):
    """Wait for a condition. Polling by text is not open to a page whose policy allows no evaluation."""
    look = f"const look = () => {condition} ? done() : setTimeout(look, 20); look();"
    page.evaluate(f"() => new Promise((done) => {{ {look} }})")


def commands(page, place):
    return page.locator(f"{place} .command code").all_text_contents()


def test_the_page_shows_the_book_and_nothing_of_it_is_markup(page, made):
    assert page.title() == "A Night %STYLE% & <b>more</b>"
    assert page.locator(".title").all_text_contents() == ["One", "Two"]
    said = ["".join(one.text + one.space for one in chapter.words).replace("\n", "") for chapter in made[1].chapters]
    shown = ["".join(page.locator(f"section:has(#chapter-{number}) .unit").all_text_contents()) for number in (0, 1)]
    assert shown == said and NASTY in shown[0]
    assert page.locator(".scene").count() == 1
    assert {url.rpartition("/")[2] for url in page.asked} <= {"book.html", "001.mp3"}


def test_a_sentence_plays_on_click_from_where_it_is_heard(page, made):
    sentence = made[1].chapters[0].passages[1].sentences[1]
    page.locator("#script").get_by_text("Who knocked at the old door then?").click()
    until(page, "!audio.paused && audio.currentTime > 0")
    settle(page)
    at = page.evaluate("audio.currentTime")
    assert sentence.begin / made[1].rate <= at + 0.001
    page.evaluate("audio.pause()")
    until(page, "document.querySelector('.lit')")
    assert page.evaluate("audio.src").endswith("/chapters/001.mp3")
    page.locator("#script").get_by_text("The lamp was lit again").click()
    until(page, "audio.src.endsWith('/chapters/002.mp3') && !audio.paused")


def test_what_is_clicked_shows_how_it_is_said_again(page, made):
    page.locator("#script .unit").first.click()
    line = made[0].all_lines[0]
    assert commands(page, "#take") == [f"f5-flows book say-again a-night {line.id} --storage 's3-bucket/a b'"]
    assert f"Chunk {line.id} · take 1 · seed 1" in page.locator("#take").inner_text()


def test_takes_that_can_be_chosen_are_heard_and_offered(page, made):
    page.locator("#script").get_by_text("Nobody did.").click()
    line = made[0].all_lines[1]
    again, *others = commands(page, "#take")
    assert again.startswith(f"f5-flows book say-again a-night {line.id}")
    assert [one.removesuffix(" --storage 's3-bucket/a b'") for one in others] == [
        f"f5-flows book choose a-night {line.id} {number}" for number in (1, 3)
    ]
    hear = page.locator("#take").get_by_role("button", name="Hear take", exact=False)
    assert hear.all_text_contents() == ["Hear take 1"]
    hear.click()
    until(page, f"audio.src.endsWith('/takes/{line.id}-1.flac') && audio.readyState && !audio.error")
    assert "Never made by anybody." in page.locator("#take").inner_text()


def test_doubtful_takes_come_first_with_their_reasons_and_stop_where_they_end(page, made):
    assert page.locator("#doubts li").count() == 1
    assert "It is clipped." in page.locator("#doubts").inner_text()
    assert commands(page, "#doubts")[0].startswith(f"f5-flows book say-again a-night {made[0].all_lines[-1].id}")
    page.evaluate("audio.playbackRate = 2; at('speed').value = '2'")
    page.locator("#doubts button.said").click()
    until(page, "!audio.paused")
    until(page, "audio.paused")
    end = made[1].chapters[1].passages[-1].sentences[-1].end / made[1].rate
    assert end - 0.01 <= page.evaluate("audio.currentTime")
    assert page.evaluate("units[units.length - 1].span.classList.contains('doubt')")


def test_a_command_is_copied(browser, made):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto((made[2] / "book.html").as_uri())
    page.locator("#bind").get_by_role("button", name="Copy").click()
    until(page, "at('bind').textContent.includes('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == "f5-flows book bind a-night --storage 's3-bucket/a b'"
    context.close()


def test_keys_go_from_sentence_to_sentence(page):
    page.locator("#script .unit").nth(1).click()
    page.evaluate("audio.pause()")
    for key, unit in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        page.keyboard.press(key)
        until(page, f"lit === {unit}")
        assert page.locator(".unit.picked").count()


def test_a_page_without_its_chapters_says_what_it_needs(browser, made, tmp_path):
    (tmp_path / "book.html").write_bytes((made[2] / "book.html").read_bytes())
    page = browser.new_page()
    page.goto((tmp_path / "book.html").as_uri())
    page.locator("#script .unit").first.click()
    until(page, "!at('missing').hidden")
    assert "chapters/001.mp3" in page.locator("#missing").inner_text()
    page.close()
