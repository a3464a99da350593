"""Videos with captions in the picture, made by ffmpeg and libass."""

from __future__ import annotations

import errno
import math
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from speech.errors import VideoError
from speech.files import replacing
from speech.media import AUDIO, VIDEO, ffmpeg, source
from speech.processes import Program

__all__ = ["Background", "Video", "burn", "check_colour", "probe"]

_COLOUR = re.compile(r"#?[0-9A-Fa-f]{6}|[A-Za-z]+")
_BACKGROUND_RATE = 30
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "19", "-pix_fmt", "yuv420p")
_AAC = ("-c:a", "aac", "-b:a", "160k")

# 4K as cinemas have it, either way up.
_LARGEST = (4096, 2304)
# Frames that wait to be encoded take some 130 bytes a pixel with so many threads.
_MEMORY, _MEMORY_OF_PIXEL = 500_000_000, 300
_THREADS = 4
_FASTEST_RATE = 120
_LONGEST_SECONDS = 12 * 3600
_GLANCE_SECONDS, _GLANCE_MEMORY = 60, 500_000_000
# Encoding may take this many times as long as what is shown.
_SLOWEST = 60
_HEADER = re.compile(rb"YUV4MPEG2 W(\d+) H(\d+) ")
_DURATION = re.compile(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_SOUND = re.compile(r"^ +Stream #0:\d+.*?: Audio: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Video:
    """A video file: its picture in pixels as it is shown, its length, and whether it has sound."""

    path: Path
    width: int
    height: int
    duration_ms: int
    has_audio: bool


@dataclass(frozen=True, slots=True)
class Background:
    """A picture of one colour instead."""

    colour: str
    width: int
    height: int


def probe(path: Path) -> Video:
    """What a video is: its size is that of its first frame, as it is decoded.

    Raises:
        VideoError: it is of no kind that is taken, has no picture, or is too large or too long.
    """
    if not path.is_file():
        raise VideoError(f"There is no video at {path}.")
    command = [ffmpeg(), "-v", "info", "-hide_banner", "-nostdin", "-threads", "1", *_source(path), "-map", "0:V:0"]
    command += ["-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "pipe:1"]
    with Program(command, fault=VideoError, seconds=_GLANCE_SECONDS, memory=_GLANCE_MEMORY) as program:
        header = _HEADER.match(program.run())
    if header is None and "max pixel" in program.said:
        raise VideoError(f"{path.name} is larger than {'x'.join(map(str, _LARGEST))} pixels; make it smaller first.")
    if header is None:
        raise VideoError(f"{path.name} is not a video that ffmpeg can read, or it has no picture.")
    told = program.said
    length = _DURATION.search(told)
    seconds = int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3]) if length else 0.0
    if seconds > _LONGEST_SECONDS:
        raise VideoError(f"{path.name} is longer than {_LONGEST_SECONDS // 3600} hours.")
    return Video(path, int(header[1]), int(header[2]), round(seconds * 1000), bool(_SOUND.search(told)))


def check_colour(colour: str) -> str:
    """A colour that ffmpeg knows: a name, or six hexadecimal digits.

    Raises:
        VideoError: it is none.
    """
    if _COLOUR.fullmatch(colour):
        picture = ["-f", "lavfi", "-i", f"color=c={colour}:s=16x16:d=0.1"]
        command = [ffmpeg(), "-v", "quiet", "-nostdin", *picture, "-f", "null", "-"]
        with Program(command, fault=VideoError, seconds=_GLANCE_SECONDS, memory=_GLANCE_MEMORY) as program:
            program.run()
        if program.code == 0:
            return colour
    raise VideoError(f"--background: {colour!r} is not a colour; expected a name such as navy, or #1A2B3C.")


def burn(
    picture: Video | Background,
    captions: str,
    audio: Path | None,
    duration_ms: int,
    target: Path,
    tell: Callable[[float], None] = lambda share: None,
) -> Path:
    """Write an MP4 (H.264, AAC) with the captions in its picture.

    Args:
        captions: the text of an ASS file.
        audio: what is heard; None for the video's own sound.
        duration_ms: of the audio; the last frame of a shorter video stands still until its end.
        tell: called with the share that is done, 0 to 1.

    Raises:
        VideoError: ffmpeg cannot, the video has no frames, or this machine has no font.
    """
    length = duration_ms
    if isinstance(picture, Background):
        size = f"{picture.width}x{picture.height}"
        colour = f"color=c={picture.colour}:s={size}:r={_BACKGROUND_RATE}:d={length / 1000:.3f}"
        shown, filters = ["-f", "lavfi", "-i", colour], []
    else:
        length = max(length, picture.duration_ms)
        shown = _source(picture.path)
        longer = (length - picture.duration_ms) / 1000
        filters = [f"tpad=stop_mode=clone:stop_duration={longer:.3f}"] if longer > 0 else []
    # H.264 as every player takes it has an even number of pixels each way.
    filters += ["crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0", "ass=captions.ass"]
    sound, heard = (source(audio, fault=VideoError), "1:a:0") if audio else ([], "0:a:0?")
    if length > _LONGEST_SECONDS * 1000:
        raise VideoError(f"{target.name} would be longer than {_LONGEST_SECONDS // 3600} hours.")
    with TemporaryDirectory() as folder, replacing(target) as partial:
        (Path(folder) / "captions.ass").write_text(captions, encoding="utf-8")
        command = [
            ffmpeg(), "-v", "warning", "-nostdin", "-y", "-progress", "pipe:1", "-threads", str(_THREADS),
            *shown, *sound, "-map", "0:V:0", "-map", heard, "-vf", ",".join(filters),
            # What a header tells of its length is not believed.
            "-t", str(_LONGEST_SECONDS), "-fpsmax", str(_FASTEST_RATE), "-threads", str(_THREADS),
            *_H264, *_AAC, "-movflags", "+faststart", "-f", "mp4", f"file:{partial.resolve()}",
        ]  # fmt: skip
        memory = _MEMORY + _MEMORY_OF_PIXEL * picture.width * picture.height
        with Program(
            command, fault=VideoError, seconds=600 + _SLOWEST * length / 1000, memory=memory, folder=Path(folder)
        ) as program:
            frames = _follow(program, length, tell)
        log = program.said
        if program.code:
            raise VideoError(f"ffmpeg could not make the video: {program.complaint}")
        # Asked for no letter in particular, so there is none.
        if "failed to find any fallback with glyph 0x0 " in log:
            raise VideoError("This machine has no font to write captions with; install one, such as fonts-dejavu-core.")
        if not frames:
            raise VideoError(f"{_name(picture)} has no frames to write captions on.")
        _check_written(partial, target)
    return target


def _check_written(partial: Path, target: Path) -> None:
    """Find out what ffmpeg may not tell: that there was no room for the end of the file.

    Raises:
        OSError: the file is not whole.
    """
    try:
        probe(partial)
    except VideoError:
        room = shutil.disk_usage(partial.parent).free > partial.stat().st_size // 100
        code = errno.EIO if room else errno.ENOSPC
        raise OSError(code, os.strerror(code), str(target)) from None


def _source(path: Path) -> list[str]:
    return ["-max_pixels", str(math.prod(_LARGEST)), *source(path, AUDIO + VIDEO, VideoError)]


def _follow(program: Program, length_ms: int, tell: Callable[[float], None]) -> int:
    """Tell how far ffmpeg is until its end; how many frames it made."""
    frames, held = 0, b""
    for data in program.output():
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            name, _, value = line.decode("ascii", "replace").strip().partition("=")
            if name == "frame" and value.isdigit():
                frames = int(value)
            elif name == "out_time_us" and value.isdigit():
                tell(min(int(value) / 1000 / max(length_ms, 1), 1.0))
    return frames


def _name(picture: Video | Background) -> str:
    return picture.path.name if isinstance(picture, Video) else "The background"
