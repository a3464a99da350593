"""Videos with burned-in captions, made with ffmpeg and libass."""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from speech.errors import VideoError
from speech.files import replacing
from speech.media import AUDIO, VIDEO, ffmpeg, source
from speech.processes import Program

__all__ = ["Background", "Video", "burn", "check_colour", "probe", "still"]

_COLOUR = re.compile(r"#?[0-9A-Fa-f]{6}|[A-Za-z]+")
_BACKGROUND_RATE = 30
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "19", "-pix_fmt", "yuv420p")
# Letters on one colour: nothing moves, so that motion is not searched for, nor bits saved for later frames. With these
# tools the picture is closer to what was drawn than with those above, in less than half of the processor's time
# (benchmarks.burn). All frames are written, since a rate of
# about 12 a second, which is what leaving out repeated ones gives, may not be accepted where videos are posted.
_FLAT_H264 = (
    "-c:v", "libx264", "-preset", "ultrafast", "-qp", "24", "-pix_fmt", "yuv420p",
    "-x264-params", "cabac=1:8x8dct=1:partitions=i8x8,i4x4",
)  # fmt: skip
_AAC = ("-c:a", "aac", "-b:a", "160k")

# Players expect H.264 video with even width and height.
_CAPTIONED = ("crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0", "ass=captions.ass")

# Cinema 4K, in either orientation.
_LARGEST = (4096, 2304)
# With this many threads, frames waiting to be encoded take some 130 bytes per pixel.
_MEMORY, _MEMORY_OF_PIXEL = 500_000_000, 300
_THREADS = 4
_FASTEST_RATE = 120
_LONGEST_SECONDS = 12 * 3600
_GLANCE_SECONDS, _GLANCE_MEMORY = 60, 500_000_000
# Encoding may take this many times the length of the video.
_SLOWEST = 60
_SEEK_SECONDS = 600
# A video's last frame begins less than this before its end.
_LAST_MS = 500
_LACKING = re.compile(r"failed to find any fallback with glyph 0x([0-9A-Fa-f]+) ")
_HEADER = re.compile(rb"YUV4MPEG2 W(\d+) H(\d+) ")
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_SOUND = re.compile(r"^ +Stream #0:\d+.*?: Audio: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Video:
    """A video file: its displayed size in pixels, its length, and whether it has sound."""

    path: Path
    width: int
    height: int
    duration_ms: int
    has_audio: bool


@dataclass(frozen=True, slots=True)
class Background:
    """A plain background of one colour, in place of a video."""

    colour: str
    width: int
    height: int


def probe(path: Path) -> Video:
    """Return the properties of a video; its size is that of its first decoded frame.

    Raises:
        VideoError: the format is not supported, or the video has no picture, or is too large or too long.
    """
    if not path.is_file():
        raise VideoError(f"There is no video at {path}.")
    command = [ffmpeg(), "-v", "info", "-hide_banner", "-nostdin", "-threads", "1", *_source(path), "-map", "0:V:0"]
    command += ["-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "pipe:1"]
    with Program(command, fault=VideoError, seconds=_GLANCE_SECONDS, memory=_GLANCE_MEMORY) as program:
        header = _HEADER.match(program.run())
    if header is None and "max pixel" in program.stderr:
        raise VideoError(f"{path.name} is larger than {'x'.join(map(str, _LARGEST))} pixels; make it smaller first.")
    if header is None:
        raise VideoError(f"{path.name} is not a video that ffmpeg can read, or it has no picture.")
    log = program.stderr
    length = _DURATION.search(log)
    seconds = int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3]) if length else 0.0
    if seconds > _LONGEST_SECONDS:
        raise VideoError(f"{path.name} is longer than {_LONGEST_SECONDS // 3600} hours.")
    return Video(path, int(header[1]), int(header[2]), round(seconds * 1000), bool(_SOUND.search(log)))


def check_colour(colour: str) -> str:
    """Return the colour, if ffmpeg knows it: a name, or six hexadecimal digits.

    Raises:
        VideoError: ffmpeg does not know the colour.
    """
    if _COLOUR.fullmatch(colour):
        picture = ["-f", "lavfi", "-i", f"color=c={colour}:s=16x16:d=0.1"]
        command = [ffmpeg(), "-v", "quiet", "-nostdin", *picture, "-f", "null", "-"]
        with Program(command, fault=VideoError, seconds=_GLANCE_SECONDS, memory=_GLANCE_MEMORY) as program:
            program.run()
        if program.code == 0:
            return colour
    raise VideoError(f"{colour!r} is not a colour; expected a name such as navy, or #1A2B3C.")


def burn(
    picture: Video | Background,
    captions: str,
    audio: Path | None,
    duration_ms: int,
    target: Path,
    on_progress: Callable[[float], None] = lambda share: None,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Write an MP4 (H.264, AAC) with burned-in captions.

    Args:
        captions: the text of an ASS file.
        audio: the sound; None for the video's own.
        duration_ms: length of the audio; the last frame of a shorter video is held until the end.
        on_progress: called with the progress, 0 to 1.
        notify: called with a sentence if this machine has no font for some of the characters.

    Raises:
        VideoError: ffmpeg failed, the video has no frames, or this machine has no font.
    """
    length = duration_ms
    if isinstance(picture, Background):
        inputs, filters, encoder = _plain(picture, length), [], list(_FLAT_H264)
    else:
        length = max(length, picture.duration_ms)
        inputs, encoder = _source(picture.path), list(_H264)
        longer = (length - picture.duration_ms) / 1000
        filters = [f"tpad=stop_mode=clone:stop_duration={longer:.3f}"] if longer > 0 else []
    sound, audio_map = (source(audio, fault=VideoError), "1:a:0") if audio else ([], "0:a:0?")
    if length > _LONGEST_SECONDS * 1000:
        raise VideoError(f"{target.name} would be longer than {_LONGEST_SECONDS // 3600} hours.")
    with replacing(target) as partial:
        arguments = [
            "-progress", "pipe:1", *inputs, *sound, "-map", "0:V:0", "-map", audio_map,
            "-vf", ",".join([*filters, *_CAPTIONED]),
            # The length in a header is not trusted.
            "-t", str(_LONGEST_SECONDS), "-fpsmax", str(_FASTEST_RATE), "-threads", str(_THREADS),
            *encoder, *_AAC, "-movflags", "+faststart", "-f", "mp4", f"file:{partial.resolve()}",
        ]  # fmt: skip
        with _drawing(arguments, captions, picture, 600 + _SLOWEST * length / 1000) as program:
            frames = _follow(program, length, on_progress)
        _check_drawn(program, frames > 0, picture, notify)
        _check_written(partial, target)
    return target


def still(
    picture: Video | Background,
    captions: str,
    at_ms: int,
    target: Path,
    notify: Callable[[str], None] = lambda sentence: None,
) -> Path:
    """Write one frame of a video with its captions, as PNG.

    Args:
        captions: the text of an ASS file.
        at_ms: the time of the frame; after the video's end, its last frame is shown.
        notify: as in `burn`.

    Raises:
        VideoError: ffmpeg failed, there is no frame, or this machine has no font.
    """
    if isinstance(picture, Background):
        inputs = _plain(picture, 1000)
    else:
        late = 0 < picture.duration_ms <= at_ms
        seek = max(picture.duration_ms - _LAST_MS, 0) if late else at_ms
        inputs = ["-ss", f"{seek / 1000:.3f}", *_source(picture.path)]
    # What was sought has time 0, but the captions are those of its time in the video.
    filters = [f"setpts={at_ms / 1000:.3f}/TB", *_CAPTIONED]
    arguments = [*inputs, "-map", "0:V:0", "-vf", ",".join(filters), "-frames:v", "1"]
    with _drawing(
        [*arguments, "-c:v", "png", "-f", "image2pipe", "pipe:1"], captions, picture, _SEEK_SECONDS
    ) as program:
        content = program.run()
    _check_drawn(program, bool(content), picture, notify)
    with replacing(target) as partial:
        partial.write_bytes(content)
    return target


@contextmanager
def _drawing(arguments: Sequence[str], captions: str, picture: Video | Background, seconds: float) -> Iterator[Program]:
    """Run ffmpeg where it finds the captions that its filter draws."""
    memory = _MEMORY + _MEMORY_OF_PIXEL * picture.width * picture.height
    command = [ffmpeg(), "-v", "warning", "-nostdin", "-y", "-threads", str(_THREADS), *arguments]
    with TemporaryDirectory() as folder:
        (Path(folder) / "captions.ass").write_text(captions, encoding="utf-8")
        with Program(command, fault=VideoError, seconds=seconds, memory=memory, folder=Path(folder)) as program:
            yield program


def _check_drawn(
    program: Program, has_frames: bool, picture: Video | Background, notify: Callable[[str], None]
) -> None:
    """Check what ffmpeg and libass said.

    Raises:
        VideoError: there is no picture, or no font at all.
    """
    if program.code:
        raise VideoError(f"ffmpeg could not make the video: {program.complaint}")
    lacking = list(dict.fromkeys(int(code, 16) for code in _LACKING.findall(program.stderr)))
    # Glyph 0 is looked for where a style's font is not there, nor any other.
    if 0 in lacking:
        raise VideoError("This machine has no font to write captions with; install one, such as fonts-dejavu-core.")
    if not has_frames:
        raise VideoError(f"{_name(picture)} has no frames to write captions on.")
    if lacking:
        characters = " ".join(map(chr, lacking[:8])) + (" ..." if len(lacking) > 8 else "")
        notify(f"No font on this machine has {characters}; install one for this language, such as fonts-noto-cjk.")


def _plain(background: Background, duration_ms: int) -> list[str]:
    size = f"{background.width}x{background.height}"
    colour = f"color=c={background.colour}:s={size}:r={_BACKGROUND_RATE}:d={duration_ms / 1000:.3f}"
    return ["-f", "lavfi", "-i", colour]


def _check_written(partial: Path, target: Path) -> None:
    """Check for an error that ffmpeg may not report: a full disk at the end of the file.

    Raises:
        OSError: the file is incomplete.
    """
    try:
        probe(partial)
    except VideoError:
        space = shutil.disk_usage(partial.parent).free > partial.stat().st_size // 100
        code = errno.EIO if space else errno.ENOSPC
        raise OSError(code, os.strerror(code), str(target)) from None


def _source(path: Path) -> list[str]:
    return ["-max_pixels", str(math.prod(_LARGEST)), *source(path, AUDIO + VIDEO, VideoError)]


def _follow(program: Program, length_ms: int, on_progress: Callable[[float], None]) -> int:
    """Report ffmpeg's progress until it ends; return the number of frames it wrote."""
    frames, buffer = 0, b""
    for data in program.output():
        *lines, buffer = (buffer + data).split(b"\n")
        for line in lines:
            name, _, value = line.decode("ascii", "replace").strip().partition("=")
            if name == "frame" and value.isdigit():
                frames = int(value)
            elif name == "out_time_us" and value.isdigit():
                on_progress(min(int(value) / 1000 / max(length_ms, 1), 1.0))
    return frames


def _name(picture: Video | Background) -> str:
    return picture.path.name if isinstance(picture, Video) else "The background"
