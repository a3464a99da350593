"""The shell of a page that needs nothing else: style, script and data are in it, and its policy allows no others."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["BESIDE", "STYLE", "TOOLS", "fill", "read"]

_FOLDER = Path(__file__).parent
STYLE, TOOLS = _FOLDER / "page.css", _FOLDER / "page.js"
"""The style of all pages, and what their scripts share."""
BESIDE = "'self' file:"
"""A source of media: files beside the page."""

# What plays the audio of any page.
_CONTROLS = _FOLDER / "controls.html"

_PLACEHOLDER = re.compile(r"%([A-Z]+)%")
_ESCAPES = str.maketrans({letter: f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"})


def fill(template: Path, styles: Iterable[str], scripts: Iterable[Path], data: Mapping[str, Any], media: str,
         values: Mapping[str, str]) -> Iterator[str]:  # fmt: skip
    """Yield a page in pieces.

    Args:
        styles: the texts of its style sheets.
        data: what its scripts find as JSON in the element `data`, escaped so that it cannot close that. The entries
            of an iterator in it are made one at a time.
        media: sources of media that the policy allows.
        values: HTML in place of the other placeholders, by their names.
    """
    style = "\n".join(styles)
    script = '"use strict";\n' + "\n".join(map(read, scripts))
    policy = f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; media-src {media}"
    replacements = {"POLICY": policy, "STYLE": style, "SCRIPT": script, "CONTROLS": read(_CONTROLS), **values}
    # In one pass, so that a placeholder in a text is not replaced.
    for number, part in enumerate(_PLACEHOLDER.split(read(template))):
        if number % 2 == 0:
            yield part
        elif part == "DATA":
            yield from (piece.translate(_ESCAPES) for piece in _json(data))
        else:
            yield replacements[part]


def _json(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield an object as JSON."""
    for number, (name, value) in enumerate(data.items()):
        yield f"{',' if number else '{'}{_text(name)}:"
        if isinstance(value, Iterator):
            yield "["
            for index, entry in enumerate(value):
                yield f",{_text(entry)}" if index else _text(entry)
            yield "]"
        else:
            yield _text(value)
    yield "}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def read(path: Path) -> str:
    """Return a part of a page."""
    return path.read_text(encoding="utf-8")


def _digest(content: str) -> str:
    """Return the name by which a policy knows what an element holds."""
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")
