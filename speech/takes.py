"""Takes: each chunk that an engine speaks is checked, and spoken again if it came out badly.

F5-TTS occasionally skips words, repeats them or races. A take is judged by its sound (finite samples, level,
clipping, silence, pace) and by how well the embedded aligner finds the chunk's words in it. A chunk with
problems is spoken again with the next seed, and the best take is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from speech.assembly import SILENT
from speech.audio import Samples, record
from speech.engines import ChunkProgress, Engine, SynthesisOptions
from speech.errors import SpeechError
from speech.scratch import scratch
from speech.text import Chunk
from speech.words import Word

__all__ = ["POLICY", "Score", "Take", "best", "notes"]

Score = Callable[[Samples, int, Chunk, str], float | None]
"""Returns how well a chunk's words are found in its samples, 0 to 1; None if that cannot be determined."""

POLICY = 1
"""Version of the rules by which takes are judged and chosen; it changes with them."""

# A chunk's score is the mean confidence of its worst quarter of words, because the mean over all words hardly
# falls when a third of them is missing. Below this, words are missing or wrong (measured by benchmarks/takes.py).
_LEAST_SCORE = 0.3

# Characters per second. People speak 10 to 20; outside these limits words were drawn out, skipped or raced.
_SLOWEST, _FASTEST = 4.0, 35.0
# A word or two have no pace: the silence around them counts for more than they do.
_FEWEST_LETTERS = 12
# In Chinese, Japanese and Korean each character is a syllable.
_DENSE = 3.0
_QUIETEST_DB = -50.0
_CLIPPED_SHARE = 0.01
_LONGEST_SILENCE_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class Take:
    """One attempt at speaking a chunk.

    Attributes:
        samples: the chunk's samples.
        seed: the seed of this take.
        problems: descriptions of what is wrong with the take.
        score: how well the words were found, 0 to 1; None if that was not measured.
        tries: the number of takes of this chunk.
    """

    samples: Samples = field(repr=False)
    seed: int
    problems: tuple[str, ...] = ()
    score: float | None = None
    tries: int = 1


def best(
    engine: Engine,
    chunks: Sequence[Chunk],
    options: Sequence[SynthesisOptions],
    *,
    retakes: int = 2,
    on_progress: ChunkProgress | None = None,
    score: Score | None = None,
    keep: Callable[[int, Take], None] | None = None,
) -> list[Take]:
    """Speak chunks, check each of them, and return the best take of each.

    Args:
        options: how to speak each chunk.
        retakes: how often a chunk may be spoken again; deterministic engines get one take only.
        on_progress: called for the first takes only.
        score: judges the words, 0 to 1; by default the embedded aligner.
        keep: called with the index of a chunk and its best take as soon as that is settled.

    Raises:
        EngineError: the engine failed.
    """
    judge = score or _score_by_alignment

    def take(indices: Sequence[int], number: int, on_progress: ChunkProgress | None) -> dict[int, Take]:
        varied = {index: replace(options[index], seed=_next(options[index].seed, number)) for index in indices}
        recordings = _speak(engine, {index: (chunks[index].spoken, varied[index]) for index in indices}, on_progress)
        return {index: _judge(recordings[index], engine, chunks[index], varied[index], judge) for index in indices}

    best_takes: dict[int, Take] = {}
    retried: Sequence[int] = range(len(chunks))
    last = retakes if engine.is_stochastic else 0
    for number in range(last + 1):
        for index, other in take(retried, number, None if number else on_progress).items():
            chosen = min(best_takes[index], other, key=_badness) if index in best_takes else other
            best_takes[index] = replace(chosen, tries=number + 1)
            if keep and (number == last or not chosen.problems):
                keep(index, best_takes[index])
        retried = [index for index in retried if best_takes[index].problems]
        if not retried:
            break
    return [best_takes[index] for index in range(len(chunks))]


def _speak(
    engine: Engine, pieces: Mapping[int, tuple[str, SynthesisOptions]], on_progress: ChunkProgress | None
) -> dict[int, Samples]:
    """Speak pieces of text, those with the same options together."""
    alike: dict[SynthesisOptions, list[int]] = {}
    for index, (_, options) in pieces.items():
        alike.setdefault(options, []).append(index)
    recordings: dict[int, Samples] = {}
    for options, indices in alike.items():
        before = len(recordings)
        report = (lambda done, _, before=before: on_progress(before + done, len(pieces))) if on_progress else None
        batch = engine.synthesize([pieces[index][0] for index in indices], options, report)
        recordings |= zip(indices, batch, strict=True)
    return recordings


def _next(seed: int, number: int) -> int:
    """Return the seed of a take; it stays in the range that a request allows."""
    return (seed + number - 1) % 2_147_483_647 + 1


def _judge(samples: Samples, engine: Engine, chunk: Chunk, options: SynthesisOptions, score: Score) -> Take:
    inaudible, problems = _faults(samples, engine.rate, chunk, options)
    if not engine.is_stochastic or inaudible:
        return Take(samples, options.seed, tuple(problems))
    words_score = score(samples, engine.rate, chunk, options.language)
    if words_score is not None and words_score < _LEAST_SCORE:
        problems.append(f"its words were hardly found in it (score {words_score:.2f})")
    return Take(samples, options.seed, tuple(problems), words_score)


def _faults(samples: Samples, rate: int, chunk: Chunk, options: SynthesisOptions) -> tuple[bool, list[str]]:
    """Check the sound regardless of the words; return whether it is inaudible, and its problems."""
    if not chunk.spoken:
        return True, []
    if not len(samples) or not np.isfinite(samples).all():
        return True, ["it holds no valid samples"]
    faults = []
    level = 10 * np.log10(float(np.mean(np.square(samples))) + 1e-12)
    if level < _QUIETEST_DB:
        return True, [f"it is nearly silent ({level:.0f} dB)"]
    if (clipped := float(np.mean(np.abs(samples) >= 0.999))) > _CLIPPED_SHARE:
        faults.append(f"{clipped:.0%} of it is clipped")
    loud = np.flatnonzero(np.abs(samples) > SILENT)
    pauses = np.diff(loud, prepend=0, append=len(samples)) / rate
    if pauses.max() > _LONGEST_SILENCE_SECONDS / min(options.speed, 1):
        faults.append(f"it holds {pauses.max():.1f} s of silence")
    weight = _DENSE if options.language in ("zh", "ja", "ko") else 1.0
    pace = len(chunk.spoken) * weight / (len(samples) / rate) / options.speed
    letters = sum(map(str.isalnum, chunk.spoken)) * weight
    if letters >= _FEWEST_LETTERS and not _SLOWEST <= pace <= _FASTEST:
        faults.append(f"its pace is {pace:.0f} characters a second")
    return False, faults


def _badness(take: Take) -> tuple[bool, int, float]:
    # A take that is inaudible has no score; it is worse than any take that has one.
    return bool(take.problems) and take.score is None, len(take.problems), -(take.score or 0.0)


def _score_by_alignment(samples: Samples, rate: int, chunk: Chunk, language: str) -> float | None:
    """Score a chunk by the embedded aligner; None if espeak-ng is missing or the alignment fails."""
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
    """Return the mean confidence of the quarter of words with the lowest confidence."""
    certain = sorted(word.confidence for word in words)
    return float(np.mean(certain[: max(1, len(certain) // 4)]))


def notes(takes: Sequence[Take], chunks: Sequence[Chunk]) -> list[str]:
    """Return notes for the user about the takes that were kept."""
    notes = []
    for number, (take, chunk) in enumerate(zip(takes, chunks, strict=True), 1):
        if take.problems:
            best = f"is the best of {take.tries} takes, but" if take.tries > 1 else "is doubtful:"
            words = " ".join(chunk.text.split())
            notes.append(f"Chunk {number} ({words[:40]!r}) {best} {'; '.join(take.problems)}.")
    if retries := sum(take.tries - 1 for take in takes if not take.problems):
        notes.append(f"{retries} takes came out badly and were spoken again.")
    return notes
