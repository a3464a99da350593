"""Books: what Prefect adds to speaking one, how more processes shorten it, how long a plan and an edit take.

    uv run --all-extras --group dev python -m benchmarks.books plan [WORDS]
    uv run --all-extras --group dev python -m benchmarks.books overhead [WORDS]
    uv run --all-extras --group dev python -m benchmarks.books workers [WORDS [PROCESSES ...]]
    uv run --all-extras --group dev python -m benchmarks.books edit [WORDS]

The book is made of random words, so that no chunk comes twice. `overhead` and `edit` speak with the embedded engine;
`workers` with one that only waits, as long as a GPU would for so much text (0.15 s a second of speech, by PACE), and
whose words are timed by their length alone. Processor time is that of all processes. Nothing is extrapolated.
"""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from speech.audio import Samples
from speech.engines import ENGINES, ChunkProgress, SynthesisOptions
from speech.voices import Reference
from tests.scripts import ALICE

PROGRAM = Path(sys.executable).with_name("f5-flows")
CHAPTER_WORDS, PARAGRAPH_WORDS, SENTENCE_WORDS = 3_000, 60, 12
PACE = float(os.environ.get("PACE", "0.15"))
CHARACTERS_A_SECOND = 15.0


class Waiting:
    """Waits as long as a GPU works, and says next to nothing."""

    name, clones, is_stochastic, rate, overlap = "waiting", False, False, 8_000, 0

    def problem(self) -> str | None:
        """It can run everywhere."""
        return None

    def avoid_reason(self) -> str | None:
        """Nothing speaks against it."""
        return None

    def languages(self) -> frozenset[str]:
        """It speaks English."""
        return frozenset({"en"})

    def identity(self, options: SynthesisOptions) -> tuple[str | float, ...]:
        """Nothing else decides its samples."""
        return ()

    def max_chunk_chars(self, text: str, speed: float, reference: Reference | None) -> int:
        """As F5-TTS has it with a short reference."""
        return 200

    def synthesize(
        self, chunks: Sequence[str], options: SynthesisOptions, on_progress: ChunkProgress | None = None
    ) -> list[Samples]:
        """Wait for each chunk."""
        made = []
        for done, chunk in enumerate(chunks, 1):
            time.sleep(len(chunk) / CHARACTERS_A_SECOND * PACE)
            made.append(np.full(self.rate // 10, 0.1, np.float32))
            if on_progress:
                on_progress(done, len(chunks))
        return made


def text(words: int) -> str:
    """A book of so many words, as Markdown."""
    rng, known = random.Random(0), sorted({word.strip(".,;:!?()'\"").lower() for word in ALICE.split()} - {""})
    paragraphs = ["---\ntitle: Benchmark\nlanguage: en\n---"]
    for at in range(0, words, PARAGRAPH_WORDS):
        if at % CHAPTER_WORDS < PARAGRAPH_WORDS:
            paragraphs.append(f"# Chapter {at // CHAPTER_WORDS + 1}")
        said = [rng.choices(known, k=SENTENCE_WORDS) for _ in range(PARAGRAPH_WORDS // SENTENCE_WORDS)]
        paragraphs.append(" ".join(" ".join(each).capitalize() + "." for each in said))
    return "\n\n".join(paragraphs)


def clocked(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds that a call took, on the clock and of the processor, with the processes that it waited for."""
    began, used = time.monotonic(), _used()
    call()
    return time.monotonic() - began, _used() - used


def _used() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def plan(words: int = 500_000) -> None:
    """How long the plan of a book takes."""
    from speech.books.order import Order, Ordered
    from speech.books.preparation import prepare
    from speech.stores.folder import FolderStore

    with tempfile.TemporaryDirectory() as folder:
        ordered = Ordered("benchmark", Order(title="Benchmark", engine="espeak"), text(words).encode())
        found = []
        took = clocked(lambda: found.append(prepare(ordered, FolderStore(Path(folder) / "store"), Path(folder))))
    print(f"plan of {words:,} words ({len(found[0].all_lines):,} chunks): {_shown(took)}")


def narrate(folder: Path, store: str = "store") -> None:
    """Narrate the book in a folder, as a person would."""
    subprocess.run(
        [PROGRAM, "narrate", "book.md", "--name", "benchmark", "--engine", "espeak", "--master", "none"], cwd=folder,
        env=os.environ | {"STORAGE_DIR": str(folder / store)}, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def overhead(words: int = 120_000) -> None:
    """What narrating costs beside speaking, timing and binding, and what of it is the server's."""
    import psutil

    from deployments.local import server
    from speech.books import binding, speaking
    from speech.books.edition_timeline import timeline_of
    from speech.books.order import Order, Ordered
    from speech.books.preparation import prepare
    from speech.books.take_store import TakeStore
    from speech.stores.folder import FolderStore

    def directly(folder: Path) -> int:
        store = FolderStore(folder / "direct")
        order = Order(title="Benchmark", engine="espeak", preset="none")
        edition, takes = prepare(Ordered("benchmark", order, text(words).encode()), store, folder), TakeStore(store)
        for part in edition.parts:
            for lines in speaking.windows(part.lines):
                speaking.speak(edition, lines, takes)
                speaking.time_words(edition, lines, takes, folder, {})

        def fetch(key: str) -> Path:
            takes.fetch(key, folder / "take.flac")
            return folder / "take.flac"

        (folder / "bound").mkdir()
        binding.bind(timeline_of(edition, takes), fetch, folder / "bound")
        return len(edition.parts)

    with tempfile.TemporaryDirectory() as name:
        folder, parts = Path(name), [0]
        (folder / "book.md").write_text(text(words))
        alone = clocked(lambda: parts.__setitem__(0, directly(folder)))
        server.ensure(lambda said: None)
        serving = next(one for one in psutil.process_iter() if "deployments.local.server_process" in _words(one))
        before = sum(serving.cpu_times()[:2])
        whole = clocked(lambda: narrate(folder))
        spent = sum(serving.cpu_times()[:2]) - before
    print(f"{words:,} words in {parts[0]} parts: directly {_shown(alone)}; narrated {_shown(whole)}")
    print(f"  narrated / directly: {whole[0] / alone[0]:.3f} on the clock, {whole[1] / alone[1]:.3f} of the processor")
    print(f"  the Prefect server: {spent / max(parts[0], 1):.2f} s of the processor for each part")


def workers(words: int = 24_000, *processes: int) -> None:
    """How much faster a book is spoken by several processes, whose engine waits."""
    alone = 0.0
    for number in processes or (1, 2, 4):
        with tempfile.TemporaryDirectory() as name:
            environment = os.environ | {"STORAGE_DIR": f"{name}/store"}
            book = Path(name) / "book.md"
            book.write_text(text(words))
            ordered = [sys.executable, "-m", "benchmarks.books", "order", str(book)]
            subprocess.run(ordered, env=environment, check=True)
            work = [sys.executable, "-m", "benchmarks.books", "worker"]

            def together(count: int = number, command: list[str] = work, env: dict[str, str] = environment) -> None:
                for process in [subprocess.Popen(command, env=env) for _ in range(count)]:
                    assert process.wait() == 0

            took = clocked(together)
        alone = alone or took[0] * number
        print(f"{words:,} words, {number} processes: {_shown(took)}; {alone / took[0] / number:.2f} of linear")


def order_book(path: str) -> None:
    """Put a book into the store."""
    from deployments.cli.console import open_store
    from speech.books import order

    order.save(open_store(None), "benchmark", order.Order(title="B", suffix=".md", preset="none", engine="espeak"),
               Path(path))  # fmt: skip


def worker() -> None:
    """Speak the book with an engine that waits, together with whoever else does."""
    from deployments.cli.making import make

    ENGINES["espeak"] = "benchmarks.books:Waiting"
    state = make("benchmark", None, silent=True)
    assert state["finished"], state


def edit(words: int = 120_000) -> None:
    """How long it takes from the command to the new files when one word was changed."""
    with tempfile.TemporaryDirectory() as name:
        book = Path(name) / "book.md"
        book.write_text(text(words))
        whole = clocked(lambda: narrate(book.parent))
        lines = book.read_text().split("\n")
        middle = next(number for number in range(len(lines) // 2, len(lines)) if len(lines[number]) > 100)
        lines[middle] = lines[middle].replace(" ", " hippopotamus ", 1)
        book.write_text("\n".join(lines))
        edited = clocked(lambda: narrate(book.parent))
    print(f"{words:,} words: narrated in {_shown(whole)}; after an edit of one word in {_shown(edited)}")


def _words(process: object) -> list[str]:
    from psutil import Error

    try:
        return list(process.cmdline())  # type: ignore[attr-defined]
    except Error:
        return []


def _shown(took: tuple[float, float]) -> str:
    return f"{took[0]:.1f} s ({took[1]:.1f} s of the processor)"


def main(what: str, *options: str) -> None:
    """Run one of the benchmarks."""
    if what == "order":
        return order_book(options[0])
    {"plan": plan, "overhead": overhead, "workers": workers, "edit": edit, "worker": worker}[what](*map(int, options))
    return None


if __name__ == "__main__":
    main(*sys.argv[1:])
