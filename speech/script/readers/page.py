"""Walking through a page: HTML, XHTML or SSML, from its first element to its last, into passages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import regex

from speech.script.marks import wrapped
from speech.script.passage import Entry, Kind, LeftOut, Passage
from speech.script.readers import plain, ssml_elements
from speech.script.readers.markup import attribute, kinds, language, name
from speech.script.readers.runs import HARD, MAX_VERSE, SOFT, Run, Style, breadth, passages, tidy
from speech.script.readers.silence import Silence, silent
from speech.text import has_words

__all__ = ["Page"]

_BLOCKS = frozenset([
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "header", "hgroup", "html", "legend", "li", "main", "ol", "p",
    "pre", "section", "speak", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
])  # fmt: skip
_HEADING = regex.compile(r"h([1-6])")
_VERSE = regex.compile(r"(?:^|[\s:_-])(?:poem|poetry|verse|stanza|lyrics?|line-block)(?:$|[\s_-])")
_PRE_WRAPPED = regex.compile(r"white-space\s*:\s*(?:pre|break-spaces)")
_SPACE = regex.compile(r"\s+")
# What may stand close after a word, and is stray at the start of a paragraph.
_CLOSING = ",.;:!?…)]”’»"
_STRAY = regex.compile(r"[,.;:…]{1,3}\s?")
_TASK = regex.compile(r"^\s*\[[ xX]\]\s+")
# They mark what is spoken otherwise than it is written; see `speech.script.marks`.
_UNSPEAKABLE = regex.compile("[\ufdd0\ufdd1]")


@dataclass(slots=True)
class Frame:
    """An open element, as far as it concerns what stands in it."""

    kind: Kind = "paragraph"
    level: int = 0
    style: Style = field(default_factory=Style)
    verse: bool = False
    keeps_lines: bool = False
    place: Any = None


class Page:
    """Makes passages of elements.

    Args:
        document_language: language of the whole document; passages in it name none.
        is_ssml: whether the elements are those of SSML.

    Attributes:
        passages: what was found so far.
        silence: what is left out.
        notes: sentences for the user, each once.
    """

    def __init__(self, document_language: str | None = None, *, is_ssml: bool = False) -> None:
        self.passages: list[Passage] = []
        self.silence = Silence()
        self.notes: dict[str, None] = {}
        self.is_ssml = is_ssml
        self.language = document_language
        self._titles: Mapping[str, Entry] = {}
        self._title: Entry | None = None
        self._runs: list[Run] = []
        self._omitted = False
        self._frames = [Frame()]
        self._last_parent: Any = None

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Everything that is not spoken."""
        return self.silence.all()

    def read(self, root: Any) -> None:
        """Read an element and what is in it."""
        from lxml import etree

        walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
        for event, node in walk:
            if event == "start":
                if self._starts(node):
                    continue
                # The end of the element follows nonetheless, but nothing in it.
                walk.skip_subtree()
                self._frames.append(Frame(**{**_fields(self._frames[-1]), "place": node}))
            elif event == "end":
                self._ends(node, outermost=node is root)
            else:
                if event == "comment":
                    self.silence.add("comment")
                self._add(node.tail)
        self._flush()

    def expect(self, title: Entry) -> None:
        """Make the next passage a heading of that text and level, unless it is one already."""
        self._flush()
        if self._title and self._title.level < title.level:
            # The name of a part whose page has no text.
            self.passages.append(_heading(self._title))
        self._title = title

    def point(self, titles: Mapping[str, Entry]) -> None:
        """Take the entries of a table of contents, by the ids of the elements that they point to."""
        self._titles = titles

    def note(self, sentence: str) -> None:
        """Add a sentence for the user, once."""
        self.notes[sentence] = None

    def _starts(self, node: Any) -> bool:
        """Enter an element; return whether its content is read."""
        tag, above = name(node), self._frames[-1]
        anchor = attribute(node, "id") or attribute(node, "name")
        if anchor and anchor in self._titles:
            self.expect(self._titles[anchor])
        before = "".join(run.text for run in self._runs[-3:])[-40:]
        silence_kind = "crossed-out text" if tag == "s" and not self.is_ssml else silent(node, before)
        if silence_kind is not None:
            if tag in _BLOCKS:
                self._flush()
            else:
                self._omitted = True
            self.silence.add(silence_kind, node)
            return False
        if tag == "pre":
            self._pre(node)
            return False
        if tag == "img":
            self._add(attribute(node, "alt"))
        if tag == "a" and (target := attribute(node, "href")) and not target.startswith("#"):
            self.silence.add("link address")
        if self._is_block(tag):
            self._flush()
        frame, say = self._frame(node, tag, above)
        if say:
            self._say(node, say)
            return False
        self._frames.append(frame)
        if tag == "br":
            self._put(SOFT if node.get("data-soft") is not None else HARD)
        elif tag == "hr":
            self._flush()
            self._append(Passage("scene"))
        elif tag == "q":
            self._add("“")
        self._add(node.text)
        return True

    def _ends(self, node: Any, *, outermost: bool) -> None:
        tag = name(node)
        if tag == "q":
            self._add("”")
        if self._is_block(tag):
            self._flush()
        self._frames.pop()
        if not outermost:
            self._add(node.tail)

    def _is_block(self, tag: str) -> bool:
        return tag in _BLOCKS or bool(_HEADING.fullmatch(tag)) or (self.is_ssml and tag == "s")

    def _frame(self, node: Any, tag: str, above: Frame) -> tuple[Frame, str | None]:
        """Return what an element means for what is in it, and what to speak in the place of its text."""
        style = above.style
        if code := language(attribute(node, "xml:lang") or attribute(node, "lang")):
            style = replace(style, language=None if code == self.language else code)
        voiced = ssml_elements.voiced(node, tag, style, self)
        names = f"{attribute(node, 'class')} {' '.join(kinds(node))}"
        frame = replace(
            above,
            style=voiced.style,
            place=node,
            verse=above.verse or bool(_VERSE.search(names)),
            keeps_lines=above.keeps_lines or bool(_PRE_WRAPPED.search(attribute(node, "style"))),
        )
        if voiced.pause:
            self._put(f" [pause {voiced.pause:g}] ")
        return self._frame_of(node, tag, frame), voiced.say

    def _frame_of(self, node: Any, tag: str, frame: Frame) -> Frame:
        """Return the frame with the kind of passage that an element makes."""
        if heading := _HEADING.fullmatch(tag):
            return replace(frame, kind="heading", level=int(heading[1]))
        if tag == "hgroup":
            # What stands in it besides its heading is a part of that.
            first = next((child for child in node if _HEADING.fullmatch(name(child))), None)
            return replace(frame, kind="heading", level=int(name(first)[1])) if first is not None else frame
        if tag in ("li", "dt", "dd"):
            if tag == "li" and name(node.getparent()) == "ol":
                self.silence.add("number of an item")
            return replace(frame, kind="item")
        return replace(frame, kind="quotation") if tag == "blockquote" else frame

    def _add(self, text: str | None) -> None:
        """Add text as the current element has it."""
        if not text:
            return
        frame = self._frames[-1]
        text = _UNSPEAKABLE.sub("", text)
        if frame.keeps_lines:
            text = text.strip("\n") if not text.strip() else text
            text = text.replace("\r", "").replace("\n", HARD)
        else:
            text = _SPACE.sub(" ", text)
        self._put(text)

    def _put(self, text: str) -> None:
        if self._omitted and text:
            self._omitted = False
            text = self._closed_up(text)
        self._runs.append(Run(self._frames[-1].style, text))

    def _closed_up(self, text: str) -> str:
        """Return the text after something that is left out, without what belonged to that: a space, empty brackets."""
        last = next((run for run in reversed(self._runs) if run.text.strip()), None)
        if last is None:
            match = _STRAY.match(text)
            return text[match.end() :] if match else text
        if last.text.rstrip()[-1] in "([" and text[:1] in tuple(")]"):
            last.text, text = last.text.rstrip()[:-1].rstrip(), text[1:]
        if text[:1] in tuple(_CLOSING):
            for run in self._runs[self._runs.index(last) :]:
                run.text = run.text.rstrip(" ")
        return text

    def _say(self, node: Any, say: str) -> None:
        """Add the text of an element in whose place something else is spoken."""
        if words := " ".join(_UNSPEAKABLE.sub("", "".join(node.itertext())).split()):
            self._runs.append(Run(self._frames[-1].style, wrapped(words), [say]))

    def _flush(self) -> None:
        """End a paragraph."""
        runs, self._runs, self._omitted = self._runs, [], False
        frame = self._frames[-1]
        text = "".join(run.text for run in runs)
        if not has_words(text):
            if plain.SCENE.fullmatch(tidy(text).replace(SOFT, " ")):
                self._append(Passage("scene"))
            return
        lines = [line for line in _lines(runs) if tidy("".join(run.text for run in line))]
        kind, level = frame.kind, frame.level if frame.kind == "heading" else 0
        short = len(lines) > 1 and all(breadth("".join(run.text for run in line)) < MAX_VERSE for line in lines)
        if kind not in ("heading", "item") and (frame.verse or short):
            kind = "verse"
        if kind not in ("heading", "verse"):
            lines = [runs]
        if kind == "item" and (task := _TASK.match(lines[0][0].text)):
            lines[0][0].text = lines[0][0].text[task.end() :]
        above = frame.place.getparent() if frame.place is not None else None
        # The lines of a stanza may be elements of their own, as sentences are in SSML.
        is_part = name(frame.place) == "s" if self.is_ssml else frame.verse and name(frame.place) == "div"
        continues = is_part and self._last_parent is above and bool(self.passages) and self.passages[-1].kind == kind
        for line in lines:
            if has_words("".join(run.text for run in line)):
                line_passages = passages(
                    line, Passage(kind, level=level, language=frame.style.language, continues=continues)
                )
                for passage in line_passages:
                    self._append(passage)
                continues = continues or bool(line_passages)
        self._last_parent = above

    def _append(self, passage: Passage) -> None:
        title, self._title = self._title, None if passage.text else self._title
        if title and passage.text:
            if passage.kind == "heading":
                passage = replace(passage, entry=title)
            elif passage.text.replace(SOFT, " ").casefold() == title.title.casefold():
                passage = replace(passage, kind="heading", level=title.level, entry=title)
            else:
                self.passages.append(_heading(title))
        self.passages.append(passage)

    def _pre(self, node: Any) -> None:
        """Read preformatted text, as plain text unless it is verse."""
        self._flush()
        text = _UNSPEAKABLE.sub("", "".join(node.itertext())).strip("\n")
        frame, _ = self._frame(node, "pre", self._frames[-1])
        style, stanzas = frame.style, plain.BLANK_LINES.split(text)
        lines = text.split("\n")
        is_verse = frame.verse or (len(stanzas) == 1 < len(lines) and all(breadth(each) < MAX_VERSE for each in lines))
        for stanza in stanzas if is_verse else [text]:
            for number, passage in enumerate(plain.read(stanza).passages):
                if is_verse and passage.text:
                    passage = replace(passage, kind="verse", level=0, continues=number > 0)
                self._append(replace(passage, voice=style.voice, language=style.language, speed=style.speed))


def _heading(title: Entry) -> Passage:
    return Passage("heading", title.title, level=title.level, entry=title)


def _lines(runs: list[Run]) -> list[list[Run]]:
    """Return the runs of each line that an author broke."""
    lines: list[list[Run]] = [[]]
    for run in runs:
        if run.says:
            lines[-1].append(run)
            continue
        for number, text in enumerate(run.text.split(HARD)):
            if number:
                lines.append([])
            if text:
                lines[-1].append(Run(run.style, text))
    return lines


def _fields(frame: Frame) -> dict[str, Any]:
    return {name: getattr(frame, name) for name in Frame.__slots__}
