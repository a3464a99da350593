"""Engines turn text into samples. They are chosen by name; callers see only the protocol."""

from speech.engines.base import Engine, Progress, Quality, SynthesisOptions
from speech.engines.choice import ENGINES, choose

__all__ = ["ENGINES", "Engine", "Progress", "Quality", "SynthesisOptions", "choose"]
