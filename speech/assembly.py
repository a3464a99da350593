"""Assembling chunks into one recording: faded into each other, or with silences between them, one after another.

Everything is counted in samples, so the position of each chunk is computed and never searched for.
"""

from __future__ import annotations

import numpy as np

from speech.audio import Samples, Span

__all__ = ["FADE_SECONDS", "REST_SECONDS", "SILENT", "Assembly"]

SILENT = 10 ** (-45 / 20)
"""Level below which samples count as silence."""

FADE_SECONDS = 0.01
"""How long a chunk fades at a silence."""

REST_SECONDS = 0.04
"""What is kept after the last loud sample: the end of a consonant or of a room's echo."""


class Assembly:
    """Joins chunks; holds no more than one of them.

    Attributes:
        spans: first and past-the-last sample of each chunk; complete after `finish`. Where two chunks fade into each
            other, the border is in the middle of the fade; a silence between them is part of neither.
    """

    def __init__(self, rate: int, overlap: int) -> None:
        """Start an assembly.

        Args:
            rate: sample rate in hertz.
            overlap: number of samples over which a chunk fades into the next one.
        """
        self.spans: list[Span] = []
        self._rate, self._overlap = rate, overlap
        self._pending: Samples | None = None
        self._position = self._start = 0

    def add(self, samples: Samples, pause_ms: int = 0) -> list[Samples]:
        """Add a chunk; return the samples that are finished.

        Args:
            pause_ms: silence before the chunk; 0 to fade the one before into it.
        """
        samples = np.asarray(samples, np.float32)
        silence = np.zeros(pause_ms * self._rate // 1000, np.float32)
        if self._pending is None:
            blocks = [silence]
            self._pending = _without_head(samples, self._rate) if pause_ms else samples
            self._start = len(silence)
        elif pause_ms:
            blocks = [_without_tail(self._pending, self._rate), silence]
            self.spans.append((self._start, self._position + len(blocks[0])))
            self._start = self._position + len(blocks[0]) + len(silence)
            self._pending = _without_head(samples, self._rate)
        else:
            blocks = self._fade(self._pending, samples)
        self._position += sum(map(len, blocks))
        return blocks

    def finish(self) -> list[Samples]:
        """Return the samples that were held."""
        if self._pending is None:
            return []
        self.spans.append((self._start, self._position + len(self._pending)))
        return [self._pending]

    def _fade(self, before: Samples, after: Samples) -> list[Samples]:
        """Fade two chunks into each other, linearly, like F5-TTS."""
        width = min(self._overlap, len(before), len(after))
        falling, rising = np.linspace(1, 0, width), np.linspace(0, 1, width)
        whole = len(before) - width
        faded = (before[whole:] * falling + after[:width] * rising).astype(np.float32)
        border = self._position + whole + width // 2
        self.spans.append((self._start, border))
        self._start = border
        # The faded part is finished, so that the next fade cannot reach into it.
        self._pending = after[width:]
        return [before[:whole], faded]


def _without_tail(samples: Samples, rate: int) -> Samples:
    """Cut the silence at the end, and fade out."""
    loud = np.flatnonzero(np.abs(samples) > SILENT)
    if not len(loud):
        return samples
    body = samples[: loud[-1] + 1 + round(REST_SECONDS * rate)].copy()
    width = min(round(FADE_SECONDS * rate), len(body))
    body[len(body) - width :] *= np.linspace(1, 0, width, dtype=np.float32)
    return body


def _without_head(samples: Samples, rate: int) -> Samples:
    """Cut the silence at the beginning, and fade in."""
    return _without_tail(samples[::-1], rate)[::-1]
