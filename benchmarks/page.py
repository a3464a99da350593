"""The page of a long recording: its size, and how long a browser takes to open it and to go to its end.

    uv run --all-extras --group dev python -m benchmarks.page

The words are those of a book, again and again, each heard for as long as its letters take; the recording is noise whose
loudness follows them. Chromium opens the page from disk, three times, each time with a profile of its own.
"""

from __future__ import annotations

import itertools
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.sync_api import sync_playwright

from speech import preview
from speech.audio import write_wav
from speech.files import write_text
from speech.request import STANDARD_FORMATS
from speech.script import Passage, Script
from speech.subtitles import Subtitles, make, render
from speech.words import Word
from tests.scripts import BOOKS

_RATE, _TRIES, _WORDS_AN_HOUR = 22_050, 3, 9_000
_OPENED = """() => new Promise((done) => {
  const tell = () => requestAnimationFrame(() => setTimeout(() => done(performance.now())));
  if (audio.readyState) tell(); else audio.addEventListener("loadedmetadata", tell);
})"""
_TO_THE_END = """() => new Promise((done) => {
  const began = performance.now(), last = words.length - 1;
  audio.addEventListener("seeked", () => requestAnimationFrame(() => setTimeout(() => {
    done([performance.now() - began, lit, document.querySelectorAll(".word").length]);
  })), { once: true });
  seek(words[last][START] + 1);
})"""
_WATCH = """new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest = Math.max(window.longest || 0, entry.duration);
}).observe({ type: "longtask", buffered: true })"""


def script(hours: float) -> Script:
    paragraphs = itertools.cycle(line for line in BOOKS["en"].split("\n") if line.strip())
    passages: list[Passage] = []
    count, wanted = 0, round(hours * _WORDS_AN_HOUR)
    while count < wanted:
        if len(passages) % 60 == 0:
            passages.append(Passage("heading", f"Chapter {len(passages) // 60 + 1}", level=1))
        passages.append(Passage("paragraph", next(paragraphs)))
        count += len(passages[-1].text.split())
    return Script(tuple(passages))


def timed(spoken: Script, hours: float) -> list[Word]:
    words = [
        Word(text, 0, 0, 0.4 if number % 97 == 0 else 0.9, space="\n" if last else " ")
        for passage in spoken.passages
        for number, (text, last) in enumerate(_ended(passage.text.split()))
    ]
    letters = np.cumsum([0, *(len(word.text) + 1 for word in words)])
    starts = (letters / letters[-1] * hours * 3_600_000).astype(int).tolist()
    return [
        Word(word.text, start, end, word.confidence, space=word.space)
        for word, start, end in zip(words, starts, starts[1:], strict=False)
    ]


def _ended(texts: list[str]) -> Iterator[tuple[str, bool]]:
    yield from ((text, index == len(texts)) for index, text in enumerate(texts, 1))


def noise(hours: float) -> Iterator[npt.NDArray[np.float32]]:
    generator = np.random.default_rng(1)
    for _ in range(round(hours * 60)):
        loud = np.repeat(generator.uniform(0, 1, 600), _RATE * 60 // 600).astype(np.float32)
        yield generator.uniform(-1, 1, len(loud)).astype(np.float32) * loud * 0.5


def subtitles(hours: float) -> Subtitles:
    spoken = script(hours)
    return make(
        timed(spoken, hours), text=spoken.text, language="en", duration_ms=round(hours * 3_600_000),
        method="embedded", job_id="talk", passages=spoken.passages,
    )  # fmt: skip


def measure(hours: float, folder: Path) -> None:
    made = subtitles(hours)
    write_wav(folder / "talk.wav", noise(hours), _RATE, _RATE)
    files: dict[str, Path] = {name: folder / f"talk.{name}" for name in STANDARD_FORMATS}
    for name in STANDARD_FORMATS:
        write_text(files[name], render(made, name))
    began = time.perf_counter()
    page = preview.write(made, folder / "talk.wav", files, folder / "talk.html", beside="./talk.wav")
    wrote = time.perf_counter() - began
    opened, frozen, gone = zip(*(open_page(page) for _ in range(_TRIES)), strict=True)
    print(
        f"{hours:g} h, {len(made.words)} words, {page.stat().st_size / 1e6:.1f} MB: written in {wrote:.1f} s, "
        f"opened in {statistics.median(opened):.2f} s, longest task {max(frozen):.0f} ms, to the last word in "
        f"{statistics.median(gone):.2f} s",
        flush=True,
    )


def open_page(page: Path) -> tuple[float, float, float]:
    """Return the seconds to open a page, the longest task in milliseconds, and the seconds to go to its last word."""
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1440, "height": 900})
        tab.add_init_script(_WATCH)
        tab.goto(page.as_uri(), wait_until="commit")
        tab.wait_for_load_state("load")
        opened = tab.evaluate(_OPENED)
        went, lit, _ = tab.evaluate(_TO_THE_END)
        assert lit == tab.evaluate("words.length - 1"), lit
        frozen = tab.evaluate("window.longest || 0")
        browser.close()
    return opened / 1000, frozen, went / 1000


def main() -> None:
    for hours in map(float, sys.argv[1:] or ("0.5", "1", "10")):
        with tempfile.TemporaryDirectory() as folder:
            measure(hours, Path(folder))


if __name__ == "__main__":
    main()
