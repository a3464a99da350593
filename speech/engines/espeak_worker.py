"""The process that runs espeak-ng, and the only code that loads its library.

espeak-ng is GPL-3; it is loaded here, in a separate process, and reached over pipes. This file is run as
a script and never imported by the rest of the program.

The protocol has one request per line on standard input::

    {"text": "Hello there.", "voice": "en-us", "wpm": 160}

and for each request, on standard output, one JSON line followed by `bytes` bytes of 16-bit mono PCM::

    {"rate": 22050, "bytes": 47302, "words": [[0, 5, 0], [6, 5, 8873]]}

where a word is its first character, its length in characters and its first sample. A refused request is
answered with ``{"error": "..."}`` and no bytes. Each request runs in a fork of the initialised process:
espeak-ng keeps random state between calls, and only a fresh process gives the same samples every time.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from ctypes import POINTER, Structure, c_char, c_char_p, c_int, c_short, c_void_p
from pathlib import Path
from typing import Any

# The names and numbers of espeak-ng's speak_lib.h.
EVENT_WORD = 1
OUTPUT_SYNCHRONOUS = 2
INITIALIZE_DONT_EXIT = 0x8000
CHARS_UTF8 = 1
ENDPAUSE = 0x1000
PARAMETER_RATE = 1


class Event(Structure):
    _fields_ = [
        ("type", c_int),
        ("unique_identifier", c_int),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", c_char * 8),
    ]


AudioCallback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(Event))


class Library:
    """The initialised espeak-ng library; `say` may be called once per process (see the module's docstring)."""

    def __init__(self) -> None:
        import espeakng_loader

        data = str(Path(espeakng_loader.get_data_path()).parent).encode()
        self.library: Any = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        self.library.espeak_SetVoiceByName.argtypes = [c_char_p]
        self.rate: int = self.library.espeak_Initialize(OUTPUT_SYNCHRONOUS, 0, data, INITIALIZE_DONT_EXIT)
        if self.rate <= 0:
            raise RuntimeError("espeak-ng did not initialise")
        self.pcm: list[bytes] = []
        self.words: list[tuple[int, int, int]] = []
        self.callback = AudioCallback(self.collect)
        self.library.espeak_SetSynthCallback(self.callback)

    def collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self.pcm.append(ctypes.string_at(samples, count * 2))
        index = 0
        while events[index].type:
            event = events[index]
            if event.type == EVENT_WORD:
                self.words.append((event.text_position - 1, event.length, event.sample))
            index += 1
        return 0

    def say(self, text: str, voice: str, wpm: int) -> tuple[bytes, list[tuple[int, int, int]]]:
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self.library.espeak_SetParameter(PARAMETER_RATE, wpm, 0)
        raw = text.encode()
        if self.library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, CHARS_UTF8 | ENDPAUSE, None, None):
            raise RuntimeError("espeak-ng refused the text")
        self.library.espeak_Synchronize()
        return b"".join(self.pcm), self.words


def answer(library: Library, line: str) -> None:
    out = sys.stdout.buffer
    try:
        request = json.loads(line)
        pcm, words = library.say(request["text"], request["voice"], request["wpm"])
        head: dict[str, Any] = {"rate": library.rate, "bytes": len(pcm), "words": words}
    except Exception as fault:
        head, pcm = {"error": str(fault)}, b""
    out.write(json.dumps(head).encode() + b"\n")
    out.write(pcm)
    out.flush()


def main() -> None:
    library = Library()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            answer(library, line)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            sys.exit(1)


if __name__ == "__main__":
    main()
