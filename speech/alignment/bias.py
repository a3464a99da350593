"""The bias of an aligner: how late or early it places words, measured on speech with known word times.

Models trained with CTC place letters late: published ones typically by 33 to 59 ms, which is almost all
of their error. espeak-ng reports exactly where each word begins, so the median difference from its times
is subtracted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speech.audio import Samples, Span
from speech.text import Chunk, chunks

if TYPE_CHECKING:
    from speech.engines.espeak import Utterance

__all__ = ["NONE", "Bias", "measure", "starts_of"]

RATE = 16_000
_MIN_WORDS = 20
# A larger median or spread is not a bias: the model does not understand espeak-ng's voice.
_MAX_BIAS_MS = 120.0
_MAX_SPREAD_MS = 80.0

_TEXTS = {
    "en": (
        "The old lamp above the door was never lit before the rain had stopped.",
        "Nobody remembers how many letters were lost between the harbour and the hill.",
        "Bring the small table to the garden and put seven plates on it.",
        "Every morning the same train leaves without waiting for anyone.",
        "My brother bought a second map because the first one showed no rivers.",
        "When the music ended we could hear water falling behind the wall.",
    ),
    "de": (
        "Die alte Lampe über der Tür brannte nie, bevor der Regen aufhörte.",
        "Niemand weiß mehr, wie viele Briefe zwischen dem Hafen und dem Berg verloren gingen.",
        "Stell den kleinen Tisch in den Garten und sieben Teller darauf.",
        "Jeden Morgen fährt derselbe Zug ab, ohne auf jemanden zu warten.",
    ),
    "fr": (
        "La vieille lampe de la porte ne brillait jamais avant la fin de la pluie.",
        "Personne ne sait combien de lettres ont disparu entre le port et la colline.",
        "Apporte la petite table au jardin et pose sept assiettes dessus.",
        "Chaque matin le même train part sans attendre personne.",
    ),
    "es": (
        "La vieja lámpara de la puerta nunca brillaba antes de que parase la lluvia.",
        "Nadie recuerda cuántas cartas se perdieron entre el puerto y la colina.",
        "Lleva la mesa pequeña al jardín y pon siete platos encima.",
        "Cada mañana el mismo tren sale sin esperar a nadie.",
    ),
    "it": (
        "La vecchia lampada sopra la porta non brillava mai prima della fine della pioggia.",
        "Nessuno ricorda quante lettere si persero tra il porto e la collina.",
        "Porta il tavolo piccolo in giardino e metti sette piatti sopra.",
        "Ogni mattina lo stesso treno parte senza aspettare nessuno.",
    ),
    "nl": (
        "De oude lamp boven de deur brandde nooit voordat de regen was gestopt.",
        "Niemand weet hoeveel brieven er tussen de haven en de heuvel verloren gingen.",
        "Breng de kleine tafel naar de tuin en zet er zeven borden op.",
        "Elke ochtend vertrekt dezelfde trein zonder op iemand te wachten.",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Bias:
    """Milliseconds by which word starts and word ends are placed too late."""

    onset_ms: float
    offset_ms: float


NONE = Bias(0.0, 0.0)

Align = Callable[[Chunk, Samples], Sequence[Span | None]]
"""Returns the spans of a chunk's tokens, in milliseconds, given the chunk and samples of it at `RATE`."""


def measure(align: Align, language: str) -> Bias:
    """Measure the bias of an aligner on texts spoken by espeak-ng.

    A value is 0 if it cannot be measured: espeak-ng is not installed, there are no texts in this language,
    too few words were found, or the differences are too large or vary too much.
    """
    from speech.engines.espeak import available

    if language not in _TEXTS or not available():
        return NONE
    onsets, offsets = [], []
    for text in _TEXTS[language]:
        [chunk] = chunks(text, language)
        samples, starts = _speak(chunk, language)
        spans = align(chunk, samples)
        for index, (span, start) in enumerate(zip(spans, starts, strict=True)):
            if span is None or start is None:
                continue
            onsets.append(span[0] - start)
            following = starts[index + 1] if index + 1 < len(starts) else None
            # Without punctuation there is no pause, so the word ends where the next one begins.
            if following is not None and chunk.tokens[index].text[-1:].isalnum():
                offsets.append(span[1] - following)
    return Bias(_typical(onsets), _typical(offsets))


def _typical(differences: Sequence[float]) -> float:
    """Return the median, or 0 if there are too few differences, or they are too large or vary too much."""
    if len(differences) < _MIN_WORDS:
        return 0.0
    lower, middle, upper = statistics.quantiles(differences, n=4)
    return round(middle, 1) if abs(middle) <= _MAX_BIAS_MS and upper - lower <= _MAX_SPREAD_MS else 0.0


def _speak(chunk: Chunk, language: str) -> tuple[Samples, list[float | None]]:
    """Speak a chunk with espeak-ng; return its samples at `RATE` and the token starts (see `starts_of`)."""
    import soxr

    from speech.engines.espeak import say

    utterance = say(chunk.spoken, language)
    samples: Samples = soxr.resample(utterance.samples, utterance.rate, RATE)
    return samples, starts_of(chunk, utterance)


def starts_of(chunk: Chunk, utterance: Utterance) -> list[float | None]:
    """Return the start of each token in milliseconds as espeak-ng reports it; None for tokens without an event."""
    events = {position: 1000 * sample / utterance.rate for position, _, sample in reversed(utterance.words)}
    starts, at = [], 0
    for token in chunk.tokens:
        starts.append(events.get(at) if token.spoken else None)
        at += len(token.spoken + token.space) if token.spoken else 0
    return starts
