"""A word, apart from the signs around it."""

from __future__ import annotations

import itertools

import regex

__all__ = ["parted", "share"]

# Signs before and after a word that are not spoken. The second is matched in reverse, so that each takes one pass.
_OPEN = regex.compile(r"[^\w$€£¥￥₹₽₩₺₴₪₫฿+#@&=°%½¼¾⅓⅔−-]*")
_CLOSE = regex.compile(r"(?r)[^\w%％°℃$€£¥￥₹₽₩₺₴₪₫฿²‰+=&½¼¾⅓⅔]*")


def parted(
    word: str, opening: regex.Pattern[str] = _OPEN, closing: regex.Pattern[str] = _CLOSE
) -> tuple[str, str, str]:
    """Split a word into its leading signs, the word itself, and its trailing signs.

    Args:
        opening, closing: match the signs; the second is matched in reverse.
    """
    first = opening.match(word).end()  # type: ignore[union-attr]
    last = closing.match(word, first).start()  # type: ignore[union-attr]
    return word[:first], word[first:last], word[last:]


def share(text: str, count: int) -> list[str]:
    """Divide a text among a number of tokens, by words and about equally."""
    words = text.split(" ")
    if len(words) < count:
        return [text] + [""] * (count - 1)
    borders = [len(words) * place // count for place in range(count + 1)]
    return [" ".join(words[first:last]) for first, last in itertools.pairwise(borders)]
