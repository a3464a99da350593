"""Media files as no program writes them: small files of every kind, and what chance makes of them.

    python -m tests.mutations <folder of seeds> <kind, or bombs> <how many> [<seed of chance>]

reads mutations of one kind through the door and prints, as JSON, what came of them. The bombs are files made
by hand to take memory or time.
"""

import io
import itertools
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
from imageio_ffmpeg import get_ffmpeg_exe

from tests import PATIENCE

__all__ = ["KINDS", "mutations", "with_checksums", "write_seeds"]

TONE = ("-f", "lavfi", "-i", "sine=440:d=0.2:sample_rate=16000")
FILM = ("-f", "lavfi", "-i", "testsrc=s=48x32:r=10:d=0.2", *TONE, "-pix_fmt", "yuv420p")
# Files of each kind, and what makes them; AMR, which few can write, is written below.
KINDS = {
    "wav": {"a.wav": TONE, "float.wav": (*TONE, "-c:a", "pcm_f32le"), "ms.wav": (*TONE, "-c:a", "adpcm_ms")},
    "aiff": {"a.aiff": TONE},
    "caf": {"a.caf": TONE, "alac.caf": (*TONE, "-c:a", "alac")},
    "flac": {"a.flac": TONE},
    "ogg": {"vorbis.ogg": (*TONE, "-c:a", "libvorbis"), "opus.ogg": (*TONE, "-c:a", "libopus")},
    "mp4": {"a.m4a": TONE, "film.mp4": (*FILM, "-c:v", "libx264"), "film.mov": (*FILM, "-c:v", "mpeg4")},
    "matroska": {
        "a.webm": (*TONE, "-c:a", "libopus"),
        "film.mkv": (*FILM, "-c:v", "libx264", "-c:a", "libvorbis"),
    },
    "avi": {"film.avi": (*FILM, "-c:v", "mpeg4", "-c:a", "pcm_s16le"), "film2.avi": (*FILM, "-c:v", "mjpeg")},
    "asf": {"a.wma": TONE, "film.wmv": (*FILM, "-c:v", "wmv2", "-c:a", "wmav2")},
    "amr": {},
    "mpegts": {"film.ts": (*FILM, "-c:v", "libx264", "-c:a", "aac"), "film2.ts": (*FILM, "-c:v", "mpeg2video")},
    "aac": {"a.aac": TONE},
    "mp3": {"a.mp3": (*TONE, "-metadata", "title=Tone")},
}
CAPTIONS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Sans,10

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.00,0:00:05.00,Default,,0,0,0,,Words
"""
_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def write_seeds(folder):
    """The files that are mutated, in a folder for each kind."""
    for kind, files in KINDS.items():
        (folder / kind).mkdir()
        for name, how in files.items():
            command = [get_ffmpeg_exe(), "-v", "error", "-nostdin", *how, "-threads", "1", folder / kind / name]
            subprocess.run(command, check=True, timeout=PATIENCE)
    frames = b"".join(b"\x3c" + random.Random(7).randbytes(31) for _ in range(10))
    (folder / "amr" / "a.amr").write_bytes(b"#!AMR\n" + frames)


def mutations(seeds, others, chance):
    """Without end: a file's bytes with one to three faults."""
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 2, 3))):
            data = _mutated(data, others, chance) if data else data
        # What fails a checksum is thrown away before anything looks at it.
        yield with_checksums(data) if chance.random() < 0.8 else bytes(data)


def bombs(every):
    """Small files that tell of much: by name."""

    def told(seed, after, skipped, *numbers):
        """A seed in which the numbers of four bytes that follow some letters are others."""
        data = bytearray(every[seed])
        at = data.index(after) + len(after) + skipped
        for number in numbers:
            data[at : at + 4] = number.to_bytes(4, "little" if seed.endswith(("ogg", "avi", "wav")) else "big")
            at += 4
        return with_checksums(data)

    def silence(rate, channels, seconds):
        file = io.BytesIO()
        with soundfile.SoundFile(file, "w", rate, channels, "PCM_16", format="FLAC") as sound:
            for _ in range(seconds):
                sound.write(np.zeros((rate, channels), np.int16))
        return file.getvalue()

    most = 2**31 - 1
    return {
        "rate of Ogg": told("vorbis.ogg", b"\x01vorbis", 5, most),
        "rate of WAV": told("float.wav", b"fmt ", 8, most),
        "rate and channels of FLAC": silence(655_350, 8, 5),
        "as much as is taken": silence(192_000, 8, 60),
        "samples of MP4, all of one size": told("a.m4a", b"stsz", 4, 1, most),
        "samples of MP4 in one entry": told("a.m4a", b"stts", 8, most, 1),
        "samples of MP4 in one chunk": told("a.m4a", b"stsc", 8, 1, most),
        "entries of MP4's tables": told("a.m4a", b"stsz", 8, most),
        "rate of MP4": told("a.m4a", b"mdhd", 12, most, most),
        "picture of MP4": told("film.mp4", b"avc1", 24, most),
        "picture of AVI": told("film.avi", b"strf", 8, 65_535, 65_535),
        "picture of AVI as JPEG": told("film2.avi", b"strf", 8, 65_535, 65_535),
        "frames of AVI": told("film.avi", b"avih", 4, 1, most),
        "a tag of 256 MB": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(2_000_000),
        "a million chunks": b"RIFF\xff\xff\xff\xffWAVE" + b"junk\x00\x00\x00\x00" * 1_000_000,
        "a million boxes": b"\x00\x00\x00\x08free" * 1_000_000,
        "boxes in boxes": b"".join((2**31 - 8 * depth).to_bytes(4, "big") + b"moov" for depth in range(200_000)),
        "elements in elements": b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x3f" * 1_000_000,
        "pages without sound": every["opus.ogg"][:47] * 20_000,
        "packets without sound": every["film.ts"][:188] * 20_000,
    }


def with_checksums(data):
    """The same, with the checksums of Ogg's pages made anew."""
    data = bytearray(data)
    pages = [found.start() for found in re.finditer(b"OggS", data)]
    for first, end in itertools.pairwise([*pages, len(data)]):
        if end - first > 27:
            data[first + 22 : first + 26] = bytes(4)
            checksum = 0
            for byte in data[first:end]:
                checksum = (checksum << 8 & 0xFFFFFFFF) ^ _CHECKSUMS[checksum >> 24 ^ byte]
            data[first + 22 : first + 26] = checksum.to_bytes(4, "little")
    return bytes(data)


def _checksum(byte):
    checksum = byte << 24
    for _ in range(8):
        checksum = (checksum << 1 ^ (0x04C11DB7 if checksum >> 31 else 0)) & 0xFFFFFFFF
    return checksum


_CHECKSUMS = [_checksum(byte) for byte in range(256)]


def _mutated(data, others, chance):
    # Headers are where lies pay; they stand at the beginning, in MP4 files at the end.
    size = len(data)
    place = min(size, chance.choice((64, 64, 512, 512, size)))
    first = chance.randrange(place) if chance.random() < 0.9 else max(size - chance.randrange(1, 600), 0)
    length = chance.choice((1, 4, 16, 100, 1000))
    match chance.randrange(8):
        case 0:
            for _ in range(chance.choice((1, 3, 20))):
                data[chance.randrange(first, size) if chance.random() < 0.5 else first] ^= 1 << chance.randrange(8)
        case 1 | 2:
            width = chance.choice((1, 2, 4, 4, 8))
            value = chance.choice(_EXTREMES) & (256**width - 1)
            data[first : first + width] = value.to_bytes(width, chance.choice(("little", "big")))
        case 3:
            del data[first:]
        case 4:
            del data[first : first + length]
        case 5:
            data[first:first] = data[first : first + length] * chance.choice((1, 2, 50))
        case 6:
            data[first : first + length] = chance.randbytes(length)
        case 7:
            other = chance.choice(others)
            data[first:] = other[chance.randrange(len(other)) :]
    return data


def _main(folder, kind, number, seed):
    from speech.audio import blocks
    from speech.errors import SpeechError
    from speech.video import burn, probe

    every = {path: path.read_bytes() for path in sorted(folder.glob("*/*"))}
    seeds = [data for path, data in every.items() if path.parent.name == kind]
    chance = random.Random(f"{kind} {seed}")
    if kind == "bombs":
        made = bombs({path.name: data for path, data in every.items()})
        turns = [
            (*turn, *way)
            for turn in made.items()
            for way in itertools.product(("recording", "film", "burn"), (False, True))
        ]
    else:
        # The ffmpeg that comes with us starts five times as fast as the system's, which has its turn.
        ways = [
            ("burn" if turn % 50 == 9 else "film" if turn % 10 == 9 else "recording", turn % 7 == 6)
            for turn in range(number)
        ]
        made = itertools.islice(mutations(seeds, list(every.values()), chance), number)
        turns = ((turn, data, *way) for turn, (data, way) in enumerate(zip(made, ways, strict=True)))
    ends, worst, wrong = Counter(read=0, refused=0), (0.0, None), []
    with TemporaryDirectory() as place:
        ours, path = Path(place), Path(place) / "file"
        (ours / "bin").mkdir()
        (ours / "bin" / "ffmpeg").symlink_to(get_ffmpeg_exe())
        system = os.environ["PATH"]
        for turn, data, way, systems in turns:
            path.write_bytes(data)
            os.environ["PATH"] = system if systems else f"{ours / 'bin'}:{system}"
            began = time.monotonic()
            try:
                if way == "recording":
                    sum(len(block) for block in blocks(path, 16_000, seconds=600))
                else:
                    film = probe(path)
                    if way == "burn":
                        burn(film, CAPTIONS, None, min(film.duration_ms, 500), ours / "film.mp4")
                ends["read"] += 1
            except SpeechError as fault:
                ends["refused"] += 1
                if len(str(fault)) > 400 or str(ours) in str(fault):
                    wrong.append(f"{turn}: {fault}")
            except Exception as fault:
                wrong.append(f"{turn}: {type(fault).__name__}: {fault}")
            worst = max(worst, (time.monotonic() - began, f"{turn} as {way}"))
        left = [item.name for item in ours.iterdir() if item.name not in ("bin", "file", "film.mp4")]
    megabytes = [_peak() // 1000, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000]
    print(json.dumps({
        "kind": kind, **ends, "worst_seconds": round(worst[0], 2), "worst": worst[1], "megabytes": megabytes[0],
        "megabytes_of_ffmpeg": megabytes[1], "wrong": wrong, "left": left,
    }))  # fmt: skip


def _peak() -> int:
    """Kilobytes that this process has taken at most; rusage would count those of the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else "1")
