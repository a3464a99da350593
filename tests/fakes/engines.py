"""Engines that do as they are told, garbling included."""

from __future__ import annotations

import numpy as np

from speech.engines.espeak import say


class Told:
    """What an engine has to have; says nothing for a tenth of a second for each chunk."""

    name = "told"
    clones = False
    is_stochastic = False
    rate = 8000
    overlap = 0

    def problem(self):
        return None

    def avoid_reason(self):
        return None

    def languages(self):
        return frozenset({"en"})

    def identity(self, options):
        return ()

    def max_chunk_chars(self, text, speed, reference):
        return 100

    def synthesize(self, chunks, options, on_progress=None):
        return [np.zeros(self.rate // 10, np.float32) for _ in chunks]


def _skip(text, speed):
    """Half of the words are missing."""
    words = text.split()
    return say(" ".join(words[: len(words) // 3]) + ".", "en").samples


OTHER = "Seven purple kettles were arguing about taxes in the attic."
GARBLED = {
    "skips": _skip,
    "says something else": lambda text, speed: say(OTHER, "en").samples,
    "is silent": lambda text, speed: np.zeros(40_000, np.float32),
    "is clipped": lambda text, speed: np.clip(say(text, "en").samples * 50, -1, 1),
    "races": lambda text, speed: say(text, "en", 450).samples[::2],
    "is no number": lambda text, speed: np.full(20_000, np.nan, np.float32),
    "stops in the middle": lambda text, speed: np.concatenate(
        [say(text, "en").samples[:20_000], np.zeros(70_000, np.float32), say(text, "en").samples[20_000:]]
    ),
}


class Garbling(Told):
    """Speaks well, but garbles a chunk as many times as it is told.

    Attributes:
        faults: for a chunk's text, how its first takes come out.
        seeds: the seed of each call, with the texts of that call.
    """

    name = "garbling"
    is_stochastic = True
    rate = 22_050
    overlap = 2205

    def __init__(self, faults=None):
        self.faults = {text: list(names) for text, names in (faults or {}).items()}
        self.seeds = []

    def synthesize(self, chunks, options, on_progress=None):
        self.seeds.append((options.seed, list(chunks)))
        made = []
        for chunk in chunks:
            names = self.faults.get(chunk)
            made.append(GARBLED[names.pop(0)](chunk, options.speed) if names else say(chunk, "en").samples)
        return made
