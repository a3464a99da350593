"""Engines turn text into samples. They are chosen by name; callers see only the protocol."""

from speech.engines.base import ChunkProgress, Engine, Quality, SynthesisOptions
from speech.engines.choice import ENGINES, choose

__all__ = ["ENGINES", "ChunkProgress", "Engine", "Quality", "SynthesisOptions", "choose"]
