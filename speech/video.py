"""Videos with captions in the picture, made by ffmpeg and libass."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from speech.audio import complaint, ffmpeg
from speech.errors import VideoError
from speech.files import replacing

__all__ = ["Background", "Video", "burn", "check_colour", "probe"]

_COLOUR = re.compile(r"#?[0-9A-Fa-f]{6}|[A-Za-z]+")
_BACKGROUND_RATE = 30
_H264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "19", "-pix_fmt", "yuv420p")
_AAC = ("-c:a", "aac", "-b:a", "160k")


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
    """What a video is.

    Raises:
        VideoError: it is none, or has no picture.
    """
    import imageio_ffmpeg

    if not path.is_file():
        raise VideoError(f"There is no video at {path}.")
    frames = imageio_ffmpeg.read_frames(str(path.resolve()))
    try:
        about = next(frames)
    except (OSError, RuntimeError, StopIteration):
        raise VideoError(f"{path.name} is not a video that ffmpeg can read, or it has no picture.") from None
    finally:
        frames.close()
    width, height = about["source_size"]
    if about.get("rotate") in (90, 270, -90, -270):
        width, height = height, width
    return Video(path, width, height, round(about["duration"] * 1000), bool(about.get("audio_codec")))


def check_colour(colour: str) -> str:
    """A colour that ffmpeg knows: a name, or six hexadecimal digits.

    Raises:
        VideoError: it is none.
    """
    if _COLOUR.fullmatch(colour):
        source = f"color=c={colour}:s=16x16:d=0.1"
        tried = subprocess.run([ffmpeg(), "-v", "quiet", "-f", "lavfi", "-i", source, "-f", "null", "-"])
        if tried.returncode == 0:
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
        source, filters = ["-f", "lavfi", "-i", colour], []
    else:
        length = max(length, picture.duration_ms)
        source = ["-i", str(picture.path.resolve())]
        longer = (length - picture.duration_ms) / 1000
        filters = [f"tpad=stop_mode=clone:stop_duration={longer:.3f}"] if longer > 0 else []
    # H.264 as every player takes it has an even number of pixels each way.
    filters += ["crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0", "ass=captions.ass"]
    sound, heard = (["-i", str(audio.resolve())], "1:a:0") if audio else ([], "0:a:0?")
    with TemporaryDirectory() as folder, replacing(target) as partial:
        (Path(folder) / "captions.ass").write_text(captions, encoding="utf-8")
        command = [
            ffmpeg(), "-v", "warning", "-nostdin", "-y", "-progress", "pipe:1",
            *source, *sound, "-map", "0:v:0", "-map", heard, "-vf", ",".join(filters),
            *_H264, *_AAC, "-movflags", "+faststart", "-f", "mp4", str(partial.resolve()),
        ]  # fmt: skip
        frames, log = _run(command, Path(folder), length, tell)
        # Asked for no letter in particular, so there is none.
        if "failed to find any fallback with glyph 0x0 " in log:
            raise VideoError("This machine has no font to write captions with; install one, such as fonts-dejavu-core.")
        if not frames:
            raise VideoError(f"{_name(picture)} has no frames to write captions on.")
    return target


def _run(command: list[str], folder: Path, length_ms: int, tell: Callable[[float], None]) -> tuple[int, str]:
    """Run ffmpeg to its end; how many frames it made, and what it said."""
    frames, log = 0, folder / "log"
    with (
        log.open("wb") as said,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        assert process.stdout
        try:
            for line in process.stdout:
                name, _, value = line.strip().partition("=")
                if name == "frame":
                    frames = int(value)
                elif name == "out_time_us" and value.isdigit():
                    tell(min(int(value) / 1000 / max(length_ms, 1), 1.0))
        except BaseException:
            process.kill()
            raise
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode:
        raise VideoError(f"ffmpeg could not make the video: {complaint(text)}")
    return frames, text


def _name(picture: Video | Background) -> str:
    return picture.path.name if isinstance(picture, Video) else "The background"
