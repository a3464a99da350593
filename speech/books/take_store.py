"""The takes in a store, each under a digest of everything that decides its samples, for all books together."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from speech.audio import Samples, Span
from speech.books.layout import audible
from speech.engines import Engine, SynthesisOptions
from speech.errors import NotText, StoreError
from speech.scratch import scratch
from speech.stores import Store, exists
from speech.takes import POLICY, Take
from speech.text import Token
from speech.words import Word

__all__ = ["TAKES", "WORDS", "TakeRecord", "TakeStore", "key_of", "reference_digest", "words_key"]

TAKES, WORDS = "takes/", "words/"
# Increase this when the trimming, judging or storing of takes changes.
_VERSION = 1
# Up to this many keys are looked up one by one; beyond that, all are listed.
_FEW = 200


@dataclass(frozen=True, slots=True)
class TakeRecord:
    """The record of a take.

    Attributes:
        rate: in hertz.
        length: in samples.
        audible: first and past-the-last sample that is louder than silence.
        seed, tries, score, problems: see `speech.takes.Take`; a problem says something.
        level: RMS of what is audible, in dBFS; None in records of earlier releases.
    """

    rate: Annotated[int, Field(ge=1)]
    length: Annotated[int, Field(ge=0)]
    audible: Span
    seed: int
    tries: int = 1
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    problems: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    level: Annotated[float, Field(allow_inf_nan=False)] | None = None


_RECORD = TypeAdapter(TakeRecord)


def key_of(engine: Engine, text: str, options: SynthesisOptions, reference: str | None, retakes: int) -> str:
    """Return the key of a take: a digest of everything that decides its samples.

    Args:
        reference: digest of the reference; see `reference_digest`.
        retakes: how often a chunk may be spoken again.
    """
    inputs: dict[str, Any] = {
        "version": _VERSION,
        "engine": [engine.name, *engine.identity(options)],
        "text": text,
        "language": options.language,
        "speed": round(options.speed, 6),
        "reference": reference,
        "speaker": options.speaker,
    }
    if engine.is_stochastic:
        inputs |= {"seed": options.seed, "retakes": retakes, "policy": POLICY}
    return _digest(json.dumps(inputs, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def words_key(key: str, tokens: Sequence[Token], method: str) -> str:
    """Return the key of a take's word times, which depend on how its words are written and on the aligner."""
    inputs = json.dumps([key, method, [[token.text, token.spoken, token.space] for token in tokens]])
    return _digest(inputs.encode())


def reference_digest(path: Path, text: str) -> str:
    """Return a digest of a reference: its recording and its transcript."""
    return _digest(path.read_bytes() + b"\x00" + text.encode())


class TakeStore:
    """The takes in a store: a FLAC file and, written after it, a record, so a take is there or it is not."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def present(self, keys: Collection[str]) -> set[str]:
        """Return those of the keys whose take is there."""
        return self._existing(TAKES, keys)

    def timed(self, keys: Collection[str]) -> set[str]:
        """Return those of the keys whose word times are there."""
        return self._existing(WORDS, keys)

    def put_words(self, key: str, words: Sequence[Word], method: str) -> None:
        """Keep the word times of a take, in milliseconds from its beginning."""
        times = [[word.start, word.end, word.confidence, word.interpolated] for word in words]
        self._store.write(_record_key(key, WORDS), json.dumps({"method": method, "words": times}), "application/json")

    def words(self, key: str, tokens: Sequence[Token]) -> tuple[Word, ...]:
        """Return the words of a take.

        Raises:
            NotFound: they are not there.
            StoreError: they are damaged.
        """
        try:
            times = json.loads(self._store.read(_record_key(key, WORDS)))["words"]
            return tuple(
                Word(token.text, start, end, confidence, interpolated, token.space)
                for token, (start, end, confidence, interpolated) in zip(tokens, times, strict=True)
            )
        except (NotText, ValueError, KeyError, TypeError) as fault:
            record_key = _record_key(key, WORDS)
            raise StoreError(f"The word times {record_key} are damaged ({fault}); delete them.") from None

    def _existing(self, folder: str, keys: Collection[str]) -> set[str]:
        requested = set(keys)
        if len(requested) <= _FEW:
            with ThreadPoolExecutor(16) as pool:
                results = pool.map(lambda key: exists(self._store, _record_key(key, folder)), requested)
                return {key for key, is_there in zip(requested, results, strict=True) if is_there}
        stored_keys = (entry.key for entry in self._store.list(folder))
        return {Path(key).stem for key in stored_keys if key.endswith(".json")} & requested

    def put(self, key: str, take: Take, rate: int) -> None:
        """Keep a take."""
        import soundfile

        first, last = audible(take.samples)
        power = float(np.mean(np.square(take.samples[first:last], dtype=np.float64))) if last > first else 0.0
        record = {
            "rate": rate, "length": len(take.samples), "audible": (first, last), "seed": take.seed,
            "tries": take.tries, "score": take.score, "problems": take.problems,
            "level": round(10 * math.log10(power + 1e-12), 2),
        }  # fmt: skip
        with scratch() as folder:
            path = Path(folder) / "take.flac"
            soundfile.write(path, np.clip(take.samples, -1, 1), rate, format="FLAC", subtype="PCM_16")
            self._store.put(_sound(key), path, "audio/flac")
        self._store.write(_record_key(key), json.dumps(record), "application/json")

    def records(self, keys: Sequence[str]) -> list[TakeRecord]:
        """Return the records of takes.

        Raises:
            NotFound: one of them is not there.
        """
        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(self._read_record, keys))

    def fetch(self, key: str, path: Path) -> None:
        """Fetch the sound of a take into a FLAC file.

        Raises:
            NotFound: it is not there.
        """
        self._store.get(_sound(key), path)

    def samples(self, key: str) -> Samples:
        """Return the samples of a take.

        Raises:
            NotFound: it is not there.
            StoreError: it is damaged.
        """
        import soundfile

        with scratch() as folder:
            path = Path(folder) / "take.flac"
            self.fetch(key, path)
            try:
                samples: Samples = soundfile.read(path, dtype="float32")[0]
            except soundfile.LibsndfileError as fault:
                raise StoreError(f"The take {key} is damaged ({fault}); delete {_record_key(key)}.") from None
        return samples

    def take(self, key: str) -> Take:
        """Return a take.

        Raises:
            NotFound: it is not there.
            StoreError: it is damaged.
        """
        record = self._read_record(key)
        return Take(self.samples(key), record.seed, record.problems, record.score, record.tries)

    def _read_record(self, key: str) -> TakeRecord:
        try:
            return _RECORD.validate_json(self._store.read(_record_key(key)))
        except (NotText, ValidationError) as fault:
            first = fault.errors(include_url=False)[0] if isinstance(fault, ValidationError) else None
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else fault
            raise StoreError(
                f"The record of the take {key} is damaged ({reason}); delete {_record_key(key)}."
            ) from None


def _record_key(key: str, folder: str = TAKES) -> str:
    return f"{folder}{key[:2]}/{key}.json"


def _sound(key: str) -> str:
    return f"{TAKES}{key[:2]}/{key}.flac"


def _digest(data: bytes) -> str:
    from blake3 import blake3

    return blake3(data).hexdigest()[:40]
