"""f5-flows burn: captions in the picture of a video."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deployments.cli.console import input_named, open_store, refuse, spare, writable, writing
from deployments.cli.documents import cast_option, read_cast
from deployments.cli.lexicon import lexicon_option, lexicon_rows
from deployments.cli.progress import Show, bar
from deployments.cli.subtitles import aligned, presentation, presentation_request, presented, spoken_script
from deployments.cli.values import one_of
from speech.choices import TimingMethod

if TYPE_CHECKING:
    from speech.request import SpeechRequest
    from speech.subtitles import Subtitles
    from speech.video import Background, Video

__all__ = ["burn"]

_TIME = re.compile(r"(?:(?:(\d{1,2}):)?(\d{1,3}):)?(\d{1,5}(?:\.\d{1,3})?)")


@click.command()
@click.argument("video", required=False, type=click.Path(path_type=Path))
@click.option("--background", metavar="COLOR", help="A picture of one colour instead of VIDEO: navy, or #1A2B3C.")
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
@click.option(
    "--frame", "moment", metavar="TIME", help="Write only the picture at a time, such as 0:12, as PNG: a look before."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The MP4 file.  [default: ./output/<name>.mp4; with --frame .png]"
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

    from speech.video import Video, burn, still

    source = _Source(script, timings, captions, job, storage)
    if (video is None) == (background is None):
        refuse("Give a VIDEO, or --background COLOR.")
    source.check()
    if script is None and (cast or options["lexicon"]):
        refuse("--cast, --lexicon: they are for the script of --text.")
    request = presentation_request(presented(options) | {"cast": read_cast(cast)})
    if captions and request.look:
        refuse("--look: the file of --captions has a look of its own; leave out one of the two.")
    at = None if moment is None else _time(moment)
    picture = _picture(video, background, size, request.preset)
    for given in (audio, timings, captions):
        if given is not None and not given.is_file():
            refuse(f"There is no file {given}.")
    own_sound = video if isinstance(picture, Video) and picture.has_audio else None
    needs_sound = script is not None or (video is None and job is None and at is None)
    if needs_sound and not (audio or own_sound):
        refuse("--audio: the picture has no sound; give the recording.")
    target = _target(out, video or audio or timings or captions or Path(str(job)), "mp4" if at is None else "png")
    spare((video, audio, timings, captions, script), (target,))
    with TemporaryDirectory(prefix="f5-flows-") as folder, bar(quiet=False) as show:
        if job and background and at is None and audio is None:
            audio = _audio_of(job, storage, Path(folder))
        text, length = source.ass(picture, audio, video, request, Path(folder), show)
        with writing(target.parent):
            if at is None:
                burn(picture, text, audio, _length(picture, audio), target, lambda share: show("burn", share), _note)
            else:
                _check_within(at, moment, picture, length)
                still(picture, text, at, target, _note)
    click.echo(f"  {target}")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the captions come from: one of a script, timed words, an ASS file, and a job."""

    script: Path | None
    timings: Path | None
    captions: Path | None
    job: str | None
    storage: str | None

    def check(self) -> None:
        if sum(source is not None for source in (self.script, self.timings, self.captions, self.job)) != 1:
            refuse("Give one of --text, --timings, --captions and --job.")

    def ass(
        self,
        picture: Video | Background,
        audio: Path | None,
        video: Path | None,
        request: SpeechRequest,
        folder: Path,
        show: Show,
    ) -> tuple[str, int | None]:
        """Return the captions as ASS for the size of the picture, and the length of what is said if it is known."""
        from speech.media import admit
        from speech.subtitles import render

        if self.captions:
            return _own_ass(self.captions), None
        if self.script:
            sound = audio or video
            assert sound
            with input_named("--audio" if audio else "VIDEO"):
                recording = admit(sound, folder)
            spoken, rows = spoken_script(sound, self.script, request), lexicon_rows(request.lexicon, self.storage)
            subtitles, warnings = aligned(recording, spoken, rows, request, show)
            for warning in warnings:
                _note(warning)
        else:
            subtitles = _timed(self.timings, self.job, self.storage, request)
        look = replace(subtitles.look, width=picture.width, height=picture.height)
        return render(replace(subtitles, look=look), "ass"), subtitles.duration_ms


def _note(sentence: str) -> None:
    click.echo(f"Note: {sentence}", err=True)


def _picture(video: Path | None, background: str | None, size: str | None, preset: str) -> Video | Background:
    from speech.video import Background, check_colour, probe

    with input_named("VIDEO" if video else "--background"):
        return probe(video) if video else Background(check_colour(background or ""), *_size(size, preset))


def _length(picture: Video | Background, audio: Path | None) -> int:
    """Return the length in milliseconds of the audio: a file's, or else the video's."""
    from speech.audio import duration_ms
    from speech.video import Video

    if audio:
        return duration_ms(audio)
    assert isinstance(picture, Video)
    return picture.duration_ms


def _target(out: Path | None, named: Path, kind: str) -> Path:
    """Return the file to write; with --frame, the picture gets the name that the video will have."""
    target = out or Path("output") / f"{named.stem}.mp4"
    if target.is_dir():
        refuse(f"--out: {target} is a folder; name the MP4 file.")
    writable(target.parent)
    return target.with_suffix(".png") if kind == "png" else target


def _time(given: str) -> int:
    """Read a time such as 12.5, 0:12 or 1:02:03 in milliseconds."""
    found = _TIME.fullmatch(given.strip())
    if found is None:
        refuse(f"--frame: {given!r} is not a time; expected, for example, 0:12, 83.5 or 1:02:03.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return round((hours * 3600 + minutes * 60 + seconds) * 1000)


def _check_within(at: int, moment: str | None, picture: Video | Background, length: int | None) -> None:
    """Refuse a time after the end of the video that would be written, where that is known."""
    from speech.video import Video

    last = max(picture.duration_ms if isinstance(picture, Video) else 0, length or 0)
    if last and at > last:
        minutes, seconds = divmod(last // 1000, 60)
        refuse(f"--frame: {moment} is after the end; expected a time up to {minutes}:{seconds:02d}.")


def _own_ass(path: Path) -> str:
    from speech.files import read_text

    text = read_text(path)
    if "[Events]" not in text:
        refuse(f"--captions: {path} is not an ASS file; it has no [Events] section.")
    return text


def _timed(timings: Path | None, job: str | None, storage: str | None, request: SpeechRequest) -> Subtitles:
    """Return subtitles from the words of a JSON file, or of a job."""
    from speech.files import read_text
    from speech.outputs import key
    from speech.subtitles.json_format import read

    content = read_text(timings) if timings else open_store(storage).read(key(job or "", "json"))
    return read(content, **request.presentation())


def _size(given: str | None, preset: str) -> tuple[int, int]:
    from speech.subtitles.styles import look_for

    if given is None:
        look = look_for(preset)
        return look.width, look.height
    wide, separator, high = given.lower().partition("x")
    if not (separator and wide.isdigit() and high.isdigit() and 16 <= int(wide) <= 7680 and 16 <= int(high) <= 7680):
        refuse(f"--size: {given!r} is not a size; expected, for example, 1920x1080, each side from 16 to 7680.")
    return int(wide), int(high)


def _audio_of(job: str, storage: str | None, folder: Path) -> Path:
    from speech.outputs import key
    from speech.records import kinds, load

    store = open_store(storage)
    kind = kinds(load(store, job).result or {})[0]
    store.get(key(job, kind), folder / f"{job}.{kind}")
    return folder / f"{job}.{kind}"
