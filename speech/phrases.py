"""Phrases and words of scripts that are written without spaces, and where a line may break between their characters.

BudouX finds the phrases of Japanese and the words of Chinese and Thai with models of some 60 kB. Its models of
Japanese phrases and of Japanese words err in different places, so a phrase ends only where both agree.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import regex

if TYPE_CHECKING:
    from speech.sentences import TokenLike

__all__ = ["SPACELESS", "Joint", "joints"]

# The scripts that are written without spaces, as part of a pattern's class. In these each token is one grapheme.
SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc"

_SPACELESS = regex.compile(rf"[{SPACELESS}]")
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_THAI = regex.compile(r"\p{Thai}")
_HAN = regex.compile(r"\p{Han}")
# Common characters that are written so only in traditional Chinese, and only in simplified Chinese.
_TRADITIONAL = regex.compile("[這個們來說時會對學國過還沒麼後從樣點開關問題愛門車東見長頭電話讓覺萬與當嗎]")
_SIMPLIFIED = regex.compile("[这个们来说时会对学国过还没么后从样点开关问题爱门车东见长头电话让觉万与当吗]")

# Kinsoku: what no line may begin with (the rules of the W3C's clreq and jlreq), and what none may end with.
_NOT_FIRST = regex.compile(
    r"[\p{Pe}\p{Pf}、。，．,.！？!?：；:;・…‥ー〜～ゝゞヽヾ々〻％%‰°℃"
    r"ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰ-ㇿ\p{M}ๆฯะาำๅ]"
)
_NOT_LAST = regex.compile(r"[\p{Ps}\p{Pi}$＄¥￥£€№#＃เแโใไ]")


class Joint(IntEnum):
    """What a line break after a token would divide, from nothing to what must not be divided."""

    OPEN = 0
    PHRASE = 1
    WORD = 2
    FORBIDDEN = 3


def joints(tokens: Sequence[TokenLike], language: str) -> list[Joint]:
    """Return what a break after each token would divide; it divides nothing after a token that a space follows.

    >>> from speech.text import tokens
    >>> graphemes = tokens("北海道では四季について", "ja")
    >>> "".join(each.text + "|" * (not joint) for each, joint in zip(graphemes, joints(graphemes, "ja")))
    '北海道では|四季について|'
    """
    result = [Joint.OPEN] * len(tokens)
    begin = 0
    for index, token in enumerate(tokens):
        if token.space or index + 1 == len(tokens):
            if index > begin:
                result[begin:index] = _within([part.text for part in tokens[begin : index + 1]], language)
            begin = index + 1
    return result


def _within(texts: Sequence[str], language: str) -> list[Joint]:
    """Return what divides the tokens of a run without spaces."""
    run = "".join(texts)
    phrases, words = _borders(run, language)
    result = []
    for at, (left, right) in zip(itertools.accumulate(map(len, texts)), itertools.pairwise(texts), strict=False):
        if _NOT_LAST.match(left, len(left) - 1) or _NOT_FIRST.match(right):
            result.append(Joint.FORBIDDEN)
        elif at in phrases:
            result.append(Joint.OPEN)
        else:
            result.append(Joint.PHRASE if at in words else Joint.WORD)
    return result


def _borders(run: str, language: str) -> tuple[frozenset[int], frozenset[int]]:
    """Return where phrases end and where words end in a run, as numbers of characters from its start."""
    if not _SPACELESS.search(run):
        return frozenset(), frozenset()
    if _THAI.search(run):
        result = _ends(run, "th")
        return result, result
    if language == "ja" or _KANA.search(run):
        words = _ends(run, "ja_word")
        return _ends(run, "ja") & words, words
    if _HAN.search(run):
        traditional = len(_TRADITIONAL.findall(run)) > len(_SIMPLIFIED.findall(run))
        result = _ends(run, "zh-hant" if traditional else "zh-hans")
        return result, result
    # Lao, Khmer and Burmese have no model here: any grapheme may begin a line.
    everywhere = frozenset(range(len(run)))
    return everywhere, everywhere


def _ends(run: str, model: str) -> frozenset[int]:
    return frozenset(itertools.accumulate(map(len, _parser(model).parse(run))))


@cache
def _parser(model: str) -> Any:
    from importlib.resources import files

    from budoux import Parser

    return Parser(json.loads((files("budoux") / "models" / f"{model}.json").read_text(encoding="utf-8")))
