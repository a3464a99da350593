"""The lines of a book: its chunks, each with the key of its take and, where people asked for others, of those too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from speech.books.chapters import ids
from speech.books.choices import Choice, Choices
from speech.books.rewording import reworded
from speech.books.take_store import key_of, reference_digest, words_key
from speech.choices import SEED
from speech.engines import Engine, SynthesisOptions
from speech.request import SpeechRequest
from speech.settings import settings
from speech.text import Chunk
from speech.voices import Reference

__all__ = ["Line", "Planner", "Version"]


@dataclass(frozen=True, slots=True)
class Version:
    """A take of a chunk that people can choose.

    Attributes:
        number: from 1, as `speech.books.choices.Choice` counts.
        seed: of its first try.
        text: the words that are spoken instead of those of the book; None for the book's own.
    """

    number: int
    key: str
    seed: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A chunk of a book, the key of its take, and that of the take's word times.

    Attributes:
        id: names the chunk within its book; it stays the same when other text changes.
        seed: of the take's first try.
        number: of its take among those that can be chosen.
        versions: the takes that can be chosen, this one among them; empty if nobody asked for another.
    """

    key: str
    chunk: Chunk
    words: str
    id: str = ""
    seed: int = SEED
    number: int = 1
    versions: tuple[Version, ...] = ()


@dataclass(slots=True)
class Planner:
    """Makes lines of chunks.

    Attributes:
        language: ISO 639-1 code of the chunks that name none.
        references: of the voices, by the names that the script gives them; None is the voice of the book.
        width: most characters of a chunk.
        notes: sentences for the user: choices that could not be honoured.
        retakes: how often a chunk that came out badly is spoken again, which is part of a take's key.
    """

    engine: Engine
    request: SpeechRequest
    language: str
    references: Mapping[str | None, Reference | None]
    width: int
    choices: Choices
    notes: list[str] = field(default_factory=list)
    retakes: int = field(default_factory=lambda: settings().max_retakes)

    def lines(self, chapters: Sequence[Sequence[Chunk]]) -> tuple[tuple[Line, ...], ...]:
        """Return the lines of each chapter, given its chunks."""
        digests = {name: reference_digest(each.path, each.text) if each else None for name, each in
                   self.references.items()}  # fmt: skip
        names = ids("k", (chunk.text for chapter in chapters for chunk in chapter))
        return tuple(tuple(self._line(chunk, next(names), digests) for chunk in chapter) for chapter in chapters)

    def options(self, chunk: Chunk, seed: int | None = None) -> SynthesisOptions:
        """Return how a chunk is spoken.

        Args:
            seed: None for that of the book.
        """
        names, voice = [*self.references], chunk.voice
        return SynthesisOptions(
            chunk.language or self.language,
            self.request.speed * chunk.speed,
            seed or self.request.seed or SEED,
            self.references.get(voice, self.references.get(None)),
            self.request.quality,
            0 if self.engine.clones or voice not in self.references else names.index(voice),
        )

    def _line(self, chunk: Chunk, name: str, digests: Mapping[str | None, str | None]) -> Line:
        choice = self.choices.get(name, Choice())
        candidates = [*self._takes(chunk, name, choice, digests)]
        version, take_chunk = next((each for each in candidates if each[0].number == choice.chosen), candidates[0])
        words = words_key(version.key, take_chunk.tokens, self.request.timing_method)
        versions = tuple(each for each, _ in candidates) if len(candidates) > 1 else ()
        return Line(version.key, take_chunk, words, name, version.seed, version.number, versions)

    def _takes(
        self, chunk: Chunk, name: str, choice: Choice, digests: Mapping[str | None, str | None]
    ) -> Iterator[tuple[Version, Chunk]]:
        """Yield each take that can be chosen, and the chunk as it is spoken in it; the planned one first."""
        reference = digests.get(chunk.voice, digests.get(None))
        for number, variant in enumerate(choice.variants, 1):
            take_chunk = reworded(chunk, variant.text, chunk.language or self.language) if variant.text else chunk
            if number > 1 and len(take_chunk.spoken) > max(self.width, len(chunk.spoken)):
                self.notes.append(
                    f"Take {number} of {name} would have {len(take_chunk.spoken)} characters, "
                    f"but at most {self.width} are spoken in one piece; it was left out."
                )
                continue
            options = self.options(chunk, variant.seed)
            key = key_of(self.engine, take_chunk.spoken, options, reference, self.retakes)
            yield Version(number, key, options.seed, variant.text), take_chunk
