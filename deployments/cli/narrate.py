"""f5-flows narrate: make an audiobook of a book."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from deployments.cli.books import tell_plan
from deployments.cli.console import (
    Checks,
    open_store,
    reading,
    refuse,
    storage_option,
    writable,
)
from deployments.cli.documents import cast_option, read_cast
from deployments.cli.lexicon import lexicon_option
from deployments.cli.making import check_workers, finish, leave, make
from deployments.cli.stored import check_stored
from deployments.cli.terminal import echo
from deployments.cli.values import number, one_of
from speech.choices import BookPreset, EngineName, Quality, TimingMethod

if TYPE_CHECKING:
    from speech.books.order import Order
    from speech.stores import Store

__all__ = ["narrate"]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--plan", "plans", is_flag=True, help="Show chapters, what is left out, length and cost; speak nothing.")
@click.option(
    "--chapters", metavar="1-3,7", help="Numbers of the chapters to speak, as --plan shows them. Default: all."
)
@click.option("--sample", is_flag=True, help="Speak only the first two minutes of each voice, as a book of its own.")
@click.option("--name", help="Name of the book in the store. Default: made from its title.")
@click.option("--voice", help="Name of a stored voice. Default: the packaged voice.")
@click.option("--ref-text", help="Transcript of the voice's recording. Default: as stored, else transcribed.")
@cast_option
@lexicon_option
@click.option("--engine", type=click.Choice(get_args(EngineName)), help="Default: ENGINE, else auto.")
@click.option("--speed", type=number("speed"), help="Pace.  [default: 1.0]")
@click.option("--quality", type=one_of(Quality), help="fast: a quarter of F5-TTS's steps.  [default: standard]")
@click.option("--seed", type=number("seed"), help="The same seed gives the same speech.  [default: 1]")
@click.option("--language", help="ISO 639-1, such as en. Default: as the book says, else detected.")
@click.option("--timing-method", type=one_of(TimingMethod), help="The aligner to try first.  [default: whisperx]")
@click.option(
    "--master",
    type=click.Choice(get_args(BookPreset)),
    default="podcast",
    show_default=True,
    help="Mastering preset: loudness and peaks.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the files. Default: one named after the book.")
@click.option("--detach", is_flag=True, help="Leave the work to the Prefect server's workers, and return immediately.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
@storage_option
def narrate(
    file: Path,
    plans: bool,
    chapters: str | None,
    sample: bool,
    name: str | None,
    cast: Path | None,
    engine: str | None,
    master: str,
    out: Path | None,
    detach: bool,
    as_json: bool,
    storage: str | None,
    **options: Any,
) -> None:
    """Speak the book FILE (EPUB, DOCX, Markdown, HTML, text, PDF), and write an M4B, MP3s and subtitles.

    Finished takes are kept: after a stop or a kill, the same command resumes, and after an edit only what changed is
    spoken.

    \b
    f5-flows narrate book.epub --plan
    f5-flows narrate book.epub --voice narrator --master acx
    """
    from speech.books import order

    with reading(file, "FILE"):
        data = file.read_bytes()
    store = open_store(storage)
    values = options | {"engine": engine, "preset": master, "chapters": chapters, "sample": sample}
    new_order, title = _order(file, data, store, storage, cast, name, values)
    book = order.check_replaceable(store, name, new_order) if name else order.free_name(store, title, new_order)
    if plans or not detach:
        # With --detach, the workers that speak the book may have another engine.
        plan = tell_plan(new_order, book, data, store, silent=not plans or as_json)
    if plans:
        if as_json:
            echo(json.dumps(plan, ensure_ascii=False, indent=1))
        return
    target = writable(out or Path(book))
    if detach:
        check_workers(silent=as_json)
    order.save(store, book, new_order, file)
    if detach:
        leave(book, storage, f"{book} is being spoken", as_json=as_json)
        return
    finish(make(book, storage, silent=as_json), book, store, target, file, as_json=as_json)


def _order(
    file: Path,
    data: bytes,
    store: Store,
    storage: str | None,
    cast: Path | None,
    name: str | None,
    options: dict[str, Any],
) -> tuple[Order, str]:
    """Return the order of a book, and its whole title; exit with all that is wrong if an option is invalid."""
    from speech.books.order import Order, check_name
    from speech.books.preparation import read

    engine, preset, chapters, sample = (options.pop(field) for field in ("engine", "preset", "chapters", "sample"))
    asked = {field: value for field, value in options.items() if value not in (None, ())}
    checks, numbers = Checks(), None
    people: dict[str, str] = {}
    voice = asked.pop("voice", None)
    with checks.each():
        if asked.get("ref_text") and not voice:
            refuse("--ref-text: it is the transcript of a recording; name that with --voice.")
    with checks.each():
        people = read_cast(cast)
    with checks.each():
        numbers = _numbers(chapters)
    with checks.each():
        if name:
            check_name(name, "name")
    asked |= {field: value for field, value in (("local_voice", voice), ("cast", people)) if value}
    fields: dict[str, Any] = {"asked": asked, "engine": engine, "preset": preset, "sample": sample}
    with checks.each():
        Order(title="x", **fields).request()
    check_stored({None: voice} | people, asked.get("lexicon"), storage, checks)
    checks.finish()
    # A name that is not UTF-8 can stand in no order.
    stem = file.stem.encode(errors="replace").decode() or "Untitled"
    title = read(data, f"FILE: {file}", stem, people, store).title
    return Order(title=title[:200], suffix=file.suffix.lower(), chapters=numbers, **fields), title


def _numbers(chapters: str | None) -> list[int] | None:
    """Return the numbers that a text such as 1-3,7 names."""
    if chapters is None:
        return None
    numbers: list[int] = []
    for part in chapters.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdecimal() or not (last or first).isdecimal() or int(last or first) > 10_000:
            refuse(f"--chapters: {chapters!r} is not accepted; expected numbers such as 1-3,7")
        numbers += range(int(first), int(last or first) + 1)
    return numbers or refuse(f"--chapters: {chapters!r} names no chapter; expected numbers such as 1-3,7")
