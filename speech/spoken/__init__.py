"""The spoken form: numbers, money, units, dates, addresses and abbreviations, spelled out as they are read aloud.

num2words spells numbers and amounts of money; Babel's copy of the CLDR has the units, the months and each language's
decimal notation. Small tables here add what neither has: abbreviations, the names of symbols, the word for a decimal
mark. In languages without them numbers are spelled out if num2words knows the language, and the rest stays as written.
"""

from __future__ import annotations

from speech.spoken.spelling import broken_up, spell

__all__ = ["broken_up", "spell"]
