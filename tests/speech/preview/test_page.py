"""The page to read and listen to, in a browser."""

import subprocess
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from speech import preview
from speech.files import write_text
from speech.media import ffmpeg
from speech.outputs import LONGEST_IN_PAGE
from speech.script import Passage
from speech.subtitles import describe, render
from tests.fakes.web import serve
from tests.scripts import ALICE
from tests.speech.preview.pages import load, seek, settle, shown, spoken, timed, write

NASTY = (
    'He wrote </script><script>document.title="caught"</script> & <img src=x onerror="document.title=1"> %DATA% today.'
)
PASSAGES = (
    Passage("heading", "Down the Rabbit-Hole", level=1),
    Passage("paragraph", ALICE),
    Passage("scene"),
    Passage("paragraph", NASTY, voice="Alice"),
    Passage("item", "tea and butter"),
    Passage("item", "a Dormouse"),
    Passage("quotation", "Time is a he."),
    Passage("verse", "Twinkle, twinkle, little bat!"),
    Passage("verse", "How I wonder what you're at!", continues=True),
    Passage("paragraph", "مرحبا", language="ar"),
)
FORMATS = ("srt", "vtt", "ass", "json")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Subtitles of a spoken script with a doubtful word and a guessed one, the recording, and the page."""
    folder = tmp_path_factory.mktemp("preview")
    subtitles, recording = spoken(PASSAGES, folder, own={"max_cps": 14})
    words = [*subtitles.words]
    words[3], words[5] = replace(words[3], confidence=0.2), replace(words[5], confidence=0.0, interpolated=True)
    subtitles = replace(subtitles, words=tuple(words))
    files = {name: folder / f"spoken.{name}" for name in FORMATS}
    for name, path in files.items():
        write_text(path, render(subtitles, name))
    page = preview.write(subtitles, recording, files, folder / "p.html", ["Something went less than well."])
    return subtitles, recording, page


@pytest.fixture
def page(browser, made):
    opened = browser.new_page(reduced_motion="reduce")
    opened.asked, faults = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda fault: faults.append(fault))
    opened.goto(made[2].as_uri())
    load(opened)
    yield opened
    opened.close()
    assert faults == []


@contextmanager
def opened_page(browser, url, **options):
    opened, faults = browser.new_page(**options), []
    opened.on("pageerror", lambda fault: faults.append(fault))
    opened.goto(url)
    yield opened
    opened.close()
    assert faults == []


@contextmanager
def served(folder):
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serve(server)
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def lit(page):
    return page.evaluate("[...document.querySelectorAll('.lit')].map((span) => Number(span.dataset.index))")


def middle(word):
    return (word.start + word.end) // 2


def test_the_word_that_is_heard_is_lit_at_ten_places(page, made):
    words = [(index, word) for index, word in enumerate(made[0].words) if word.end > word.start]
    for index, word in words[:: len(words) // 10][:10]:
        seek(page, middle(word))
        assert lit(page) == [index]


def test_no_word_is_lit_between_words(page, made):
    left, right = max(pairwise(made[0].words), key=lambda pair: pair[1].start - pair[0].end)
    seek(page, (left.end + right.start) // 2)
    assert lit(page) == []


def test_choosing_a_word_jumps_to_it(page, made):
    page.click("[data-index='9']")
    settle(page)
    assert page.evaluate("audio.currentTime * 1000") == pytest.approx(made[0].words[9].start, abs=1)
    assert lit(page) == [9]


def test_a_time_in_the_margin_plays_from_its_passage(page, made):
    page.evaluate("() => { window.sounding = new Promise((done) => { audio.onplaying = done; }); }")
    page.click(".paragraph .at >> nth=0")
    page.evaluate("() => sounding.then(() => true)")
    assert page.evaluate("audio.currentTime * 1000") >= made[0].words[3].start - 1
    assert page.get_attribute("#play", "aria-label") == "Pause"
    assert page.evaluate("document.querySelector('.paragraph').getAttribute('aria-current')") == "true"
    # Another word is lit in its turn.
    page.evaluate(
        "() => new Promise((done) => { const first = lit, wait = () => lit >= 0 && lit !== first ? done() "
        ": requestAnimationFrame(wait); wait(); })"
    )
    assert lit(page) > [3]


def test_passages_are_set_as_in_a_book(page):
    assert page.inner_text("#script h2") == "Down the Rabbit-Hole"
    assert page.locator("#script .paragraph").first.locator("p").inner_text() == f"Narrator\n{ALICE}"
    assert page.locator("#script [role=separator]").get_attribute("aria-label") == "Scene break"
    assert page.inner_text("#script blockquote") == "Time is a he."
    items = page.locator("#script [role=list] [role=listitem] p").all_inner_texts()
    assert items == ["Narrator\ntea and butter", "a Dormouse"]
    assert page.locator("#script .verse p").all_inner_texts()[1] == "How I wonder what you're at!"
    assert page.locator("#script .at").count() == len(PASSAGES) - 1


def test_text_runs_in_its_own_direction_and_language(page):
    arabic = page.locator("[lang=ar]")
    assert arabic.inner_text() == "مرحبا"
    assert arabic.evaluate("(said) => getComputedStyle(said).direction") == "rtl"
    assert page.locator("#script h2").evaluate("(said) => getComputedStyle(said).direction") == "ltr"


def test_voices_have_names_and_colours_and_a_legend(page):
    assert page.locator("#voices li").all_inner_texts() == ["Narrator", "Alice"]
    colours = page.locator("#voices li").evaluate_all("(all) => all.map((each) => getComputedStyle(each).color)")
    labels = page.locator(".voice")
    assert labels.all_inner_texts() == ["Narrator", "Alice", "Narrator"]
    shades = labels.evaluate_all("(all) => all.map((each) => getComputedStyle(each).color)")
    assert shades == [colours[0], colours[1], colours[0]]


def test_a_script_of_one_voice_has_no_legend(browser, tmp_path):
    path = write(timed([Passage("paragraph", "Hello there.")]), tmp_path)
    with opened_page(browser, path.as_uri()) as page:
        assert not page.is_visible("#voices")
        assert page.locator(".voice").count() == 0


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


def test_the_player_plays_at_other_speeds_and_goes_ten_seconds_either_way(page):
    assert page.locator("#speed option").all_inner_texts() == ["0.75×", "1×", "1.25×", "1.5×", "1.75×", "2×"]
    page.select_option("#speed", "1.5")
    assert page.evaluate("audio.playbackRate") == 1.5
    page.click("#forward")
    page.click("#forward")
    page.click("#back")
    settle(page)
    assert page.evaluate("audio.currentTime") == pytest.approx(10, abs=0.01)
    assert page.inner_text("#now") == "0:10"
    page.click("#play")
    assert not page.evaluate("audio.paused")
    page.click("#play")
    assert page.evaluate("audio.paused")


def test_the_overview_is_clicked_dragged_and_moved_by_keys(page, made):
    def at():
        settle(page)
        return page.evaluate("audio.currentTime * 1000")

    length = made[0].duration_ms
    box = page.locator("#whole").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    page.mouse.down()
    assert at() == pytest.approx(length / 2, rel=0.01)
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 90)
    assert at() == pytest.approx(length / 4, rel=0.01)
    page.mouse.up()
    # A click leaves the keys to the words.
    page.keyboard.press("ArrowRight")
    assert at() in [pytest.approx(word.start, abs=1) for word in made[0].words]
    page.evaluate("(at) => seek(at)", length / 4)
    page.focus("#whole")
    page.keyboard.press("ArrowRight")
    assert at() == pytest.approx(length / 4 + 5000, rel=0.01)
    assert page.get_attribute("#whole", "aria-valuetext").endswith(" of " + page.inner_text("#total"))
    page.keyboard.press("Home")
    assert at() == pytest.approx(0, abs=1)


def test_the_text_follows_the_voice_until_the_reader_scrolls(page, made):
    last = len(made[0].words) - 1
    page.set_viewport_size({"width": 600, "height": 500})
    page.keyboard.press(" ")
    page.evaluate("(word) => jump(word)", last - 2)
    settle(page)
    assert shown(page, f"[data-index='{last - 2}']")
    page.mouse.move(300, 450)
    page.mouse.wheel(0, -4000)
    page.evaluate("new Promise((done) => scrollY === 0 ? done() : addEventListener('scrollend', done))")
    assert page.is_visible("#follow")
    page.evaluate("() => { audio.currentTime = words[words.length - 3][START] / 1000; }")
    settle(page)
    assert page.evaluate("scrollY") == 0
    page.click("#follow")
    assert not page.is_visible("#follow")
    assert shown(page, f"[data-index='{last - 2}']")


def test_what_a_script_says_is_shown_and_never_run(page, made):
    text = page.inner_text("#script")
    for said in ("</script><script>document.title=", "%DATA%", "<img", 'onerror="document.title=1">'):
        assert said in text
    assert page.title() == "Down the Rabbit-Hole"
    assert page.evaluate("document.images.length") == 0


def test_nothing_is_loaded_from_elsewhere(page):
    assert [url for url in page.asked if not url.startswith(("file:", "blob:"))] == []
    assert [url for url in page.asked if url.startswith("file:")] == [page.url]
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


def test_downloads_are_on_top_and_called_by_the_title(browser, made, tmp_path):
    subtitles, recording, _ = made
    write_text(tmp_path / "1.srt", "1")
    files = {"srt": tmp_path / "1.srt"}
    path = preview.write(subtitles, recording, files, tmp_path / "p.html", title="A Mad Tea-Party")
    with opened_page(browser, path.as_uri()) as page:
        load(page)
        links = page.locator("#files a")
        assert links.evaluate_all("(all) => all.map((each) => each.download)") == [
            "a-mad-tea-party.wav", "a-mad-tea-party.srt",
        ]  # fmt: skip
        assert links.first.bounding_box()["y"] < page.locator("#player").bounding_box()["y"]
        assert page.title() == page.inner_text("h1") == "A Mad Tea-Party"


def test_notes_and_rules_that_were_not_kept_are_told(page, made):
    assert "Something went less than well." in page.inner_text("#notes")
    broken = made[0].violations()
    assert broken
    assert page.locator(".problem").all_inner_texts() == [describe(problem) for problem in broken]
    first = made[0].cues[broken[0].cue - 1]
    assert page.inner_text("#broken li p >> nth=0") == " ".join(first.texts())


@pytest.mark.parametrize(
    ("method", "guessed", "told"),
    [
        ("whisperx", False, "2 words · 1 second · timed by speech recognition (WhisperX)"),
        ("embedded", False, "2 words · 1 second · timed from the script and its sound"),
        ("embedded", True, "2 words · 1 second · times estimated from the length of the words"),
        ("other", False, "2 words · 1 second · timed by other"),
    ],
)
def test_how_the_words_were_timed_is_said_in_words_that_people_know(method, guessed, told, tmp_path):
    subtitles = timed([Passage("paragraph", "Hello there.")], 500)
    words = tuple(replace(word, interpolated=guessed) for word in subtitles.words)
    path = write(replace(subtitles, method=method, words=words), tmp_path)
    assert told in path.read_text()


def test_the_waveform_is_drawn_and_a_click_in_it_jumps(page):
    for canvas in ("whole", "wave"):
        drawn = page.evaluate(
            f"[...{canvas}.getContext('2d').getImageData(0, 0, {canvas}.width, {canvas}.height).data]"
            ".filter(Boolean).length"
        )
        assert drawn > 2000
    box = page.locator("#wave").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    settle(page)
    assert page.evaluate("audio.currentTime") == pytest.approx(page.evaluate("windowMs()") / 2000, abs=0.05)


def test_words_in_the_waveform_are_whole_or_left_out(page, made):
    texts = {word.text for word in made[0].words}
    page.evaluate(
        "() => { const draw = CanvasRenderingContext2D.prototype, write = draw.fillText; window.drawn = [];"
        "draw.fillText = function (text, x, y) { drawn.push([text, x, x + this.measureText(text).width, y]); "
        "return write.call(this, text, x, y); }; }"
    )
    count = 0
    for ms in range(0, made[0].duration_ms, 3_700):
        drawn = page.evaluate("(now) => { drawn.length = 0; drawWave(now); return drawn; }", ms)
        assert {text for text, *_ in drawn} <= texts
        assert all(left >= 0 and right <= page.evaluate("wave.clientWidth") for _, left, right, _ in drawn)
        for row in {row for *_, row in drawn}:
            own = sorted((left, right) for _, left, right, at in drawn if at == row)
            assert all(before[1] < after[0] for before, after in pairwise(own))
        count += len(drawn)
    assert count > len(made[0].words)


def test_a_screen_reader_finds_names_for_everything(page):
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, a, canvas, section, nav, article')].filter((part) => "
        "!part.textContent.trim() && !part.getAttribute('aria-label')).length"
    )
    assert unnamed == 0
    assert page.get_attribute("html", "lang") == "en"
    assert page.get_attribute("button.at", "aria-label") == "Play from 0:00"
    assert page.get_by_label("Speed").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_hints_for_keys_are_for_those_who_have_them(browser, page, made):
    assert page.is_visible(".keys")
    with opened_page(browser, made[2].as_uri(), has_touch=True, is_mobile=True) as phone:
        assert not phone.is_visible(".keys")


@pytest.mark.parametrize("width", [320, 820, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_at_any_width_and_all_colours_are_legible(browser, made, width, scheme):
    viewport = {"width": width, "height": 800}
    with opened_page(browser, made[2].as_uri(), viewport=viewport, color_scheme=scheme) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        names = ["ink", "soft", "accent", "doubt", *(f"voice-{number}" for number in range(8))]
        paper, *inks = page.evaluate(
            "(names) => names.map((name) => { document.body.style.color = `var(--${name})`; "
            "return getComputedStyle(document.body).color.match(/\\d+/g).map(Number); })",
            ["page", *names],
        )
        assert (paper[0] < 60) == (scheme == "dark")
        assert {name for name, each in zip(names, inks, strict=True) if contrast(paper, each) < 4.5} == set()


def contrast(one, other):
    """By the W3C's WCAG 2.1."""

    def luminance(colour):
        shares = [each / 255 for each in colour]
        linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_page_works_from_a_url_as_from_disk(browser, made):
    with (
        served(made[2].parent) as site,
        opened_page(browser, f"{site}/{made[2].name}?X-Amz-Signature=0123") as page,
    ):
        load(page)
        seek(page, middle(made[0].words[6]))
        assert lit(page) == [6]


def test_a_recording_that_browsers_may_not_play_is_heard_as_mp3(browser, made, tmp_path):
    subtitles, recording, _ = made
    subprocess.run([ffmpeg(), "-v", "error", "-i", recording, "-f", "avi", tmp_path / "a.avi"], check=True)
    path = preview.write(subtitles, tmp_path / "a.avi", {}, tmp_path / "p.html")
    with opened_page(browser, path.as_uri()) as page:
        load(page)
        assert page.evaluate("data.audio.kind") == "mp3"
        assert page.evaluate("audio.duration * 1000") == pytest.approx(subtitles.duration_ms, abs=100)
        seek(page, middle(subtitles.words[4]))
        assert lit(page) == [4]


@pytest.fixture
def long_page(made, tmp_path):
    """A page that says its recording is too long for it, as a store keeps it, and where that recording belongs."""
    subtitles, recording, _ = made
    long = replace(subtitles, duration_ms=LONGEST_IN_PAGE * 1000 + 1)
    (tmp_path / "previews").mkdir()
    (tmp_path / "output").mkdir()
    place = tmp_path / "output" / "job.wav"
    page = preview.write(long, recording, {}, tmp_path / "previews" / "job.html", beside="../output/job.wav")
    return page, recording, place


@pytest.mark.service
def test_the_page_of_many_words_is_written_piece_by_piece(tmp_path):
    subtitles = timed([Passage("paragraph", ALICE)] * 500)
    write_text(tmp_path / "words.json", render(subtitles, "json"))
    files = dict.fromkeys(("json", "csv", "srt", "vtt"), tmp_path / "words.json")
    write(subtitles, tmp_path)
    tracemalloc.start()
    page = preview.write(subtitles, tmp_path / "silence.wav", files, tmp_path / "p.html")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert page.stat().st_size > 4_000_000 and subtitles.duration_ms > LONGEST_IN_PAGE * 1000
    # Its words alone would take twice as much as lists; the largest piece is a subtitle file.
    assert peak < 3 * (tmp_path / "words.json").stat().st_size


def test_a_long_recording_is_played_from_where_the_store_keeps_it(browser, made, long_page):
    path, recording, place = long_page
    place.write_bytes(recording.read_bytes())
    assert path.stat().st_size < 200_000 < recording.stat().st_size
    with opened_page(browser, path.as_uri()) as page:
        load(page)
        seek(page, middle(made[0].words[6]))
        assert lit(page) == [6]
        assert page.get_attribute("#files a >> nth=0", "href") == place.as_uri()
        assert not page.is_visible("#missing")


def test_a_long_recording_is_played_from_beside_the_page_under_its_name(browser, long_page):
    path, recording, _ = long_page
    beside = path.rename(path.with_name("a talk.html"))
    beside.with_suffix(".wav").write_bytes(recording.read_bytes())
    with opened_page(browser, beside.as_uri()) as page:
        load(page)
        assert page.evaluate("audio.src") == beside.with_suffix(".wav").as_uri()


def test_a_long_recording_is_played_from_where_the_link_to_the_page_says(browser, long_page):
    path, recording, place = long_page
    place.with_name("signed.wav").write_bytes(recording.read_bytes())
    with served(path.parent.parent) as site:
        told = f"{site}/previews/job.html?X-Amz-Signature=0123#audio=%2Foutput%2Fsigned.wav%3FX-Amz-Signature%3D4567"
        with opened_page(browser, told) as page:
            load(page)
            assert page.evaluate("audio.src") == f"{site}/output/signed.wav?X-Amz-Signature=4567"


def test_audio_of_another_origin_is_refused(browser, long_page):
    path, recording, place = long_page
    place.write_bytes(recording.read_bytes())
    with served(path.parent.parent) as site, served(recording.parent) as other:
        told = f"{site}/previews/job.html#audio={other}/{recording.name}".replace("127.0.0.1:", "127.0.0.1:", 1)
        with opened_page(browser, told) as page:
            load(page)
            assert page.evaluate("audio.src") == f"{site}/output/job.wav"


def test_a_recording_that_is_not_there_is_told_of_and_may_be_chosen(browser, made, long_page):
    path, recording, _ = long_page
    with opened_page(browser, path.as_uri()) as page:
        page.wait_for_selector("#missing:not([hidden])")
        assert "could not be reached" in page.inner_text("#missing")
        assert "job.wav" in page.inner_text("#missing")
        assert page.is_disabled("#play")
        assert ALICE in page.inner_text("#script")
        page.set_input_files("#missing input", recording)
        load(page)
        assert not page.is_disabled("#play")
        seek(page, middle(made[0].words[6]))
        assert lit(page) == [6]


def test_the_words_of_a_long_text_are_made_only_when_they_are_seen(browser, tmp_path):
    text = "Sixteen words of a long book stand in each of the sentences of this text. " * 6
    subtitles = timed([Passage("paragraph", text)] * 80, preset="word")
    path = write(subtitles, tmp_path)
    with opened_page(browser, path.as_uri()) as page:
        load(page)
        assert 0 < page.locator(".word").count() < len(subtitles.words) / 4
        page.locator(".block").last.scroll_into_view_if_needed()
        page.wait_for_selector(".block:last-child .word")
        assert page.locator(".block:last-child .word").last.get_attribute("data-index") == str(len(subtitles.words) - 1)
        assert page.locator(".word").count() < len(subtitles.words) / 2
