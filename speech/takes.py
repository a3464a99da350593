"""Takes: what an engine made of each chunk is checked, and what came out badly is spoken again.

F5-TTS now and then skips words, repeats them or races. A take is judged by its sound (numbers that are
finite, level, clipping, silence, pace) and by how well the embedded aligner finds the chunk's own
words in it. What falls short is taken again with the next seed, and the best take is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from speech.audio import Samples, Span, record
from speech.engines import Engine, Progress, SynthesisOptions
from speech.errors import EngineError, SpeechError
from speech.scratch import scratch
from speech.text import Chunk
from speech.words import Word

__all__ = ["Speech", "Take", "synthesize"]

Score = Callable[[Samples, int, Chunk, str], float | None]
"""How well a chunk's words are found in its samples, 0 to 1; None where that cannot be told."""

# A chunk's score is the mean confidence of its worst quarter of words, for a mean over all hardly falls
# when a third is missing. Below this, words are missing or wrong (measured by benchmarks/takes.py).
_LEAST_SCORE = 0.3

# Characters a second: people speak 10 to 20; below or above, words were drawn out, skipped or raced.
_SLOWEST, _FASTEST = 4.0, 35.0
# Chinese, Japanese and Korean have a syllable a character.
_DENSE = 3.0
_QUIETEST_DB = -50.0
_CLIPPED_SHARE = 0.01
_LONGEST_SILENCE_SECONDS = 2.5
_SILENT = 10 ** (-45 / 20)


@dataclass(frozen=True, slots=True)
class Speech:
    """What was made.

    Attributes:
        samples: mono, within -1 and 1, of length n.
        rate: hertz, as the engine made them.
        spans: for each chunk its first and past-the-last sample.
        takes: for each chunk the take that was kept.
        notes: what the user should know.
    """

    samples: Samples
    rate: int
    spans: tuple[Span, ...]
    takes: tuple[Take, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Take:
    """One chunk as it was spoken once.

    Attributes:
        samples: of the chunk.
        seed: with which it was made.
        problems: what is wrong with it, in words.
        score: of its words, 0 to 1; None where nobody listened.
        tries: how many takes there were.
    """

    samples: Samples = field(repr=False)
    seed: int
    problems: tuple[str, ...] = ()
    score: float | None = None
    tries: int = 1


def synthesize(
    engine: Engine,
    chunks: Sequence[Chunk],
    options: SynthesisOptions,
    *,
    retakes: int = 2,
    progress: Progress | None = None,
    score: Score | None = None,
) -> Speech:
    """Speak chunks, check each, and join them.

    Args:
        retakes: how often a chunk may be spoken again; engines that do not vary are not asked again.
        score: judges the words, 0 to 1; by default the embedded aligner.

    Raises:
        EngineError: the engine failed, or what it made of a chunk are no numbers in every take.
    """

    def take(which: Sequence[int], number: int, tell: Progress | None) -> dict[int, Take]:
        how = replace(options, seed=_next(options.seed, number))
        made = engine.synthesize([chunks[index].spoken for index in which], how, tell)
        return {
            index: _judge(samples, engine, chunks[index], how, score or _heard)
            for index, samples in zip(which, made, strict=True)
        }

    best = take(range(len(chunks)), 0, progress)
    tries = dict.fromkeys(best, 1)
    for number in range(1, retakes + 1 if engine.is_stochastic else 1):
        again = [index for index, kept in best.items() if kept.problems]
        if not again:
            break
        for index, other in take(again, number, None).items():
            tries[index] += 1
            best[index] = min(best[index], other, key=_badness)
    kept = tuple(
        Take(one.samples, one.seed, one.problems, one.score, tries[index]) for index, one in sorted(best.items())
    )
    if broken := [index for index, one in enumerate(kept) if not np.isfinite(one.samples).all()]:
        raise EngineError(
            f"{engine.name} made no usable sound of chunk {broken[0] + 1}: {chunks[broken[0]].text[:80]!r}"
        )
    samples, spans = join([one.samples for one in kept], engine.overlap)
    return Speech(samples, engine.rate, spans, kept, tuple(_notes(kept, chunks)))


def join(pieces: Sequence[Samples], overlap: int) -> tuple[Samples, tuple[Span, ...]]:
    """One recording of pieces that fade into each other, and where each lies in it.

    A piece's span reaches to the middle of each of its fades. The fade is linear, as F5-TTS's own.
    """
    joined = [np.asarray(pieces[0], np.float32)]
    borders, end = [0], len(pieces[0])
    for piece in pieces[1:]:
        width = min(overlap, len(joined[-1]), len(piece))
        before = joined[-1]
        falling, rising = np.linspace(1, 0, width), np.linspace(0, 1, width)
        faded = (before[len(before) - width :] * falling + piece[:width] * rising).astype(np.float32)
        joined[-1] = before[: len(before) - width]
        joined += [faded, np.asarray(piece[width:], np.float32)]
        # The next fade must not reach into this one.
        borders.append(end - width + width // 2)
        end += len(piece) - width
    borders.append(end)
    return np.concatenate(joined), tuple(itertools.pairwise(borders))


def _next(seed: int, number: int) -> int:
    """The seed of a later take; seeds stay within what a request may name."""
    return (seed + number - 1) % 2_147_483_647 + 1


def _judge(samples: Samples, engine: Engine, chunk: Chunk, options: SynthesisOptions, score: Score) -> Take:
    mute, problems = _faults(samples, engine.rate, chunk, options)
    if not engine.is_stochastic or mute:
        return Take(samples, options.seed, tuple(problems))
    found = score(samples, engine.rate, chunk, options.language)
    if found is not None and found < _LEAST_SCORE:
        problems.append(f"its words were hardly found in it (score {found:.2f})")
    return Take(samples, options.seed, tuple(problems), found)


def _faults(samples: Samples, rate: int, chunk: Chunk, options: SynthesisOptions) -> tuple[bool, list[str]]:
    """What is wrong that can be heard without knowing the words, and whether there is nothing to be heard at all."""
    if not chunk.spoken:
        return True, []
    if not len(samples) or not np.isfinite(samples).all():
        return True, ["it is no sound at all"]
    found = []
    level = 10 * np.log10(float(np.mean(np.square(samples))) + 1e-12)
    if level < _QUIETEST_DB:
        return True, [f"it is nearly silent ({level:.0f} dB)"]
    if (clipped := float(np.mean(np.abs(samples) >= 0.999))) > _CLIPPED_SHARE:
        found.append(f"{clipped:.0%} of it is clipped")
    loud = np.flatnonzero(np.abs(samples) > _SILENT)
    pauses = np.diff(loud, prepend=0, append=len(samples)) / rate
    if pauses.max() > _LONGEST_SILENCE_SECONDS / min(options.speed, 1):
        found.append(f"it holds {pauses.max():.1f} s of silence")
    weight = _DENSE if options.language in ("zh", "ja", "ko") else 1.0
    pace = len(chunk.spoken) * weight / (len(samples) / rate) / options.speed
    if not _SLOWEST <= pace <= _FASTEST:
        found.append(f"its pace is {pace:.0f} characters a second")
    return False, found


def _badness(take: Take) -> tuple[bool, int, float]:
    # What cannot be heard has no score; it is worse than anything that has one.
    return bool(take.problems) and take.score is None, len(take.problems), -(take.score or 0.0)


def _heard(samples: Samples, rate: int, chunk: Chunk, language: str) -> float | None:
    from speech.alignment.embedded import Embedded
    from speech.engines.espeak import available

    if not available():
        return None
    with scratch() as folder:
        recording = record(samples, rate, (), Path(folder) / "take.wav", 16_000)
        try:
            words = Embedded().align(recording, [chunk], language)
        except SpeechError:
            return None
    return worst(words)


def worst(words: Sequence[Word]) -> float:
    """Mean confidence of the quarter of words that were found least."""
    certain = sorted(word.confidence for word in words)
    return float(np.mean(certain[: max(1, len(certain) // 4)]))


def _notes(kept: Sequence[Take], chunks: Sequence[Chunk]) -> list[str]:
    notes = []
    for number, (take, chunk) in enumerate(zip(kept, chunks, strict=True), 1):
        if take.problems:
            best = f"is the best of {take.tries} takes, but" if take.tries > 1 else "is doubtful:"
            notes.append(f"Chunk {number} ({chunk.text[:40]!r}) {best} {'; '.join(take.problems)}.")
    if again := sum(take.tries - 1 for take in kept if not take.problems):
        notes.append(f"{again} takes came out badly and were spoken again.")
    return notes
