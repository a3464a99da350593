"""Subtitles: cues built from one list of timed words, and the files written from them.

`render` writes one format as text. All formats take their times from the same integer milliseconds,
which only the writers convert to text.
"""

from __future__ import annotations

from speech.subtitles.rendering import render
from speech.subtitles.subtitles import Subtitles, make
from speech.subtitles.violations import describe, summary

__all__ = ["Subtitles", "describe", "make", "render", "summary"]
