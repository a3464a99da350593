"""Forced alignment: finding out when each word of a known script is heard."""

from speech.alignment.base import Aligner, Alignment
from speech.alignment.chain import ALIGNERS, CHAIN, align

__all__ = ["ALIGNERS", "CHAIN", "Aligner", "Alignment", "align"]
