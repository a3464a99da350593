"""Checking, before any work is done, what a request names in the store: voices and a lexicon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deployments.cli.console import Checks
from deployments.cli.lexicon import lexicon_rows
from deployments.cli.voices import check_voice

if TYPE_CHECKING:
    from speech.lexicons import Row

__all__ = ["check_stored"]


def check_stored(
    voices: Mapping[str | None, str | None], lexicon: str | Sequence[Row] | None, storage: str | None, checks: Checks
) -> None:
    """Check voices and a lexicon, unless the request has refused them already.

    Args:
        voices: by their names in the cast; None is the request's voice.
    """
    refused_fields = {problem.field for problem in checks.problems}
    for name, voice in voices.items():
        if ("local_voice" if name is None else "cast") not in refused_fields:
            with checks.each():
                check_voice(voice, storage, "--voice" if name is None else f"--cast: {name}")
    if "lexicon" not in refused_fields:
        with checks.each():
            lexicon_rows(lexicon, storage)
