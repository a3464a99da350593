"""f5-flows burn: burn captions into a video."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.console import Checks, input_named, open_store, refuse, spare, writable, writing
from deployments.cli.destinations import give_name
from deployments.cli.documents import cast_option
from deployments.cli.lexicon import lexicon_option
from deployments.cli.progress import ProgressCallback, bar
from deployments.cli.subtitles import align_recording, check_inputs, presentation, presentation_request, request_fields
from deployments.cli.terminal import echo
from deployments.cli.values import one_of
from speech.choices import TimingMethod
from speech.scratch import scratch

if TYPE_CHECKING:
    from speech.lexicons import Row
    from speech.request import SpeechRequest
    from speech.script import Script
    from speech.subtitles import Subtitles
    from speech.video import Background, Video

__all__ = ["burn"]

_TIME = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,5}(?:\.\d{1,3})?)")


@click.command()
@click.argument("video", required=False, type=click.Path(path_type=Path))
@click.option("--background", metavar="COLOR", help="A plain colour instead of VIDEO, such as navy or #1A2B3C.")
@click.option(
    "--size",
    help="Pixels of the --background picture.  [default: 1920x1080; 1080x1920 with --preset social or a look for it]",
)
@click.option(
    "--text", "script", type=click.Path(path_type=Path), help="The script: a text, DOCX, ..., or - for stdin."
)
@click.option("--timings", type=click.Path(path_type=Path), help="Timed words: a .json file from speak or align.")
@click.option("--captions", type=click.Path(path_type=Path), help="An .ass file, used unchanged.")
@click.option("--job", help="Id of a job: use its words, and with --background its audio.")
@click.option("--audio", type=click.Path(path_type=Path), help="Audio of the MP4.  [default: the video's sound]")
@click.option("--language", help="ISO 639-1, with --text. Default: as the document says, else detected.")
@cast_option
@lexicon_option
@click.option(
    "--timing-method", type=one_of(TimingMethod), help="With --text: the aligner to try first.  [default: whisperx]"
)
@click.option(
    "--storage", help="With --job, or a stored --lexicon: a Prefect storage block. Default: the environment's."
)
@click.option("--frame", "moment", metavar="TIME", help="Write only the frame at TIME, such as 0:12, as a PNG preview.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The MP4 file; with --frame, the picture gets its name. Default: <name>-captioned.mp4 beside VIDEO, or else "
    "beside the audio or the captions, with a number if that is taken.",
)
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
    cast: Path | None,
    storage: str | None,
    moment: str | None,
    out: Path | None,
    **options: Any,
) -> None:
    """Burn captions into the picture of VIDEO, or into a --background, and write an MP4 with the audio.

    The captions come from one of --text, --timings, --captions and --job. --look gives them a finished look; see
    one frame of it with --frame before the whole video is written.

    \b
    f5-flows burn talk.mp4 --text talk.txt --look pop --frame 0:12
    f5-flows burn talk.mp4 --text talk.txt --look pop
    f5-flows burn --background navy --timings talk.json --audio talk.wav --look cinema
    f5-flows burn --background black --job 3f0c1c9e-... --size 1080x1080 --look marker
    f5-flows burn talk.mp4 --text talk.txt --preset social --style box --karaoke one
    """
    from tempfile import TemporaryDirectory

    from speech.video import burn, still

    checks, source = Checks(), _Source(script, timings, captions, job, storage)
    if (video is None) == (background is None):
        refuse("Give a VIDEO, or --background COLOR.")
    source.check()
    if script is None and (cast or options["lexicon"]):
        refuse("--cast, --lexicon: these options need --text.")
    with checks.each():
        for file in (audio, timings, captions):
            if file is not None and not file.is_file():
                refuse(f"There is no file {file}.")
    source = source.read(request_fields(options), cast, checks)
    picture = None
    with checks.each():
        picture = _picture(video, background, size, source.request.preset if source.request else "netflix")
    with checks.each():
        at = None if moment is None else _time(moment)
    with checks.each():
        if picture and not checks.problems and source.lacks_sound(picture, audio, only_frame=moment is not None):
            refuse("--audio: the picture has no sound of its own; name a recording.")
    with checks.each():
        target = _target(out, video or audio or timings or captions or Path(str(job)), moment is not None)
        spare((video, audio, timings, captions, script), (target,) if out else ())
    checks.finish()
    assert picture
    with scratch() as folder, bar(quiet=False) as on_progress:
        if job and background and at is None and audio is None:
            audio = _audio_of(job, storage, folder)
        text, length = source.ass(picture, audio, video, folder, on_progress)
        with writing(target.parent), ExitStack() as stack:
            # Names that nobody gave are chosen at the end, so that of two commands none replaces the other's file.
            unnamed = (
                target
                if out
                else Path(stack.enter_context(TemporaryDirectory(prefix=".f5-flows-", dir=target.parent))) / target.name
            )
            if at is None:
                burn(
                    picture,
                    text,
                    audio,
                    _length(picture, audio),
                    unnamed,
                    lambda share: on_progress("burn", share),
                    _note,
                )
            else:
                _check_within(at, moment, picture, length)
                still(picture, text, at, unnamed, _note)
            target = unnamed if out else give_name(unnamed, target)
    echo(f"  {target}")


@dataclass(frozen=True, slots=True)
class _Source:
    """The source of the captions: a script, timed words, an ASS file or a job.

    Attributes:
        request: how they are to look; None until it is read.
        spoken, rows: the script, and its lexicon, once it is read.
    """

    script: Path | None
    timings: Path | None
    captions: Path | None
    job: str | None
    storage: str | None
    request: SpeechRequest | None = None
    spoken: Script | None = None
    rows: tuple[Row, ...] = ()

    def check(self) -> None:
        if sum(source is not None for source in (self.script, self.timings, self.captions, self.job)) != 1:
            refuse("Give one of --text, --timings, --captions and --job.")

    def read(self, fields: dict[str, Any], cast: Path | None, checks: Checks) -> _Source:
        """Return it with the request that the fields make, and with what is said, as far as they are right."""
        if self.script:
            request, script, rows = check_inputs(fields, cast, None, self.script, self.storage, checks)
            return replace(self, request=request, spoken=script, rows=rows)
        request = None
        with checks.each():
            request = presentation_request(fields)
        with checks.each():
            if self.captions and request and request.look:
                refuse("--look: the --captions file has its own style; leave out one of the two.")
        return replace(self, request=request)

    def lacks_sound(self, picture: Video | Background, audio: Path | None, *, only_frame: bool) -> bool:
        """Check whether there is nothing to hear, though it has to be timed, or written."""
        from speech.video import Background

        if audio or (not isinstance(picture, Background) and picture.has_audio):
            return False
        return self.script is not None or (isinstance(picture, Background) and self.job is None and not only_frame)

    def ass(
        self,
        picture: Video | Background,
        audio: Path | None,
        video: Path | None,
        folder: Path,
        on_progress: ProgressCallback,
    ) -> tuple[str, int | None]:
        """Return the captions as ASS for the size of the picture, and the length of the speech if it is known."""
        from speech.audio import check_sound
        from speech.media import admit
        from speech.subtitles import render
        from speech.subtitles.speakers import remark

        if self.captions:
            return _own_ass(self.captions), None
        assert self.request
        if self.spoken:
            sound = audio or video
            assert sound
            with input_named("--audio" if audio else "VIDEO"):
                recording = admit(sound, folder)
                check_sound(recording)
            subtitles, warnings = align_recording(recording, self.spoken, self.rows, self.request, on_progress)
            for warning in warnings:
                _note(warning)
        else:
            subtitles = _load_subtitles(self.timings, self.job, self.storage, self.request)
        if note := remark(subtitles, ("ass",)):
            _note(note)
        look = replace(subtitles.look, width=picture.width, height=picture.height)
        return render(replace(subtitles, look=look), "ass"), subtitles.duration_ms


def _note(message: str) -> None:
    echo(f"Note: {message}", err=True)


def _picture(video: Path | None, background: str | None, size: str | None, preset: str) -> Video | Background:
    from speech.video import Background, check_colour, probe

    with input_named("VIDEO" if video else "--background"):
        return probe(video) if video else Background(check_colour(background or ""), *_size(size, preset))


def _length(picture: Video | Background, audio: Path | None) -> int:
    """Return the length in milliseconds of the audio: a file's, or else the video's."""
    from speech.audio import duration_ms
    from speech.video import Video

    if audio:
        with input_named("--audio"):
            return duration_ms(audio)
    assert isinstance(picture, Video)
    return picture.duration_ms


def _target(out: Path | None, default: Path, is_picture: bool) -> Path:
    """Return the file to write; with --frame, the picture gets the name that the video will have.

    Args:
        default: what the file is named after, and lies beside.
    """
    kind = ".png" if is_picture else ".mp4"
    if out is None:
        writable(default.parent)
        return default.with_name(f"{default.stem}-captioned{kind}")
    if out.is_dir():
        refuse(f"--out: {out} is a folder; name the MP4 file.")
    writable(out.parent)
    return out.with_suffix(kind) if is_picture else out


def _time(text: str) -> int:
    """Read a time such as 12.5, 0:12 or 1:02:03 in milliseconds."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        refuse(f"--frame: {text!r} is not a time; expected, for example, 0:12, 83.5 or 1:02:03.")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return round((hours * 3600 + minutes * 60 + seconds) * 1000)


def _check_within(at: int, moment: str | None, picture: Video | Background, length: int | None) -> None:
    """Refuse a time after the end of the video that would be written, where that is known."""
    from speech.video import Video

    last = max(picture.duration_ms if isinstance(picture, Video) else 0, length or 0)
    if last and at > last:
        minutes, seconds = divmod(last // 1000, 60)
        refuse(f"--frame: {moment} is after the end; expected a time up to {minutes}:{seconds:02d}.")


def _own_ass(path: Path) -> str:
    from speech.files import as_text

    text = as_text(path.read_bytes(), f"--captions: {path}")
    if "[Events]" not in text:
        refuse(f"--captions: {path} is not an ASS file; it has no [Events] section.")
    return text


def _load_subtitles(timings: Path | None, job: str | None, storage: str | None, request: SpeechRequest) -> Subtitles:
    """Return subtitles from the words of a JSON file, or of a job."""
    from speech.errors import InvalidRequest
    from speech.files import as_text
    from speech.outputs import key
    from speech.subtitles.json_format import read

    if timings is None:
        return read(open_store(storage).read(key(job or "", "json")), **request.presentation())
    content = as_text(timings.read_bytes(), f"--timings: {timings}")
    try:
        return read(content, **request.presentation())
    except InvalidRequest as fault:
        refuse(f"--timings: {timings}: {fault}")


def _size(text: str | None, preset: str) -> tuple[int, int]:
    from speech.subtitles.styles import look_for

    if text is None:
        look = look_for(preset)
        return look.width, look.height
    width, separator, height = text.lower().partition("x")
    if not (
        separator and width.isdigit() and height.isdigit() and 16 <= int(width) <= 7680 and 16 <= int(height) <= 7680
    ):
        refuse(f"--size: {text!r} is not a size; expected, for example, 1920x1080, each side from 16 to 7680.")
    return int(width), int(height)


def _audio_of(job: str, storage: str | None, folder: Path) -> Path:
    from speech.outputs import key
    from speech.records import kinds, load

    store = open_store(storage)
    kind = kinds(load(store, job).result or {})[0]
    store.get(key(job, kind), folder / f"{job}.{kind}")
    return folder / f"{job}.{kind}"
