"""Where one line or cue may end and the next begin, and what that costs a reader."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import regex

from speech.words import Word

__all__ = ["SENTENCE", "break_costs"]

# From the best place to one that tears a name or a number apart.
SENTENCE, _CLAUSE, _BEFORE_JOINT, _ANYWHERE, _AFTER_JOINT, _NEVER = 0.0, 1.0, 3.0, 6.0, 12.0, 60.0

# Words that open a phrase: a line should begin with them and not end on them. By language, the
# commonest conjunctions and prepositions, then articles and the like, which only must not end a line.
_JOINTS = {
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
# Looked for from the end, so that a word of nothing but such signs takes one pass.
_ENDS_SENTENCE = regex.compile(r"(?r)[.!?…。！？؟।][\p{Pe}\p{Pf}\"'»”]*$")
_ENDS_CLAUSE = regex.compile(r"(?r)[,;:—–、，；：،؛)\]]\p{P}*$")
_TITLE = regex.compile(
    r"(?:Mr|Mrs|Ms|Dr|Prof|St|Hr|Fr|Sr|Sra|Srta|Sig|Sig\.ra|Dott|M|Mme|Mlle|Jr|No|Nr|Mt)\.?", regex.IGNORECASE
)
_NAME = regex.compile(r"\p{Lu}[\p{L}'’-]*\.?")
_NUMBER = regex.compile(r"[\p{P}\p{Sc}]*\d[\d.,:/]*[\p{Sc}%°]?")


def break_costs(words: Sequence[Word], language: str) -> list[float]:
    """What it costs to part each word from the one after it; nothing after the last."""
    joints, determiners = _tables(language)
    return [_cost(words, index, joints, determiners) for index in range(1, len(words))] + [SENTENCE]


def _cost(words: Sequence[Word], index: int, joints: frozenset[str], determiners: frozenset[str]) -> float:
    """What it costs to part word `index` from the one before it."""
    before, after = words[index - 1].text, words[index].text
    # Most words are letters alone, which no pattern below has to be asked about.
    plain = before.isalpha()
    if not plain:
        if before.endswith(".") and after[:1].isupper() and _TITLE.fullmatch(before.lstrip("\"'“‘(")):
            return _NEVER
        if _ENDS_SENTENCE.search(before):
            return SENTENCE
        if _ENDS_CLAUSE.search(before):
            return _CLAUSE
    if not words[index - 1].space:
        return _ANYWHERE
    if not plain and _NUMBER.fullmatch(before):
        return _NEVER
    if not after.isalpha() and not any(character.isalnum() for character in after):
        return _NEVER
    if before[:1].isupper() and _NAME.fullmatch(before):
        begins = index < 2 or _ENDS_SENTENCE.search(words[index - 2].text)
        if _NUMBER.fullmatch(after) or (_NAME.match(after) and not begins):
            return _NEVER
    bare_before, bare_after = before.strip("\"'“”‘’«»()[].,;:!?").lower(), after.strip("\"'“”‘’«»()[]").lower()
    if bare_before in determiners or bare_before in joints:
        return _AFTER_JOINT
    return _BEFORE_JOINT if bare_after in joints else _ANYWHERE


@cache
def _tables(language: str) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(_JOINTS.get(language, "").split()), frozenset(_DETERMINERS.get(language, "").split())
