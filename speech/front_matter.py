"""The head of a Markdown text: fields of YAML between two lines of dashes."""

from __future__ import annotations

import regex

__all__ = ["split"]

_HEAD = regex.compile(
    r"\s*---[^\S\n]*\n((?:[\w-]+:.*\n|[^\S\n]+\S.*\n|- .*\n|[^\S\n]*\n|#.*\n)*?)(?:---|\.\.\.)[^\S\n]*(?:\n|$)"
)
_FIELD = regex.compile(r"(?m)^([\w-]+):[^\S\n]*(.*)$")


def split(text: str) -> tuple[dict[str, str], str]:
    r"""Return the fields of a text's head, their names in lower case, and the text after it.

    Args:
        text: its lines end with \n.

    >>> split("---\ntitle: 'The Sea'\nlang: en\n---\nEvery summer the rain falls.")
    ({'title': 'The Sea', 'lang': 'en'}, 'Every summer the rain falls.')
    """
    match = _HEAD.match(text)
    if not match:
        return {}, text
    return {name.lower(): _unquoted(value) for name, value in _FIELD.findall(match[1])}, text[match.end() :]


def _unquoted(value: str) -> str:
    """Return the text of a YAML scalar on one line.

    >>> _unquoted('"Say \\\\"yes\\\\""'), _unquoted("plain")
    ('Say "yes"', 'plain')
    """
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        return regex.sub(r"\\(.)", r"\1", value[1:-1])
    return value[1:-1].replace("''", "'") if len(value) > 1 and value[0] == value[-1] == "'" else value
