"""The page to read and listen to, in a browser."""

import subprocess
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import soundfile

from speech import preview
from speech.alignment.embedded import Embedded
from speech.audio import Recording
from speech.media import ffmpeg
from speech.subtitles import describe, make, render
from speech.text import chunks, normalise
from tests.scripts import ALICE
from tests.spoken import RATE, speak

NASTY = (
    'He wrote </script><script>document.title="caught"</script> & <img src=x onerror="document.title=1"> %DATA% today.'
)
FORMATS = ("srt", "vtt", "ass", "json")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Subtitles of a spoken script with a doubtful word and a guessed one, the recording, and the page."""
    folder = tmp_path_factory.mktemp("preview")
    script = chunks(normalise(f"{ALICE} {NASTY}"), "en")
    samples, _, _ = speak(script)
    soundfile.write(folder / "a.wav", samples, RATE)
    recording = Recording(folder / "a.wav", RATE, len(samples) * 1000 // RATE)
    words = Embedded().align(recording, script, "en")
    words = [replace(word, confidence=0.9, interpolated=False) for word in words]
    words[3], words[5] = replace(words[3], confidence=0.2), replace(words[5], confidence=0.0, interpolated=True)
    subtitles = make(
        words,
        text=f"{ALICE} {NASTY}",
        language="en",
        duration_ms=recording.duration_ms,
        method="embedded",
        job_id="job",
        own={"max_cps": 14},
    )
    files = {name: render(subtitles, name) for name in FORMATS}
    page = preview.write(subtitles, recording.path, files, folder / "p.html", ["Something went less than well."])
    return subtitles, recording.path, page


@pytest.fixture
def page(browser, made):
    opened = browser.new_page()
    opened.asked = []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda fault: pytest.fail(str(fault)))
    opened.goto(made[2].as_uri())
    load(opened)
    yield opened
    opened.close()


def load(page):
    """Polling is not open to a page whose policy allows no evaluation."""
    page.evaluate("() => new Promise((done) => audio.readyState ? done() : audio.onloadedmetadata = done)")


def settle(page):
    page.evaluate("() => new Promise((done) => audio.seeking ? audio.onseeked = done : done())")


def lit(page):
    return page.evaluate("[...document.querySelectorAll('.lit')].map((span) => Number(span.dataset.index))")


def seek(page, ms):
    page.evaluate("(at) => new Promise((done) => { audio.onseeked = done; audio.currentTime = at; })", ms / 1000)


def test_the_word_that_is_heard_is_lit_at_ten_places(page, made):
    words = [(index, word) for index, word in enumerate(made[0].words) if word.end > word.start]
    for index, word in words[:: len(words) // 10][:10]:
        seek(page, (word.start + word.end) // 2)
        assert lit(page) == [index]


def test_no_word_is_lit_between_words(page, made):
    words = made[0].words
    left, right = max(zip(words, words[1:], strict=False), key=lambda pair: pair[1].start - pair[0].end)
    seek(page, (left.end + right.start) // 2)
    assert lit(page) == []


def test_choosing_a_word_jumps_to_it(page, made):
    page.click("[data-index='9']")
    settle(page)
    assert page.evaluate("audio.currentTime * 1000") == pytest.approx(made[0].words[9].start, abs=1)
    assert lit(page) == [9]


def test_playing_lights_words_as_they_are_heard(page):
    page.click("button.at >> nth=1")
    page.wait_for_timeout(700)
    assert not page.evaluate("audio.paused")
    first = lit(page)
    page.wait_for_timeout(1200)
    assert lit(page) != first
    assert page.evaluate("document.querySelector('li[aria-current]') !== null")


def test_the_keyboard_plays_and_goes_from_word_to_word_and_cue_to_cue(page, made):
    def at():
        settle(page)
        return round(page.evaluate("audio.currentTime * 1000"))

    starts = [word.start for word in made[0].words]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert at() == pytest.approx(starts[2], abs=1) or at() == pytest.approx(starts[1], abs=1)
    page.keyboard.press("ArrowLeft")
    assert at() in [pytest.approx(start, abs=1) for start in starts[:2]]
    page.keyboard.press("Shift+ArrowRight")
    assert at() == pytest.approx(made[0].cues[1].start, abs=1)
    page.keyboard.press(" ")
    assert not page.evaluate("audio.paused")
    page.keyboard.press(" ")
    assert page.evaluate("audio.paused")


def test_what_a_script_says_is_shown_and_never_run(page, made):
    text = page.inner_text("#cues")
    for said in ("</script><script>document.title=", "%DATA%", "<img", 'onerror="document.title=1">'):
        assert said in text
    assert page.title().startswith("Alice was beginning")
    assert page.evaluate("document.images.length") == 0


def test_nothing_is_loaded_from_elsewhere(page):
    assert [url for url in page.asked if not url.startswith(("file:", "blob:"))] == []
    blocked = page.evaluate("fetch('https://example.com/').then(() => 'reached', () => 'blocked')")
    assert blocked == "blocked"


def test_doubtful_and_guessed_words_are_marked_and_listed(page, made):
    words = made[0].words
    assert page.inner_text("[data-index='3'].doubt") == words[3].text
    assert page.inner_text("[data-index='5'].guess") == words[5].text
    assert page.locator("#doubts button").all_inner_texts() == [words[3].text, words[5].text]
    label = page.get_attribute("#doubts button >> nth=1", "aria-label")
    assert "Not heard" in label


def test_every_file_can_be_saved_from_the_page(page, made, tmp_path):
    subtitles, recording, _ = made
    for name in ("wav", *FORMATS):
        with page.expect_download() as saving:
            page.click(f"a[download='job.{name}']")
        saved = tmp_path / name
        saving.value.save_as(saved)
        expected = recording.read_bytes() if name == "wav" else render(subtitles, name).encode()
        assert saved.read_bytes() == expected


def test_notes_and_rules_that_were_not_kept_are_told(page, made):
    assert "Something went less than well." in page.inner_text("#notes")
    broken = made[0].broken()
    assert broken
    assert page.locator(".broken").all_inner_texts() == [describe(problem) for problem in broken]


def test_the_waveform_is_drawn_and_a_click_in_it_jumps(page):
    drawn = page.evaluate(
        "[...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data].filter(Boolean).length"
    )
    assert drawn > 2000
    box = page.locator("#wave").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    settle(page)
    assert page.evaluate("audio.currentTime") == pytest.approx(page.evaluate("windowMs()") / 2000, abs=0.05)


def test_a_screen_reader_finds_names_for_everything(page):
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, a, canvas, section')].filter((part) => !part.textContent.trim() && "
        "!part.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
    assert page.get_attribute("html", "lang") == "en"
    assert page.get_attribute("button.at", "aria-label") == "Play from 0:00"


@pytest.mark.parametrize("width", [320, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_at_any_width_in_light_and_dark(browser, made, width, scheme):
    opened = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened.goto(made[2].as_uri())
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    shade = opened.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (shade < 60) == (scheme == "dark")
    opened.close()


def test_the_page_works_from_a_url_as_from_disk(browser, made):
    handler = partial(SimpleHTTPRequestHandler, directory=made[2].parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{server.server_port}/{made[2].name}?X-Amz-Signature=0123")
        load(opened)
        word = made[0].words[6]
        seek(opened, (word.start + word.end) // 2)
        assert lit(opened) == [6]
        opened.close()
        server.shutdown()


def test_a_recording_that_browsers_may_not_play_is_heard_as_mp3(browser, made, tmp_path):
    subtitles, recording, _ = made
    subprocess.run([ffmpeg(), "-v", "error", "-i", recording, "-f", "avi", tmp_path / "a.avi"], check=True)
    opened = browser.new_page()
    opened.goto(preview.write(subtitles, tmp_path / "a.avi", {}, tmp_path / "p.html").as_uri())
    load(opened)
    assert opened.evaluate("data.audio.kind") == "mp3"
    assert opened.evaluate("audio.duration * 1000") == pytest.approx(subtitles.duration_ms, abs=100)
    seek(opened, (subtitles.words[4].start + subtitles.words[4].end) // 2)
    assert lit(opened) == [4]
    opened.close()
