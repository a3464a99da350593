"""Writing a script as Markdown with directions: the form in which a document is edited, and travels in a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

import regex

from speech.script.directions import MAIN
from speech.script.passage import Passage, Script
from speech.script.readers.runs import MAX_VERSE, breadth

__all__ = ["write"]

_NEEDS_QUOTES = regex.compile(r"""[:#"'\\\[\]{}&*!|>%@`]|^[-?\s]|\s$""")
# Characters that are Markdown syntax anywhere in a line.
_SPECIAL = regex.compile(r"[\\`*<~|]|(?<![^\W_])_|_(?![^\W_])|\^(?=\[)|\[(?=\^)|\](?=[(\[:])|&(?=#?\w+;)|#$")
# Markdown syntax at the start of a line.
_STARTS = regex.compile(r"^(?:\[(?=!)|[-+](?=\s|$)|[-=]+(?=\s*$)|#(?=#{0,5}(?:\s|$))|>)")
_NUMBER = regex.compile(r"^(\d{1,9})([.)])(?=\s|$)")


def write(script: Script) -> str:
    """Return a script as Markdown; read as that, it gives the same passages."""
    head = [f"title: {_scalar(script.title)}"] if script.title else []
    creators = ", ".join(value for name, value in script.facts if name == "creator")
    head += [f"author: {_scalar(creators)}"] if creators else []
    head += [f"lang: {script.language}"] if script.language else []
    head += [f"chapters: {script.depth}"] if script.depth else []
    parts = ["\n".join(["---", *head, "---"])] if head else []
    writer = _Writer()
    parts += [writer.block(block) for block in _blocks(script.passages)]
    return "\n\n".join(parts) + "\n"


def _scalar(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"' if _NEEDS_QUOTES.search(text) else text


def _blocks(passages: Sequence[Passage]) -> Iterator[list[Passage]]:
    """Yield the passages of each paragraph, with the pauses within it; other pauses and scenes by themselves."""
    block: list[Passage] = []
    pending: list[Passage] = []
    for passage in passages:
        if passage.kind == "pause":
            pending.append(passage)
            continue
        continues = bool(passage.text) and passage.continues
        if continues and block and block[-1].kind == passage.kind:
            block += [*pending, passage]
        else:
            yield from _non_empty(block, [] if continues else pending)
            block = [*pending, passage] if continues else [passage]
        pending = []
    yield from _non_empty(block, pending)


def _non_empty(block: list[Passage], pauses: list[Passage]) -> Iterator[list[Passage]]:
    yield from (each for each in (block, *([pause] for pause in pauses)) if each)


class _Writer:
    """Writes paragraphs in turn; a name in brackets holds until the next one."""

    def __init__(self) -> None:
        self._voice: str | None = None

    def block(self, block: Sequence[Passage]) -> str:
        """Return a paragraph."""
        texts = [passage for passage in block if passage.text]
        if not texts:
            return "***" if block[0].kind == "scene" else _pause(block[0])
        first = texts[0]
        if first.kind == "heading":
            words = self._text(block, "<br>").replace("\n", "<br data-soft>")
            return f"{'#' * (first.level or 1)} {words}"
        if first.kind == "verse":
            if len(texts) > 1 and all(breadth(passage.text) < MAX_VERSE for passage in texts):
                return self._text(block, "\\\n")
            return f'<p class="verse">{self._text(block, "<br>", _in_html)}</p>'
        if first.kind == "item":
            return "- " + self._text(block).replace("\n", "\n  ")
        if first.kind == "quotation":
            return "> " + self._text(block).replace("\n", "\n> ")
        plain = first.speed == 1 and not (first.says or first.speaker) and "\n" not in first.text
        if len(block) == 1 and first.language and plain:
            return f'<p lang="{first.language}">{self._tag(first)}{_in_html(first.text)}</p>'
        return self._text(block)

    def _text(self, block: Sequence[Passage], joint: str | None = None, escaped: _Escape | None = None) -> str:
        """Return the text of a paragraph.

        Args:
            joint: what stands between two passages; None for a space.
        """
        result, before, paused = "", None, False
        for passage in block:
            if passage.kind == "pause":
                result += f"{' ' if result else ''}{_pause(passage)}"
                paused = True
                continue
            # Two passages that nothing else divides are divided by the name of their voice.
            alike = not paused if before is not None and _look(before) == _look(passage) else before is None and paused
            tag = self._tag(passage, always=joint is None and alike)
            result += (joint or ("\n" if tag else " ")) if result else ""
            result += _with_attributes(passage, tag + _marked_up(passage, escaped or _escaped))
            before, paused = passage, False
        return result

    def _tag(self, passage: Passage, *, always: bool = False) -> str:
        if passage.voice == self._voice and not always:
            return ""
        self._voice = passage.voice
        return f"[{_escaped(passage.voice or MAIN)}] "


_Escape = Callable[[str], str]


def _look(passage: Passage) -> tuple[str | None, float, str | None]:
    return passage.language, passage.speed, passage.speaker


def _pause(passage: Passage) -> str:
    return f"[pause {f'{passage.seconds:.3f}'.rstrip('0').rstrip('.')}]"


def _with_attributes(passage: Passage, text: str) -> str:
    if passage.speed != 1:
        text = f'<prosody rate="{passage.speed:g}">{text}</prosody>'
    if passage.speaker and not passage.voice:
        text = f'<voice name="{escape(passage.speaker)}" data-optional>{text}</voice>'
    return f'<span lang="{passage.language}">{text}</span>' if passage.language else text


def _marked_up(passage: Passage, escaped: _Escape) -> str:
    """Return the text of a passage, with what is spoken otherwise than it is written."""
    result, at = "", 0
    for each in passage.says:
        alias, words = escape(each.say), escaped(passage.text[each.start : each.end])
        result += f'{escaped(passage.text[at : each.start])}<sub alias="{alias}">{words}</sub>'
        at = each.end
    return result + escaped(passage.text[at:])


def _in_html(text: str) -> str:
    return escape(text, quote=False)


def _escaped(text: str) -> str:
    r"""Return a text in which Markdown finds nothing to interpret.

    >>> print(_escaped("# 1 * 2 [sic]"))
    \# 1 \* 2 [sic]
    """
    lines = (_SPECIAL.sub(r"\\\g<0>", line) for line in text.split("\n"))
    return "\n".join(_NUMBER.sub(r"\1\\\2", _STARTS.sub(r"\\\g<0>", line)) for line in lines)
