"""f5-flows align: subtitles for existing recordings, and the options for subtitles that other commands share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deployments.cli.console import Checks, input_named, refuse, spare, storage_option, writable, writing
from deployments.cli.destinations import free_path, lock, vacant
from deployments.cli.documents import cast_option, read_cast, read_spoken
from deployments.cli.lexicon import lexicon_option, lexicon_rows
from deployments.cli.progress import bar
from deployments.cli.terminal import echo
from deployments.cli.values import number, one_of
from speech.choices import Karaoke, LookName, Preset, Split, StyleName, TimingFormat, TimingMethod
from speech.scratch import scratch

if TYPE_CHECKING:
    from speech.lexicons import Row
    from speech.request import SpeechRequest
    from speech.script import Script
    from speech.subtitles import Subtitles

__all__ = [
    "align",
    "align_recording",
    "check_inputs",
    "idle_options",
    "presentation",
    "presentation_request",
    "request_fields",
]

F = TypeVar("F", bound=Callable[..., Any])

_RULES = ("max_chars", "max_lines", "max_words", "max_cps", "min_duration", "max_duration", "gap")
_OPTIONS = (
    click.option(
        "--preset",
        type=one_of(Preset),
        help="Rules for the subtitles; social: one to three large words, for vertical video; word: one word per cue."
        "  [default: netflix]",
    ),
    click.option("--max-chars", type=number("max_chars"), help="Maximum characters per line, instead of the preset's."),
    click.option("--max-lines", type=number("max_lines"), help="Maximum lines per cue."),
    click.option("--max-words", type=number("max_words"), help="Maximum words per cue."),
    click.option("--max-cps", type=number("max_cps"), help="Maximum characters per second."),
    click.option("--min-duration", type=number("min_duration"), help="Minimum duration of a cue, in seconds."),
    click.option("--max-duration", type=number("max_duration"), help="Maximum duration of a cue, in seconds."),
    click.option("--gap", type=number("gap"), help="Minimum gap between two cues, in seconds."),
    click.option(
        "--look",
        type=one_of(LookName),
        help="A complete look for burned-in captions, with its own font, size and position, and with the --preset and "
        "--karaoke that suit it unless you give others. For upright video: pop (the word heard leaps, yellow), bubble "
        "(on a pink bubble), marker (marked yellow), neon (glows). For films: cinema (gold runs through the line).",
    ),
    click.option("--style", type=one_of(StyleName), help="A plain style instead of a look.  [default: classic]"),
    click.option("--karaoke", type=one_of(Karaoke), help="How the ASS file highlights words.  [default: sweep]"),
    click.option(
        "--speaker-names",
        is_flag=True,
        default=None,
        help="Show who speaks in a script of several voices: names in VTT and ASS, a colour for each in ASS, a dash at "
        "a change in SRT.",
    ),
)
_FORMATS = click.option(
    "--format",
    "formats",
    type=one_of(TimingFormat),
    multiple=True,
    help="Subtitles to write; may be repeated.  [default: the first five]",
)
_SPLIT = click.option("--split", type=one_of(Split), help="cues: also write one WAV file per cue.")


def presentation(*, files: bool = True) -> Callable[[F], F]:
    """Add the options for the rules and the look of subtitles; with `files`, also those for the files to write."""

    def decorate(command: F) -> F:
        for option in reversed([*((_FORMATS, _SPLIT) if files else ()), *_OPTIONS]):
            command = option(command)
        return command

    return decorate


def request_fields(options: dict[str, Any], formats: tuple[str, ...] = ()) -> dict[str, Any]:
    """Turn options into fields of a request; the request alone decides what is accepted."""
    fields = {name: value for name, value in options.items() if value is not None}
    rules = {name: fields.pop(name) for name in _RULES if name in fields}
    if rules:
        fields["cues"] = rules
    if formats:
        fields |= {"timing_format": formats[0], "timing_formats": list(formats)}
    return fields


def idle_options(options: dict[str, Any]) -> list[str]:
    """Return the options for the rules and the look of subtitles that were given, as on the command line."""
    names = (*_RULES, "preset", "look", "style", "karaoke", "speaker_names")
    return [f"--{name.replace('_', '-')}" for name in names if options.get(name) is not None]


@click.command()
@click.argument("audio", type=click.Path(path_type=Path))
@click.option(
    "--text",
    "script",
    required=True,
    type=click.Path(path_type=Path),
    help="The script: a text, DOCX, ..., or - for stdin.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for the files, named after AUDIO. Default: that of AUDIO, and names that are not taken yet.",
)
@click.option("--language", help="ISO 639-1. Default: as the document says, else detected.")
@cast_option
@lexicon_option
@storage_option
@click.option(
    "--timing-method",
    type=one_of(TimingMethod),
    help="The aligner to try first.  [default: whisperx]",
)
@click.option("--no-preview", is_flag=True, help="Do not write the preview page.")
@presentation()
def align(
    audio: Path,
    script: Path,
    out: Path | None,
    cast: Path | None,
    storage: str | None,
    no_preview: bool,
    formats: tuple[str, ...],
    **options: Any,
) -> None:
    """Time the words of an existing recording, and write its subtitles.

    AUDIO is a recording or a video, up to 24 hours: WAV, AIFF, CAF, FLAC, Ogg, MP3, AAC, AMR, MP4 (M4A, MOV,
    3GP), Matroska (MKV, WebM), AVI, ASF (WMA, WMV) or MPEG-TS; --text is its script. Besides the subtitles,
    a preview page is written, on which to read and listen.

    \b
    f5-flows align talk.mp3 --text talk.txt --format srt
    f5-flows align talk.mp3 --text talk.txt --preset bbc --max-chars 32 --split cues
    f5-flows align talk.mp3 --text talk.txt --lexicon names.csv --cast cast.toml --speaker-names
    """
    from speech.audio import check_sound
    from speech.media import admit
    from speech.outputs import PREVIEW
    from speech.subtitles import summary
    from speech.subtitles.speakers import remark

    checks = Checks()
    request, spoken, rows = check_inputs(request_fields(options, formats), cast, audio, script, storage, checks)
    folder = out or audio.parent
    with checks.each():
        writable(folder)
        if out and request:
            spare((audio, script), (folder / f"{audio.stem}.{kind}" for kind in (*request.formats, PREVIEW)))
    checks.finish()
    assert request
    assert spoken
    with scratch() as temporary, bar(quiet=False) as on_progress:
        on_progress("read", 0.0)
        with input_named("AUDIO"):
            recording = admit(audio, temporary, mono=not request.split)
            check_sound(recording)
        subtitles, warnings = align_recording(recording, spoken, rows, request, on_progress)
        if note := remark(subtitles, request.formats):
            warnings.append(note)
        on_progress("render", 0.9)
        page = None if no_preview else (audio, warnings)
        with writing(folder), lock(folder):
            stem = audio.stem if out else vacant(audio.stem, lambda base: _names(folder / base, request.formats))
            paths = _write(subtitles, recording, request, folder / stem, page)
    echo(f"Timed {len(subtitles.words)} words with {subtitles.method}, confidence {subtitles.confidence:.2f}")
    for warning in [*warnings, *summary(subtitles.violations())]:
        echo(f"Note: {warning}")
    for path in paths:
        echo(f"  {path}")


def _names(base: Path, formats: Sequence[str]) -> list[Path]:
    """Return the files that `_write` may write."""
    return [base.with_name(f"{base.name}{ending}") for ending in (*(f".{name}" for name in formats), ".html", "-cues")]


def _write(
    subtitles: Subtitles,
    recording: Path,
    request: SpeechRequest,
    base: Path,
    page: tuple[Path, list[str]] | None,
) -> list[Path]:
    """Write the files of a recording, and return their paths.

    Args:
        base: the path of each file but for its ending.
        page: the recording as people know it, and what the page notes; None for no page.
    """
    from speech import preview, splits
    from speech.files import write_text
    from speech.subtitles import render

    *paths, target, pieces = _names(base, request.formats)
    files: dict[str, Path] = dict(zip(request.formats, paths, strict=True))
    for name, path in files.items():
        write_text(path, render(subtitles, name))
    if request.split:
        splits.split(recording, subtitles.cues, pieces)
        paths.append(pieces)
    if page:
        audio, notes = page
        playable = preview.listenable(audio, recording, free_path(target.with_suffix(".mp3")), subtitles.duration_ms)
        address = preview.address(playable, target)
        paths.append(preview.write(subtitles, recording, files, target, notes, beside=address))
        if playable != audio:
            paths.append(playable)
    return paths


def check_inputs(
    fields: dict[str, Any], cast: Path | None, audio: Path | None, script: Path, storage: str | None, checks: Checks
) -> tuple[SpeechRequest | None, Script | None, tuple[Row, ...]]:
    """Return the request of options, the script of a recording and the rows of its lexicon, as far as they are right.

    Args:
        fields: of the request, but for its cast.
        audio: the recording; None if it was checked.
        checks: gets what is wrong with them.
    """
    people: dict[str, str] = {}
    request = spoken = None
    rows: tuple[Row, ...] = ()
    with checks.each():
        people = read_cast(cast)
    with checks.each():
        spoken = _spoken_script(audio, script, people)
    with checks.each():
        request = presentation_request(fields | {"cast": people})
    with checks.each():
        rows = lexicon_rows(request.lexicon, storage) if request else ()
    return request, spoken, rows


def presentation_request(fields: dict[str, Any]) -> SpeechRequest:
    """Check options as a request; its text is a placeholder, because a script may be longer than a request allows."""
    from speech.request import SpeechRequest

    return SpeechRequest.parse({"text": "x", "return_word_timings": True} | fields)


def _spoken_script(audio: Path | None, script: Path, cast: Collection[str]) -> Script:
    """Read what is said in a recording.

    Args:
        cast: names in the script that are directions.
    """
    from speech.text import has_words

    if audio and not audio.is_file():
        refuse(f"AUDIO: there is no file {audio}.")
    spoken = read_spoken(script, "--text", cast)
    if not has_words(spoken.text):
        refuse("--text: the script holds no letter or digit.")
    return spoken


def align_recording(
    audio: Path,
    script: Script,
    rows: Sequence[Row],
    request: SpeechRequest,
    on_progress: Callable[[str, float], None],
) -> tuple[Subtitles, list[str]]:
    from deployments.local import warm
    from speech.alignment import align as align_words
    from speech.audio import Recording, duration_ms
    from speech.script import language_of
    from speech.script.chunks import cut
    from speech.script.lexicon import Lexicon
    from speech.subtitles import make

    language = language_of(request, script)
    voices = {name: request.cast.get(name or "") for name in (None, *request.cast)}
    pronounced = Lexicon(rows, voices).pronounce(script, language)
    length = duration_ms(audio)
    on_progress("align", 0.05)
    warm.release()
    alignment = align_words(Recording(audio, 0, length), cut(pronounced, language), language, request.timing_method)
    subtitles = make(
        alignment.words,
        text=script.text,
        language=language,
        duration_ms=length,
        method=alignment.method,
        job_id=audio.stem,
        passages=pronounced.passages,
        **request.presentation(),
    )
    return subtitles, list(alignment.warnings)
