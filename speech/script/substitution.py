"""Speaking characters of a passage otherwise than they are written: what a document or a lexicon substitutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import regex

from speech.script.passage import Substitution
from speech.spoken import broken_up, spell
from speech.text import Token, has_words

__all__ = ["substitute"]

_SYMBOLS = regex.compile(r"[^\w]*")
_GRAPHEME = regex.compile(r"\X")


def substitute(tokens: Sequence[Token], says: Sequence[Substitution], language: str) -> list[Token]:
    """Return the tokens of a passage with the passage's substitutions as their spoken forms.

    What a token holds beside a substitution is spoken with it: `Aoife's,` becomes `Eefa's,`. The words of a
    substitution are shared among the tokens that it covers.
    """
    result, begins = [*tokens], _begins(tokens)
    for index, shares in _shares(tokens, begins, says).items():
        text, at = "", begins[index]
        for say, share in shares:
            text += (
                _spoken_form(tokens[index].text[at - begins[index] : max(say.start - begins[index], 0)], language)
                + share
            )
            at = max(say.end, at)
        text += _spoken_form(tokens[index].text[at - begins[index] :], language)
        if not has_words(text):
            # Signs alone belong to the last word that is spoken.
            last = next((before for before in reversed(range(index)) if result[before].spoken), None)
            if last is not None:
                form = result[last].spoken.rstrip()
                result[last] = replace(result[last], spoken=form + text + result[last].spoken[len(form) :])
            text = ""
        result[index] = replace(tokens[index], spoken=broken_up(text))
    return result


def _begins(tokens: Sequence[Token]) -> list[int]:
    """Return where each token begins in the text of its passage."""
    begins = [0]
    for token in tokens:
        begins.append(begins[-1] + len(token.text) + len(token.space))
    return begins[:-1]


def _shares(
    tokens: Sequence[Token], begins: Sequence[int], says: Sequence[Substitution]
) -> dict[int, list[tuple[Substitution, str]]]:
    """Return what each token speaks of the substitutions that cover it."""
    shares: dict[int, list[tuple[Substitution, str]]] = {}
    first = 0
    for say in says:
        while first < len(tokens) and begins[first] + len(tokens[first].text) <= say.start:
            first += 1
        after = first
        while after < len(tokens) and begins[after] < say.end:
            after += 1
        for index, share in enumerate(_shared(say.say, tokens[first:after]), first):
            shares.setdefault(index, []).append((say, share))
    return shares


def _shared(say: str, tokens: Sequence[Token]) -> list[str]:
    """Share words among tokens, or the letters of one word among tokens without spaces between them."""
    spaced = " " in say or any(token.space for token in tokens[:-1])
    units, joint = (say.split(" "), " ") if spaced else (_GRAPHEME.findall(say), "")
    bounds = [-(-number * len(units) // len(tokens)) for number in range(len(tokens) + 1)] if tokens else []
    shares = [joint.join(units[start:end]) for start, end in pairwise(bounds)]
    if any(share and not has_words(share) for share in shares):
        shares = [say, *("" for _ in tokens[1:])]
    last = max((index for index, share in enumerate(shares) if share), default=0)
    for index, share in enumerate(shares):
        # A token without a space after it, whose share has one.
        is_parted = spaced if index < last else tokens[-1].space == " "
        if share and is_parted and not tokens[index].space:
            shares[index] = f"{share} "
    return shares


def _spoken_form(text: str, language: str) -> str:
    """Return the spoken form of a part of a token."""
    symbols = _SYMBOLS.match(text).end()  # type: ignore[union-attr]
    rest = text[symbols:]
    return text[:symbols] + (spell([rest], language)[0] or rest if has_words(rest) else rest)
