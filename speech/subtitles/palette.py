"""The colours of voices, to be told apart by people who see few colours as well: in captions, and on the page."""

from __future__ import annotations

__all__ = ["ON_DARK", "ON_LIGHT", "Colour"]

Colour = tuple[int, int, int]

ON_LIGHT: tuple[Colour, ...] = (
    (11, 87, 164), (180, 35, 90), (15, 111, 103), (154, 52, 18), (109, 40, 217), (63, 98, 18), (155, 31, 168),
    (21, 94, 117),
)  # fmt: skip
"""For light pages, and for captions with light edges."""

ON_DARK: tuple[Colour, ...] = (
    (142, 195, 255), (255, 157, 184), (95, 212, 196), (255, 179, 138), (196, 168, 255), (181, 211, 107),
    (240, 163, 245), (125, 211, 234),
)  # fmt: skip
"""For dark pages, and for captions with dark edges: the same hues in the same order."""
