"""What an aligner hears late or early, measured on speech whose word times are known.

Models that were trained with CTC place letters late: +33 to +59 ms is the rule for published ones, and
almost all of their error. espeak-ng tells exactly where each word begins, so the median of the
difference is taken off.
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
_LEAST_WORDS = 20
# More than this is no bias but a model that does not hear espeak-ng.
_MOST_MS = 120.0
_MOST_SPREAD_MS = 80.0

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
    """Milliseconds by which starts and ends come too late."""

    onset_ms: float
    offset_ms: float


NONE = Bias(0.0, 0.0)

Align = Callable[[Chunk, Samples], Sequence[Span | None]]
"""The spans of a chunk's tokens in samples of it at `RATE`, in milliseconds."""


def measure(align: Align, language: str) -> Bias:
    """The bias of an aligner; none where it cannot be measured: no espeak-ng, no texts, too few words or too wide."""
    from speech.engines.espeak import available

    if language not in _TEXTS or not available():
        return NONE
    late, long = [], []
    for text in _TEXTS[language]:
        [chunk] = chunks(text, language)
        samples, starts = _spoken(chunk, language)
        spans = align(chunk, samples)
        for index, (span, start) in enumerate(zip(spans, starts, strict=True)):
            if span is None or start is None:
                continue
            late.append(span[0] - start)
            following = starts[index + 1] if index + 1 < len(starts) else None
            # A word ends where the next begins, unless a pause is between them.
            if following is not None and chunk.tokens[index].text[-1:].isalnum():
                long.append(span[1] - following)
    return Bias(_middle(late), _middle(long))


def _middle(differences: Sequence[float]) -> float:
    if len(differences) < _LEAST_WORDS:
        return 0.0
    lower, middle, upper = statistics.quantiles(differences, n=4)
    return round(middle, 1) if abs(middle) <= _MOST_MS and upper - lower <= _MOST_SPREAD_MS else 0.0


def _spoken(chunk: Chunk, language: str) -> tuple[Samples, list[float | None]]:
    """A chunk spoken by espeak-ng, and the milliseconds at which each token begins; None where it does not tell."""
    import soxr

    from speech.engines.espeak import say

    utterance = say(chunk.spoken, language)
    samples: Samples = soxr.resample(utterance.samples, utterance.rate, RATE)
    return samples, starts_of(chunk, utterance)


def starts_of(chunk: Chunk, utterance: Utterance) -> list[float | None]:
    """The milliseconds at which espeak-ng says that each token of a chunk begins; None where it does not tell."""
    events = {position: 1000 * sample / utterance.rate for position, _, sample in reversed(utterance.words)}
    starts, at = [], 0
    for token in chunk.tokens:
        starts.append(events.get(at) if token.spoken else None)
        at += len(token.spoken + token.space) if token.spoken else 0
    return starts
