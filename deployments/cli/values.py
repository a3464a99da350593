"""The values of options, as `--help` shows them and the shell completes them.

They reject nothing: only the request validates values, so that all problems are reported at once.
"""

from __future__ import annotations

from typing import Any, get_args

import click

from speech.choices import LIMITS

__all__ = ["number", "one_of"]


class _OneOf(click.Choice[Any]):
    """One of several values; any other text is left as it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return next((choice for choice in self.choices if str(choice) == value), value)


class _Number(click.ParamType[Any]):
    """A number within limits; any other number or text is passed on unchanged."""

    name = "number"

    def __init__(self, least: float, most: float) -> None:
        self._label = f"[{least}..{most}]"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        return self._label

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                pass
        return value


def one_of(literal: Any) -> _OneOf:
    """Return the type of an option that takes the values of a Literal."""
    return _OneOf(get_args(literal))


def number(field: str) -> _Number:
    """Return the type of an option that takes a number for a field of the request."""
    return _Number(*LIMITS[field])
