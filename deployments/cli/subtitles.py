"""f5-flows align and burn: subtitles for recordings and videos that exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from deployments.cli.console import bar, number, open_store, read_script, refuse, spare, writable, writing

if TYPE_CHECKING:
    from speech.request import SpeechRequest
    from speech.subtitles import Subtitles

__all__ = ["align", "burn", "presentation", "presented"]

F = TypeVar("F", bound=Callable[..., Any])

_RULES = ("max_chars", "max_lines", "max_words", "max_cps", "min_duration", "max_duration", "gap")
_OPTIONS = (
    click.option(
        "--preset",
        help="Rules for the subtitles: netflix, netflix-children, bbc, social (one to three large words, for "
        "upright video), or word (a word a cue).  [default: netflix]",
    ),
    click.option("--max-chars", help="Characters in a line, in place of the preset's."),
    click.option("--max-lines", help="Lines in a cue."),
    click.option("--max-words", help="Words in a cue."),
    click.option("--max-cps", help="Characters a second."),
    click.option("--min-duration", help="Seconds that a cue stays at least."),
    click.option("--max-duration", help="Seconds that a cue stays at most."),
    click.option("--gap", help="Seconds between two cues, at least."),
    click.option("--style", help="Look of the ASS file: classic, box, yellow, bold, paper, top.  [default: classic]"),
    click.option("--karaoke", help="How it lights words: sweep, step, one, appear, none.  [default: sweep]"),
)
_FORMATS = click.option(
    "--format",
    "formats",
    multiple=True,
    help="srt, vtt, csv, json, ass, ttml, textgrid; may be repeated.  [default: the first five]",
)
_SPLIT = click.option("--split", help="cues: also one WAV file for each cue.")


def presentation(*, files: bool = True) -> Callable[[F], F]:
    """The options that say how subtitles are built and look; with `files`, also which are written."""

    def decorate(command: F) -> F:
        for option in reversed([*((_FORMATS, _SPLIT) if files else ()), *_OPTIONS]):
            command = option(command)
        return command

    return decorate


def presented(options: dict[str, Any], formats: tuple[str, ...] = ()) -> dict[str, Any]:
    """Options as fields of a request, which alone decides what is accepted."""
    given = {name: number(value) for name, value in options.items() if value is not None}
    rules = {name: given.pop(name) for name in _RULES if name in given}
    if rules:
        given["cues"] = rules
    if formats:
        given |= {"timing_format": formats[0], "timing_formats": list(formats)}
    return given


@click.command()
@click.argument("audio", type=click.Path(path_type=Path))
@click.option(
    "--text", "script", required=True, type=click.Path(path_type=Path), help="The script: a UTF-8 file, or -."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the files.  [default: ./output/<name>]")
@click.option("--language", help="ISO 639-1. Default: detected.")
@click.option("--timing-method", help="whisperx or google, tried first; the others follow.  [default: whisperx]")
@click.option("--no-preview", is_flag=True, help="No page to read and listen to.")
@presentation()
def align(
    audio: Path, script: Path, out: Path | None, no_preview: bool, formats: tuple[str, ...], **options: str | None
) -> None:
    """Time the words of a recording that exists, and write its subtitles.

    AUDIO is a recording or a video, up to 24 hours: WAV, AIFF, CAF, FLAC, Ogg, MP3, AAC, AMR, MP4 (M4A, MOV,
    3GP), Matroska (MKV, WebM), AVI, ASF (WMA, WMV) or MPEG-TS; --text is what it says. Beside the subtitles
    a page is written to read and listen to.

    \b
    f5-flows align talk.mp3 --text talk.txt --format srt
    f5-flows align talk.mp3 --text talk.txt --preset bbc --max-chars 32 --split cues
    """
    from tempfile import TemporaryDirectory

    from speech import preview, splits
    from speech.files import write_text
    from speech.media import admit
    from speech.outputs import PREVIEW
    from speech.subtitles import render, summary

    request = _request(presented(options, formats))
    text = _script(audio, script)
    folder = writable(out or Path("output") / audio.stem)
    spare((audio, script), (folder / f"{audio.stem}.{kind}" for kind in (*request.formats, PREVIEW)))
    with TemporaryDirectory(prefix="f5-flows-") as place, bar(quiet=False) as show:
        show("read", 0.0)
        recording = admit(audio, Path(place), mono=not request.split)
        subtitles, warnings = _aligned(recording, text, request, show)
        show("render", 0.9)
        texts = {name: render(subtitles, name) for name in request.formats}
        paths = [folder / f"{audio.stem}.{name}" for name in texts]
        with writing(folder):
            for path, content in zip(paths, texts.values(), strict=True):
                write_text(path, content)
            if request.split:
                pieces = folder / f"{audio.stem}-cues"
                splits.split(recording, subtitles.cues, pieces)
                paths.append(pieces)
            if not no_preview:
                page = folder / f"{audio.stem}.{PREVIEW}"
                paths.append(preview.write(subtitles, recording, texts, page, warnings))
    click.echo(f"Timed {len(subtitles.words)} words with {subtitles.method}, confidence {subtitles.confidence:.2f}")
    for warning in [*warnings, *summary(subtitles.broken())]:
        click.echo(f"Note: {warning}")
    for path in paths:
        click.echo(f"  {path}")


@click.command()
@click.argument("video", required=False, type=click.Path(path_type=Path))
@click.option("--background", metavar="COLOR", help="A picture of one colour instead: navy, or #1A2B3C.")
@click.option("--size", help="Of that picture, in pixels.  [default: 1920x1080, or 1080x1920 with --preset social]")
@click.option("--text", "script", type=click.Path(path_type=Path), help="What is said: a UTF-8 file, or -.")
@click.option("--timings", type=click.Path(path_type=Path), help="A .json file of speak or align: the words, timed.")
@click.option("--captions", type=click.Path(path_type=Path), help="An .ass file, taken as it is.")
@click.option("--job", help="Id of a job: its words, and with --background its audio.")
@click.option("--audio", type=click.Path(path_type=Path), help="What is heard.  [default: the video's sound]")
@click.option("--language", help="ISO 639-1, with --text. Default: detected.")
@click.option("--timing-method", help="With --text: whisperx or google, tried first.  [default: whisperx]")
@click.option("--storage", help="With --job: a Prefect storage block. Default: the environment's.")
@click.option("--out", type=click.Path(path_type=Path), help="The MP4 file.  [default: ./output/<name>.mp4]")
@presentation(files=False)
def burn(
    video: Path | None,
    background: str | None,
    size: str | None,
    script: Path | None,
    timings: Path | None,
    captions: Path | None,
    job: str | None,
    audio: Path | None,
    storage: str | None,
    out: Path | None,
    **options: str | None,
) -> None:
    """Write captions into the picture of VIDEO, or onto a --background, as an MP4 with the audio.

    What is said comes from one of --text, --timings, --captions and --job.

    \b
    f5-flows burn talk.mp4 --text talk.txt --preset social --karaoke one
    f5-flows burn --background navy --timings talk.json --audio talk.wav
    f5-flows burn --background black --job 3f0c1c9e-... --style box
    """
    from tempfile import TemporaryDirectory

    from speech.audio import duration_ms
    from speech.files import read_text
    from speech.media import admit
    from speech.outputs import key
    from speech.subtitles import render
    from speech.subtitles.json_format import read
    from speech.video import Background, Video, burn, check_colour, probe

    if (video is None) == (background is None):
        refuse("Give a VIDEO, or --background COLOR.")
    if sum(source is not None for source in (script, timings, captions, job)) != 1:
        refuse("Give one of --text, --timings, --captions and --job.")
    request = _request(presented(options))
    picture: Video | Background = (
        probe(video) if video else Background(check_colour(background or ""), *_size(size, request.preset))
    )
    for given in (audio, timings, captions):
        if given is not None and not given.is_file():
            refuse(f"There is no file {given}.")
    named = video or audio
    is_silent = audio is None and isinstance(picture, Video) and not picture.has_audio
    if (named is None and job is None) or (is_silent and script):
        refuse("--audio: the picture has no sound; give the recording.")
    target = out or Path("output") / f"{named.stem if named else job}.mp4"
    if target.is_dir():
        refuse(f"--out: {target} is a folder; name the MP4 file.")
    writable(target.parent)
    spare((video, audio, timings, captions, script), (target,))
    with TemporaryDirectory(prefix="f5-flows-") as folder, bar(quiet=False) as show:
        if job and audio is None and background:
            audio = _audio_of(job, storage, Path(folder))
        heard = audio or video
        assert heard
        if captions:
            text = read_text(captions)
            if "[Events]" not in text:
                refuse(f"--captions: {captions} is not an ASS file; expected one that holds [Events].")
        else:
            if script:
                show("read", 0.0)
                text = _script(heard, script)
                subtitles, warnings = _aligned(admit(heard, Path(folder)), text, request, show)
                for warning in warnings:
                    click.echo(f"Note: {warning}", err=True)
            else:
                content = read_text(timings) if timings else open_store(storage).read(key(job or "", "json"))
                subtitles = read(content, **request.presentation())
            look = replace(subtitles.look, width=picture.width, height=picture.height)
            text = render(replace(subtitles, look=look), "ass")
        length = picture.duration_ms if isinstance(picture, Video) and audio is None else duration_ms(heard)
        with writing(target.parent):
            burn(picture, text, audio, length, target, lambda share: show("burn", share))
    click.echo(f"  {target}")


def _request(fields: dict[str, Any]) -> SpeechRequest:
    """Options as a request that is checked; its text is not the script, which may be longer than one request."""
    from speech.request import SpeechRequest

    return SpeechRequest.parse({"text": "x", "return_word_timings": True} | fields)


def _script(audio: Path, script: Path) -> str:
    from speech.text import has_words

    if not audio.is_file():
        refuse(f"AUDIO: there is no file {audio}.")
    text = read_script("-", None) if str(script) == "-" else read_script(None, script)
    if not has_words(text):
        refuse("--text: the script holds no letter or digit.")
    return text


def _size(given: str | None, preset: str) -> tuple[int, int]:
    from speech.subtitles.styles import look_for

    if given is None:
        look = look_for(preset)
        return look.width, look.height
    wide, cross, high = given.lower().partition("x")
    if not (cross and wide.isdigit() and high.isdigit() and 16 <= int(wide) <= 7680 and 16 <= int(high) <= 7680):
        refuse(f"--size: {given!r} is not a size; expected such as 1920x1080, at most 7680 each way.")
    return int(wide), int(high)


def _audio_of(job: str, storage: str | None, folder: Path) -> Path:
    from speech.outputs import key
    from speech.records import kinds, load

    store = open_store(storage)
    kind = kinds(load(store, job).result or {})[0]
    store.get(key(job, kind), folder / f"{job}.{kind}")
    return folder / f"{job}.{kind}"


def _aligned(
    audio: Path, text: str, request: SpeechRequest, show: Callable[[str, float], None]
) -> tuple[Subtitles, list[str]]:
    from speech.alignment import align as align_words
    from speech.audio import Recording, duration_ms
    from speech.language import detect
    from speech.subtitles import make
    from speech.text import chunks, normalise

    script = normalise(text)
    language = request.language or detect(script)
    length = duration_ms(audio)
    show("align", 0.05)
    alignment = align_words(Recording(audio, 0, length), chunks(script, language), language, request.timing_method)
    subtitles = make(
        alignment.words,
        text=script,
        language=language,
        duration_ms=length,
        method=alignment.method,
        job_id=audio.stem,
        **request.presentation(),
    )
    return subtitles, list(alignment.warnings)
