"""f5-flows lexicon: how words are spoken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.console import open_store, reading, refuse, storage_option
from deployments.cli.terminal import echo

if TYPE_CHECKING:
    from speech.lexicons import Row

__all__ = ["lexicon", "lexicon_option", "lexicon_rows"]

_ENDINGS = (".csv", ".pls", ".xml")
_MOST_HINTS = 20


@click.group()
def lexicon() -> None:
    """Manage lexicons, which say how words are pronounced; subtitles keep the script's spelling.

    A lexicon is a CSV file with one row per word or phrase; language, voice and case are optional:

    \b
    word,say,language,voice,case
    Aoife,Eefa,,,
    Saoirse Ronan,Sur-sha Ronan,,,
    GIF,jiff,,,
    GIF,giff,de,,
    US,U S,,,yes

    GIF is pronounced differently in German texts; US matches in this letter case only, not "us". Rows match whole
    words, also in Aoife's and GIF-Datei, the longest first. Of a W3C PLS file, only aliases are used.

    \b
    f5-flows lexicon try names.csv "Aoife's GIF file"
    f5-flows lexicon add names names.csv
    f5-flows speak --file chapter.txt --lexicon names
    """


@lexicon.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a lexicon of the same name.")
@storage_option
def add(name: str, file: Path, overwrite: bool, storage: str | None) -> None:
    """Store FILE, a CSV or PLS file, as the lexicon NAME.

    \b
    f5-flows lexicon add names names.csv
    """
    from speech.lexicons.library import add as store_lexicon

    rows = _read(file, "FILE")
    stored_name = store_lexicon(name, rows, open_store(storage), overwrite=overwrite)
    echo(
        f"Lexicon {stored_name!r} stored: {_row_count(len(rows))}. Use it with: f5-flows speak --lexicon {stored_name}"
    )


@lexicon.command("list")
@storage_option
def list_(storage: str | None) -> None:
    """List the stored lexicons."""
    from speech.lexicons.library import listing

    lexicons = listing(open_store(storage))
    if not lexicons:
        echo("There is no lexicon yet. To add one: f5-flows lexicon add NAME FILE")
    for name, entry in lexicons.items():
        echo(f"{name:<32}{entry.size / 1e3:>8.1f} kB  {entry.modified:%Y-%m-%d}")


@lexicon.command()
@click.argument("name")
@storage_option
def show(name: str, storage: str | None) -> None:
    """Print a lexicon as CSV.

    \b
    f5-flows lexicon show names > names.csv
    """
    from speech.lexicons.library import text_of

    echo(text_of(name, open_store(storage)), nl=False)


@lexicon.command()
@click.argument("name")
@storage_option
def remove(name: str, storage: str | None) -> None:
    """Remove a lexicon."""
    from speech.lexicons.library import remove as take_away

    take_away(name, open_store(storage))
    echo(f"Lexicon {name!r} removed")


@lexicon.command("try")
@click.argument("source", metavar="FILE|NAME")
@click.argument("text")
@click.option("--language", help="ISO 639-1 code of the text. Default: detected.")
@click.option("--voice", help="Name of the voice that speaks TEXT, for rows limited to one voice.")
@storage_option
def try_(source: str, text: str, language: str | None, voice: str | None, storage: str | None) -> None:
    """Print how TEXT would be spoken, without speaking it, and which rows of the lexicon apply to it.

    \b
    f5-flows lexicon try names.csv "Aoife's GIF file"
    """
    from speech.lexicons.library import find
    from speech.request import SpeechRequest
    from speech.script.trial import attempt

    rows = _read(Path(source), "FILE") if _is_file(source) else find(source, open_store(storage), "lexicon_name")
    request = SpeechRequest.parse({"text": text, "language": language})
    trial = attempt(rows, request.text, request.language, voice)
    echo(trial.spoken)
    width = max((len(written) for written, _ in trial.changes), default=0)
    for written, spoken in trial.changes:
        echo(f"  {written:<{width}}  {spoken or '(not spoken)'}")
    echo(f"{trial.matched} of {_row_count(len(rows))} match this text, read as {trial.language}.")
    for hint in trial.hints[:_MOST_HINTS]:
        echo(f"Hint: {hint}")
    if len(trial.hints) > _MOST_HINTS:
        echo(f"Hint: {len(trial.hints) - _MOST_HINTS} more rows do not apply either.")


def lexicon_rows(name_or_rows: str | Sequence[Row] | None, storage: str | None) -> tuple[Row, ...]:
    """Return the rows of a request's lexicon; a name that is not in the store is refused before any work is done."""
    from speech.lexicons.library import find

    return find(name_or_rows, open_store(storage)) if isinstance(name_or_rows, str) else tuple(name_or_rows or ())


def _row_count(rows: int) -> str:
    return f"{rows} row{'' if rows == 1 else 's'}"


def _is_file(source: str) -> bool:
    return source.lower().endswith(_ENDINGS) or Path(source).name != source


def _read(file: Path, option: str) -> tuple[Row, ...]:
    """Read the rows of a file, and print notes on what is not supported."""
    from speech.lexicons.reader import MOST_BYTES, read

    with reading(file, option), file.open("rb") as stream:
        raw = stream.read(MOST_BYTES + 1)
    contents = read(raw, f"{option}: {file.name}")
    for note in contents.notes:
        echo(f"Note: {note}", err=True)
    return contents.rows


def _name_or_rows(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
    """Return a name as it is, and the rows of a file."""
    if value is None or not _is_file(value):
        return value
    from speech.lexicons import MOST_INLINE

    rows = _read(Path(value), "--lexicon")
    if len(rows) > MOST_INLINE:
        stem = Path(value).stem
        refuse(
            f"--lexicon: {value} has {len(rows)} rows; a request holds at most {MOST_INLINE}. Store it with "
            f"f5-flows lexicon add {stem} {value}, and give --lexicon {stem}."
        )
    return [row.model_dump(exclude_defaults=True) for row in rows]


lexicon_option = click.option(
    "--lexicon",
    metavar="FILE|NAME",
    callback=_name_or_rows,
    help="How words are spoken: a CSV or PLS file, or a stored lexicon; see f5-flows lexicon --help.",
)
