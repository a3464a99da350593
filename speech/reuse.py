"""Takes that a store has already: what was spoken once with the same words, voice and settings is not spoken again.

They are the takes that books keep (`speech.books.take_store`), so a request and a book find each other's.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from speech import takes
from speech.books.take_store import TakeStore, key_of, reference_digest
from speech.engines import ChunkProgress, Engine, SynthesisOptions
from speech.errors import StoreError
from speech.stores import Store
from speech.takes import Score, Take
from speech.text import Chunk

__all__ = ["best"]

_HANDS = 16


def best(
    engine: Engine,
    chunks: Sequence[Chunk],
    options: Sequence[SynthesisOptions],
    *,
    store: Store,
    retakes: int = 2,
    on_progress: ChunkProgress | None = None,
    score: Score | None = None,
) -> list[Take]:
    """Return the best take of each chunk as `speech.takes.best` does, from a store where it is there; keep the others.

    A take that is damaged or gone counts as one that is not there.

    Raises:
        EngineError: the engine failed; the takes that were finished before are kept.
        StoreError: a new take cannot be stored.
    """
    take_store, total = TakeStore(store), len(chunks)
    references = {each.reference for each in options if each.reference}
    digests = {reference: reference_digest(reference.path, reference.text) for reference in references}
    keys = [
        key_of(engine, chunk.spoken, each, digests[each.reference] if each.reference else None, retakes)
        for chunk, each in zip(chunks, options, strict=True)
    ]
    reused = _stored(take_store, set(keys))
    first: dict[str, int] = {}
    for index, key in enumerate(keys):
        if key not in reused:
            first.setdefault(key, index)
    new = [*first.values()]
    if on_progress and len(new) < total:
        on_progress(total - len(new), total)

    def keep(position: int, take: Take) -> None:
        # What is no sound is an error, which the caller reports.
        if len(take.samples) and np.isfinite(take.samples).all():
            take_store.put(keys[new[position]], take, engine.rate)

    def advance(done: int, _: int) -> None:
        if on_progress:
            on_progress(total - len(new) + done, total)

    new_takes = takes.best(
        engine, [chunks[index] for index in new], [options[index] for index in new],
        retakes=retakes, on_progress=advance, score=score, keep=keep,
    )  # fmt: skip
    # Read back, so that the same request gives the same samples whether they were there or not.
    reused |= _stored(take_store, set(first))
    unstored = dict(zip(first, new_takes, strict=True))
    return [reused.get(key) or unstored[key] for key in keys]


def _stored(take_store: TakeStore, keys: set[str]) -> dict[str, Take]:
    with ThreadPoolExecutor(_HANDS) as pool:
        pairs = zip(keys, pool.map(partial(_read, take_store), keys), strict=True)
        return {key: take for key, take in pairs if take}


def _read(take_store: TakeStore, key: str) -> Take | None:
    try:
        return take_store.take(key)
    except StoreError:
        return None
