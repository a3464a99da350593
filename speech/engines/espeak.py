"""espeak-ng: the demo voice, and the reference of the embedded aligner, since its word times are exact.

The library is GPL-3 and runs in a separate process (see `espeak_worker`); this module only writes to
that process and reads from it.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

from speech.audio import Samples
from speech.engines import ChunkProgress, SynthesisOptions
from speech.errors import EngineError, EngineUnavailable
from speech.settings import bare_environment
from speech.voices import Reference

__all__ = ["Espeak", "Utterance", "available", "say", "voices"]

# espeak-ng's default pace is 175 words a minute; a little slower is easier to follow.
WORDS_PER_MINUTE = 165

# espeak-ng's name of each language for which it is not the ISO 639-1 code.
_VOICES = {"en": "en-us", "zh": "cmn", "no": "nb", "iw": "he", "tl": "fil"}


# Those of its variants that are told apart best, women's and men's by turns. Their pitch, measured: 200, 82, 223, 116,
# 172, 93, 181 and 103 Hz; that of the voice itself is 99 Hz.
_VARIANTS = ("f3", "m8", "belinda", "Mario", "f1", "Gene", "steph", "m7")

# Languages that it has a voice for but cannot read: it calls each kanji "Chinese letter", and leaves out most vowels of
# Thai and Burmese.
_UNREAD = {"ja", "th", "my"}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken text.

    Attributes:
        samples: mono, within -1 and 1.
        rate: hertz.
        words: first character, length in characters and first sample of each word event.
    """

    samples: Samples
    rate: int
    words: list[tuple[int, int, int]]


def available() -> bool:
    """Check whether the espeakng-loader wheel (extra `espeak`) is installed."""
    return importlib.util.find_spec("espeakng_loader") is not None


@cache
def voices() -> frozenset[str]:
    """Return the ISO 639-1 codes of the languages that espeak-ng can read."""
    if not available():
        return frozenset()
    import espeakng_loader

    names = set()
    for file in (Path(str(espeakng_loader.get_data_path())) / "lang").rglob("*"):
        if file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            names |= {line.split()[1].lower() for line in lines if line.startswith("language ")}
    languages = {name for name in names if len(name) == 2} | {code for code, voice in _VOICES.items() if voice in names}
    return frozenset(languages - _UNREAD)


def say(text: str, language: str, wpm: int = WORDS_PER_MINUTE, voice: str | None = None, speaker: int = 0) -> Utterance:
    """Speak one text; the same arguments always give the same samples.

    Args:
        language: ISO 639-1 code.
        wpm: words a minute, clamped to 80 to 450.
        voice: espeak-ng's own name of a voice; overrides `language`.
        speaker: 0 for the voice itself; each other number has a variant of it, and after eight they repeat.

    Raises:
        EngineUnavailable: the extra is not installed.
        EngineError: espeak-ng refused the text or the voice, or its process died twice.
    """
    name = voice or _VOICES.get(language, language)
    if speaker:
        name = f"{name}+{_VARIANTS[(speaker - 1) % len(_VARIANTS)]}"
    request = {"text": text, "voice": name, "wpm": min(max(wpm, 80), 450)}
    try:
        return _ask(request)
    except (BrokenPipeError, EOFError):
        _worker.stop()
    try:
        return _ask(request)
    except (BrokenPipeError, EOFError):
        raise EngineError("The espeak-ng process died twice on the same text.") from None


class Espeak:
    """The demo voice; implements `Engine`."""

    name = "espeak"
    clones = False
    is_stochastic = False
    rate = 22_050
    overlap = 0

    def problem(self) -> str | None:
        if available():
            return None
        return "The demo voice (espeak-ng) is not installed; run: pip install 'f5-flows[espeak]'"

    def avoid_reason(self) -> str | None:
        return None

    def languages(self) -> frozenset[str]:
        return voices()

    def max_chunk_chars(self, text: str, speed: float, reference: Reference | None) -> int:
        return 300

    def identity(self, options: SynthesisOptions) -> tuple[str | float, ...]:
        return _version(), WORDS_PER_MINUTE

    def synthesize(
        self, chunks: Sequence[str], options: SynthesisOptions, on_progress: ChunkProgress | None = None
    ) -> list[Samples]:
        recordings: list[Samples] = []
        for index, chunk in enumerate(chunks):
            wpm = round(WORDS_PER_MINUTE * options.speed)
            recordings.append(say(chunk, options.language, wpm, speaker=options.speaker).samples)
            if on_progress:
                on_progress(index + 1, len(chunks))
        return recordings


@cache
def _version() -> str:
    return metadata.version("espeakng-loader")


class _Worker:
    """This process's one espeak-ng process, started when it is first needed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, object]) -> tuple[dict[str, object], bytes]:
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                script = Path(__file__).with_name("espeak_worker.py")
                self.process = subprocess.Popen(
                    [sys.executable, str(script)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=bare_environment(),
                )
            assert self.process.stdin and self.process.stdout
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            if not line:
                raise EOFError
            head: dict[str, object] = json.loads(line)
            size = int(str(head.get("bytes", 0)))
            pcm = self.process.stdout.read(size)
            if len(pcm) < size:
                raise EOFError
            return head, pcm

    def stop(self) -> None:
        with self.lock:
            if self.process is not None:
                self.process.kill()
                self.process.communicate()
                self.process = None


_worker = _Worker()


def _ask(request: dict[str, object]) -> Utterance:
    if not available():
        raise EngineUnavailable(str(Espeak().problem()))
    head, pcm = _worker.ask(request)
    if "error" in head:
        raise EngineError(f"{head['error']}.")
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    words = [(int(first), int(length), int(sample)) for first, length, sample in head["words"]]  # type: ignore[attr-defined]
    return Utterance(samples, int(str(head["rate"])), words)
