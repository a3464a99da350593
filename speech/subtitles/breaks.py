"""The cost of breaking a line or cue after each word, by how much the break disturbs a reader."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import regex

from speech.phrases import Joint, joints
from speech.sentences import ends
from speech.words import Word

__all__ = ["SENTENCE", "break_costs"]

# Costs, from the best place for a break to one that splits a name or a number.
SENTENCE, _CLAUSE, _BEFORE_JOINT, _ANYWHERE, _AFTER_JOINT, _IN_PHRASE, _NEVER = 0.0, 1.0, 3.0, 6.0, 12.0, 40.0, 60.0
# A break inside a word or before a comma, in scripts without spaces: worse than any number of cues.
_IN_WORD, _FORBIDDEN = 200.0, 1000.0
_IN = {Joint.OPEN: _ANYWHERE, Joint.PHRASE: _IN_PHRASE, Joint.WORD: _IN_WORD, Joint.FORBIDDEN: _FORBIDDEN}

# The most common conjunctions and prepositions by language: they open a phrase, so a line should begin with
# them and not end on them. Below, articles and other determiners, which only must not end a line.
_LINKS = {
    "en": "and or but nor so yet because although while if when where that which who than as of in on at to for from "
    "with by into over under about after before between through during without against",
    "de": "und oder aber denn sondern weil dass daß wenn als ob der die das in im an am auf aus bei mit nach seit von "
    "vom zu zum zur für durch gegen ohne um über unter vor hinter zwischen",
    "fr": "et ou mais donc or ni car que qui quand lorsque si comme de du des à au aux en dans par pour sur sous avec "
    "sans entre vers chez contre après avant",
    "es": "y e o u pero sino porque que quien cuando donde si como de del a al en por para con sin sobre entre hacia "
    "hasta desde contra según",
    "it": "e o ma però perché che chi quando dove se come di del della dei a al alla in nel nella da dal dalla con su "
    "per tra fra senza sotto sopra",
    "pt": "e ou mas porém porque que quem quando onde se como de do da dos das a ao à aos às em no na nos nas por pelo "
    "pela para com sem sobre entre até desde contra",
    "pl": "i oraz lub albo ale lecz bo gdy kiedy że żeby aby który która które jak z ze w we na do od po pod nad przed "
    "przez przy o u za bez dla między",
    "cs": "a i nebo ale protože když že aby který která které jak z ze v ve na do od po pod nad před přes při o u za "
    "bez pro mezi k ke s se",
    "hu": "és vagy de hanem mert hogy ha mikor amikor aki ami amely mint",
    "nl": "en of maar want omdat als toen dat die wie wat dan van in op aan te voor uit met door over onder na bij om "
    "tegen zonder tussen",
}
_DETERMINERS = {
    "en": "a an the my your his her its our their this these those no very",
    "de": "ein eine einen einem einer eines der die das den dem des mein sein ihr kein",
    "fr": "le la les un une mon ma mes ton ta tes son sa ses ce cette ces l'",
    "es": "el la los las un una unos unas mi tu su mis tus sus este esta ese esa",
    "it": "il lo la i gli le un uno una mio mia tuo tua suo sua questo questa",
    "pt": "o a os as um uma uns umas meu minha seu sua este esta esse essa",
    "pl": "ten ta to ci te mój moja swój swoja jego jej ich nie",
    "cs": "ten ta to ti ty můj moje svůj svoje jeho její jejich",
    "hu": "a az egy ez nem",
    "nl": "de het een mijn jouw zijn haar ons onze hun dit deze die geen",
}
# Searched backwards, so that a word of nothing but punctuation takes one pass.
_ENDS_CLAUSE = regex.compile(r"(?r)[,;:—–、，；：،؛)\]!?…！？؟]\p{P}*$")
_SHORT = regex.compile(r"\p{L}{1,2}\.\p{P}*")
_THAI = regex.compile(r"\p{Thai}")
_NAME = regex.compile(r"\p{Lu}[\p{L}'’-]*\.?")
_NUMBER = regex.compile(r"[\p{P}\p{Sc}]*\d[\d.,:/]*[\p{Sc}%°]?")


def break_costs(words: Sequence[Word], language: str) -> list[float]:
    """Return the cost of a break after each word; a break after the last word costs nothing."""
    links, determiners = _tables(language)
    sentence_ends, inside = ends(words, language), joints(words, language)
    return [
        SENTENCE if sentence_ends[index] else _cost(words, index, inside[index], sentence_ends, links, determiners)
        for index in range(len(words))
    ]


def _cost(
    words: Sequence[Word],
    index: int,
    joint: Joint,
    sentence_ends: Sequence[bool],
    links: frozenset[str],
    determiners: frozenset[str],
) -> float:
    """Return the cost of a break after word `index`, which ends no sentence."""
    before, after = words[index].text, words[index + 1].text
    # Most words consist of letters only, and need none of the patterns below.
    letters_only = before.isalpha()
    if joint is Joint.FORBIDDEN:
        return _FORBIDDEN
    if not letters_only:
        if before[-1] == "." and (_SHORT.fullmatch(after) or not after[:1].islower()):
            # An abbreviation, an initial or an ordinal belongs to what follows.
            return _NEVER
        if _ENDS_CLAUSE.search(before):
            return _CLAUSE
    if not words[index].space:
        return _IN[joint]
    if not letters_only and _NUMBER.fullmatch(before):
        return _NEVER
    if not after.isalpha() and not any(character.isalnum() for character in after):
        return _NEVER
    if before[:1].isupper() and _NAME.fullmatch(before):
        begins = index == 0 or sentence_ends[index - 1]
        if _NUMBER.fullmatch(after) or (_NAME.match(after) and not begins):
            return _NEVER
    bare_before, bare_after = before.strip("\"'“”‘’«»()[].,;:!?").lower(), after.strip("\"'“”‘’«»()[]").lower()
    if bare_before in determiners or bare_before in links:
        return _AFTER_JOINT
    if _THAI.match(before):
        # In Thai a space ends a clause.
        return _CLAUSE
    return _BEFORE_JOINT if bare_after in links else _ANYWHERE


@cache
def _tables(language: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(_LINKS.get(language, "").split()), frozenset(_DETERMINERS.get(language, "").split())
