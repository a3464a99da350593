"""Dividing a book into chapters: by its table of contents if it has one, else by its headings; never by its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from speech.script.passage import Passage

__all__ = ["Chapter", "digest", "divide", "ids"]

_LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter.

    Attributes:
        id: names it within its book; it stays the same when other chapters change.
        level: depth in the table of contents, from 1.
        passages: in order; at least one has text.
        ids: of the passages; each stays the same when other passages change.
    """

    id: str
    title: str
    level: int
    passages: tuple[Passage, ...]
    ids: tuple[str, ...]


def divide(passages: Sequence[Passage], title: str, depth: int | None = None) -> tuple[Chapter, ...]:
    """Divide the passages of a book into chapters.

    Args:
        title: of the book; also used for what precedes the first chapter.
        depth: level down to which headings begin a chapter; None to find it out.
    """
    has_entries = any(passage.entry for passage in passages)
    depth = depth or _depth(passages)
    parts: list[tuple[str, int, list[Passage]]] = [(title, 1, [])]
    for index, passage in enumerate(passages):
        if passage.kind == "heading" and not passage.continues:
            if has_entries and passage.entry:
                parts.append((passage.entry.title, passage.entry.level, []))
            elif not has_entries and passage.level <= depth:
                parts.append((_heading(passages, index), passage.level, []))
        parts[-1][2].append(passage)
    merged = list(_merge_silent(parts))
    lowest = min((level for _, level, _ in merged), default=1)
    chapter_ids = ids("c", (name for name, _, _ in merged))
    passage_ids = ids("p", (passage.text for _, _, members in merged for passage in members))
    return tuple(
        Chapter(next(chapter_ids), name[:_LONGEST_TITLE], level - lowest + 1, tuple(members), tuple(
            next(passage_ids) for _ in members
        ))
        for name, level, members in merged
    )  # fmt: skip


def digest(text: str) -> str:
    """Return the digest that represents a text in ids and keys."""
    from blake3 import blake3

    return blake3(text.encode("utf-8", "surrogatepass")).hexdigest()


def _depth(passages: Sequence[Passage]) -> int:
    """Return the level down to which headings begin a chapter.

    It is the highest level that has more than one heading; or the next one, if most of the text stands below headings
    of that level that have none of their own, as the names of a book's parts.
    """
    headings = [passage for passage in passages if passage.kind == "heading" and not passage.continues]
    counts = Counter(passage.level for passage in headings)
    top = next((level for level in sorted(counts) if counts[level] > 1), max(counts, default=1))
    below = [level for level in counts if level > top]
    texts = [passage for passage in passages if passage.text and not passage.continues]
    characters, is_part = Counter[bool](), False
    for passage, following in zip(texts, [*texts[1:], None], strict=True):
        if passage.kind == "heading" and passage.level <= top:
            is_part = following is not None and following.kind == "heading" and following.level > top
        elif passage.kind != "heading":
            characters[is_part] += len(passage.text)
    return min(below) if below and characters[True] > characters[False] else top


def _heading(passages: Sequence[Passage], index: int) -> str:
    """Return the text of a heading, all of its lines."""
    lines = [passages[index].text]
    for passage in passages[index + 1 :]:
        if passage.kind != "heading" or not passage.continues:
            break
        lines.append(passage.text)
    return " ".join(lines)


def _merge_silent(parts: Iterable[tuple[str, int, list[Passage]]]) -> Iterator[tuple[str, int, list[Passage]]]:
    """Yield the parts that have text; what has none, such as a break, stays with the part before it."""
    pending: list[Passage] = []
    last: list[Passage] | None = None
    for name, level, passages in parts:
        if any(passage.text for passage in passages):
            passages[:0], pending = pending, []
            last = passages
            yield name, level, passages
        elif last is not None:
            last += passages
        else:
            pending += passages


def ids(kind: str, texts: Iterable[str]) -> Iterator[str]:
    """Yield an id for each text: a digest of it, and a running number among equal ones."""
    counts: Counter[str] = Counter()
    for text in texts:
        name = digest(text)[:12]
        counts[name] += 1
        yield f"{kind}-{name}-{counts[name]}"
