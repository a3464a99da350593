"""Reading recordings and videos from untrusted sources.

A file's format is recognized by its first bytes against a list, before any decoder sees it; its name is ignored.
Only a plain WAV file (a 44-byte header, then samples) is read in this process. Everything else is decoded by
ffmpeg in a child process. That process is given the format, may read no other file, has only the decoders listed
here, and is limited in memory and time. No claim in a header is trusted.
"""

from __future__ import annotations

import re
import shutil
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from speech.errors import AudioError, SpeechError
from speech.files import replacing
from speech.processes import Program

__all__ = [
    "AUDIO",
    "KINDS",
    "LONGEST_SECONDS",
    "VIDEO",
    "Frames",
    "Plain",
    "Sound",
    "admit",
    "ffmpeg",
    "mixed",
    "open_audio",
    "source",
]

Frames = npt.NDArray[np.int16]
"""16-bit samples: one row per frame, one column per channel."""

LONGEST_SECONDS = 24 * 3600
"""A day of speech; a WAV file cannot hold much more either."""
LEAST_RATE, MOST_RATE = 4_000, 192_000
MOST_CHANNELS = 8

# Memory limit of a decoder in bytes; an index of a day's packets takes a tenth of it.
_MEMORY = 400_000_000
# Limit of one allocation in bytes; the largest legitimate one is a picture stored with the sound.
_LARGEST_ALLOCATION = 100_000_000
# Fonts and subtitles count as streams too.
_MOST_STREAMS = 256
# Time limit of a decoder: a minute, plus a 24th of the maximum length. Even a decoder a hundred times slower
# than usual is faster than real time.
_PATIENCE_SECONDS, _SPEED = 60, 24
_BLOCK_SECONDS = 30
_BLOCK_SAMPLES = 4_000_000
_HEAD = 1024
_PLAIN = re.compile(rb"RIFF....WAVEfmt \x10\x00{3}\x01\x00(..)(....).{6}\x10\x00data(....)", re.DOTALL)
_WAV_BYTES = 2**32 - 100


@dataclass(frozen=True, slots=True)
class Kind:
    """A file format.

    Attributes:
        name: the name for people.
        demuxer: the name of ffmpeg's demuxer.
        start: pattern of the file's first bytes.
    """

    name: str
    demuxer: str
    start: re.Pattern[bytes]


def _kind(name: str, demuxer: str, start: bytes) -> Kind:
    return Kind(name, demuxer, re.compile(start, re.DOTALL))


# None of these refers to other files, as playlists do. QuickTime references could, but ffmpeg ignores them by default.
KINDS = (
    _kind("WAV", "wav", rb"(RIFF|RF64)....WAVE"),
    _kind("AIFF", "aiff", rb"FORM....AIF[FC]"),
    _kind("CAF", "caf", rb"caff\x00\x01"),
    _kind("FLAC", "flac", rb"fLaC"),
    _kind("Ogg", "ogg", rb"OggS\x00"),
    _kind("MP4 (M4A, MOV, 3GP)", "mov", rb"....(ftyp|moov|mdat|free|skip|wide|pnot)"),
    _kind("Matroska (MKV, WebM)", "matroska", rb"\x1a\x45\xdf\xa3"),
    _kind("AVI", "avi", rb"RIFF....AVI[ \x19]"),
    _kind("ASF (WMA, WMV)", "asf", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"),
    _kind("AMR", "amr", rb"#!AMR(-WB)?\n"),
    _kind("MPEG-TS", "mpegts", rb"\x47.{187}\x47.{187}\x47"),
    _kind("AAC", "aac", rb"\xff[\xf0\xf1\xf8\xf9]"),
    # Sync word, one of three versions, one of three layers, no reserved rate.
    _kind("MP3", "mp3", rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff][^\xf0-\xff]"),
)
_MP3 = KINDS[-1]

# The decoders that may be used, by ffmpeg's names; both names where builds differ.
AUDIO = (
    "aac", "aac_latm", "ac3", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amrnb", "amrwb", "dca", "eac3",
    "flac", "gsm", "gsm_ms", "libspeex", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "opus", "pcm_alaw",
    "pcm_f32be", "pcm_f32le", "pcm_f64be", "pcm_f64le", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "pcm_s24be",
    "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s8", "pcm_u8", "speex", "truehd", "vorbis", "wmalossless", "wmapro",
    "wmav1", "wmav2", "wmavoice",
)  # fmt: skip
VIDEO = (
    "av1", "dnxhd", "ffv1", "h263", "h264", "hevc", "libaom-av1", "libdav1d", "mjpeg", "mpeg1video", "mpeg2video",
    "mpeg4", "msmpeg4", "msmpeg4v2", "png", "prores", "qtrle", "rawvideo", "theora", "vc1", "vp8", "vp9", "wmv1",
    "wmv2", "wmv3",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sound:
    """The audio of an open file.

    Attributes:
        rate: sample rate in hertz, from 4,000 to 192,000.
        channels: number of channels, 1 to 8.
        blocks: the samples, in blocks of at most half a minute.
    """

    rate: int
    channels: int
    blocks: Iterator[Frames]


@dataclass(frozen=True, slots=True)
class Plain:
    """A 16-bit WAV file with a minimal header, as this project writes them."""

    path: Path
    rate: int
    channels: int
    frames: int

    @classmethod
    def find(cls, path: Path) -> Plain | None:
        """Return the file, or None if it is not plain or has no samples; rate and channels are not checked."""
        with path.open("rb") as file:
            match = _PLAIN.match(file.read(44))
        if match is None:
            return None
        channels, rate, size = (int.from_bytes(field, "little") for field in match.groups())
        frames = min(size, path.stat().st_size - 44) // (2 * max(channels, 1))
        return cls(path, rate, channels, frames) if frames else None

    def read(self, first: int = 0, last: int | None = None) -> Iterator[Frames]:
        """Yield the frames from `first` up to, but not including, `last`, in blocks."""
        with self.path.open("rb") as file:
            file.seek(44 + first * self.channels * 2)
            remaining = max(min(self.frames if last is None else last, self.frames) - first, 0)
            while remaining and (
                raw := file.read(min(remaining, _block_frames(self.rate, self.channels)) * self.channels * 2)
            ):
                block = _shaped(raw, "<i2", self.channels)
                remaining -= len(block)
                yield block


def ffmpeg() -> str:
    """Return the path of the system's ffmpeg, else of the one bundled with imageio-ffmpeg."""
    program = shutil.which("ffmpeg")
    if program:
        return program
    from imageio_ffmpeg import get_ffmpeg_exe

    return str(get_ffmpeg_exe())


def source(path: Path, decoders: tuple[str, ...] = AUDIO, fault: type[SpeechError] = AudioError) -> list[str]:
    """Return ffmpeg's command-line arguments for a file as input.

    Raises:
        SpeechError: the format is not supported; raised as the class `fault`.
    """
    demuxer = _find(path, fault).demuxer
    return [
        "-protocol_whitelist", "file", "-format_whitelist", demuxer, "-codec_whitelist", ",".join(decoders),
        "-max_alloc", str(_LARGEST_ALLOCATION), "-max_streams", str(_MOST_STREAMS),
        "-f", demuxer, "-i", f"file:{path.resolve()}",
    ]  # fmt: skip


@contextmanager
def open_audio(path: Path, seconds: float = LONGEST_SECONDS) -> Iterator[Sound]:
    """Open the first audio stream of a file. A truncated file is read as far as it goes.

    Args:
        seconds: the maximum length.

    Raises:
        AudioError: the file is missing, empty or too long, or its format, rate or number of channels is not
            supported. This may also be raised while the blocks are read.
    """
    if not path.is_file():
        raise AudioError(f"There is no recording at {path}.")
    if plain := _plain(path):
        _check(plain.rate, plain.channels, path.name)
        if plain.frames > seconds * plain.rate:
            raise _too_long(path.name, seconds)
        yield Sound(plain.rate, plain.channels, plain.read())
        return
    with _decoder(path, seconds) as program:
        yield _decode(program, path.name, seconds)


def admit(path: Path, folder: Path, *, mono: bool = True, seconds: float = LONGEST_SECONDS) -> Path:
    """Convert a recording to a plain WAV file, which can be read repeatedly; a plain WAV file is returned as it is.

    Args:
        folder: the folder for the WAV file, which keeps the recording's name.
        mono: whether to mix the channels.

    Raises:
        AudioError: see `open_audio`; or the result would exceed the size limit of a WAV file.
    """
    with open_audio(path, seconds) as sound:
        if _plain(path):
            return path
        target, written = folder / f"{path.stem}.wav", 0
        try:
            with replacing(target) as partial, wave.open(str(partial), "wb") as file:
                file.setnchannels(1 if mono else sound.channels)
                file.setsampwidth(2)
                file.setframerate(sound.rate)
                for block in sound.blocks:
                    raw = (mixed(block).round() if mono else block).astype("<i2").tobytes()
                    written += len(raw)
                    if written > _WAV_BYTES:
                        raise AudioError(f"{path.name} is larger than a WAV file can be once it is decoded: 4 GB.")
                    file.writeframesraw(raw)
        except OSError as fault:
            raise AudioError(f"{path.name} cannot be decoded into {folder}: {fault.strerror or fault}.") from None
    return target


def mixed(frames: Frames) -> npt.NDArray[np.float32]:
    """Average the channels, still in 16-bit units."""
    channels = frames.shape[1]
    # Several times as fast as numpy's mean over so few columns.
    mean: npt.NDArray[np.float32] = frames.astype(np.float32) @ np.full(channels, 1 / channels, np.float32)
    return mean


def _find(path: Path, fault: type[SpeechError]) -> Kind:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            tagged = head[:3] == b"ID3" and len(head) >= 10
            if tagged:
                # An ID3 tag may precede any format; each byte of its size holds seven bits.
                size = sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
                file.seek(10 + size)
                head = file.read(_HEAD)
    except OSError as error:
        raise fault(f"{path.name} cannot be read: {error.strerror or error}.") from None
    detected = next((kind for kind in KINDS if kind.start.match(head)), None)
    if tagged and (detected is None or detected.demuxer not in ("flac", "aac")):
        detected = _MP3
    if detected is None:
        accepted = ", ".join(kind.name for kind in KINDS)
        raise fault(f"{path.name} is not audio or video in a supported format: {accepted}.")
    return detected


def _plain(path: Path) -> Plain | None:
    try:
        return Plain.find(path)
    except OSError as fault:
        raise AudioError(f"{path.name} cannot be read: {fault.strerror or fault}.") from None


def _check(rate: int, channels: int, name: str) -> None:
    if not LEAST_RATE <= rate <= MOST_RATE:
        raise AudioError(f"{name} has {rate:,} samples a second; {LEAST_RATE:,} to {MOST_RATE:,} are supported.")
    if not 1 <= channels <= MOST_CHANNELS:
        raise AudioError(f"{name} has {channels} channels; 1 to {MOST_CHANNELS} are supported.")


def _too_long(name: str, seconds: float) -> AudioError:
    limit = f"{seconds / 3600:g} hours" if seconds >= 7200 else f"{seconds / 60:g} minutes"
    return AudioError(f"{name} is longer than {limit}.")


def _block_frames(rate: int, channels: int) -> int:
    return max(min(rate * _BLOCK_SECONDS, _BLOCK_SAMPLES // channels), 1)


def _decoder(path: Path, seconds: float) -> Program:
    command = [ffmpeg(), "-v", "error", "-hide_banner", "-nostdin", "-threads", "1", *source(path), "-map", "0:a:0"]
    return Program(
        # AU's header gives rate and channels but no length, which could be wrong.
        [*command, "-c:a", "pcm_s16be", "-f", "au", "pipe:1"],
        fault=AudioError,
        seconds=_PATIENCE_SECONDS + seconds / _SPEED,
        memory=_MEMORY,
    )


def _decode(program: Program, name: str, seconds: float) -> Sound:
    output, buffer = program.output(), bytearray()

    def more(size: int) -> bytes:
        """Read `size` bytes, or fewer at the end."""
        while len(buffer) < size and (data := next(output, b"")):
            buffer.extend(data)
        content = bytes(buffer[:size])
        del buffer[:size]
        return content

    def no_audio() -> AudioError:
        if "matches no streams" in program.stderr:
            return AudioError(f"{name} has no sound.")
        if program.code:
            return AudioError(f"{name} holds no sound that can be decoded: {program.complaint}")
        return AudioError(f"{name} holds no audio: its length is zero.")

    head = more(24)
    if len(head) < 24:
        raise no_audio()
    _, start, _, _, rate, channels = struct.unpack(">6I", head)
    _check(rate, channels, name)
    more(start - 24)

    def blocks() -> Iterator[Frames]:
        total = 0
        while len(block := _shaped(more(_block_frames(rate, channels) * channels * 2), ">i2", channels)):
            total += len(block)
            if total > seconds * rate:
                raise _too_long(name, seconds)
            yield block
        if not total:
            raise no_audio()
        if program.code is None or program.code < 0:
            raise AudioError(f"{name} cannot be decoded to its end: {program.complaint}")

    return Sound(rate, channels, blocks())


def _shaped(raw: bytes, form: str, channels: int) -> Frames:
    whole = len(raw) // (2 * channels) * 2 * channels
    return np.frombuffer(raw[:whole], form).reshape(-1, channels).astype(np.int16)
