"""The loudness of a file, measured by ffmpeg, and the check against a preset's limits."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from speech.books.pcm import run
from speech.media import source

__all__ = ["Figure", "Figures", "Limits", "measure", "violations"]

Figure = Literal["loudness", "true peak", "RMS", "peak", "floor"]
"""Integrated loudness in LUFS (EBU R 128), true peak in dBTP; RMS of the whole, highest sample and RMS of the quietest
half second, all in dBFS."""

Figures = Mapping[Figure, float]
Limits = Mapping[Figure, tuple[float, float]]
"""Least and highest value that is accepted; infinite where there is no such limit."""

_UNITS: dict[Figure, str] = {"loudness": "LUFS", "true peak": "dBTP", "RMS": "dB", "peak": "dB", "floor": "dB"}
_PATTERNS: dict[Figure, re.Pattern[str]] = {
    "loudness": re.compile(r"\bI: +(\S+) LUFS"),
    "true peak": re.compile(r"\[astats@between.*Peak level dB: (\S+)"),
    "RMS": re.compile(r"\[astats@samples.*RMS level dB: (\S+)"),
    "peak": re.compile(r"\[astats@samples.*Peak level dB: (\S+)"),
    # Some releases of ffmpeg call it "through".
    "floor": re.compile(r"\[astats@samples.*RMS th?rough dB: (\S+)"),
}
_SAMPLES = ("RMS", "peak", "floor")
_SHORTEST_SECONDS = 15
_STATISTICS = "measure_perchannel=none:measure_overall"


@dataclass(frozen=True, slots=True)
class Violation:
    """A figure of a file that lies outside of its limits."""

    file: str
    figure: Figure
    value: float
    least: float
    most: float

    def __str__(self) -> str:
        unit = _UNITS[self.figure]
        if math.isinf(self.least):
            accepted = f"at most {self.most:g} {unit}"
        elif math.isinf(self.most):
            accepted = f"at least {self.least:g} {unit}"
        else:
            accepted = f"{self.least:g} to {self.most:g} {unit}"
        return f"{self.file}: {self.figure} is {self.value:.1f} {unit}; it should be {accepted}."


def measure(path: Path, rate: int, seconds: float, figures: Collection[Figure] = get_args(Figure)) -> Figures:
    """Measure an encoded file, decoded once.

    Args:
        rate: its sample rate in hertz.
        seconds: its length.
        figures: what to measure.

    Raises:
        AudioError: it cannot be decoded.
    """
    chains = []
    if "loudness" in figures:
        chains.append("ebur128=framelog=verbose")
    if set(_SAMPLES) & set(figures):
        chains.append(f"astats@samples=length=0.5:{_STATISTICS}=RMS_level+Peak_level+RMS_trough")
    if "true peak" in figures:
        # Four times the rate, as ITU-R BS.1770 has it; samples that are too loud must not be clipped on the way.
        chains.append(f"aresample=osr={4 * rate}:osf=fltp,astats@between={_STATISTICS}=Peak_level")
    if not chains:
        return {}
    split = f"[0:a:0]asplit={len(chains)}" + "".join(f"[i{number}]" for number in range(len(chains)))
    graph = ";".join([split, *(f"[i{number}]{chain}[o{number}]" for number, chain in enumerate(chains))])
    maps = [word for number in range(len(chains)) for word in ("-map", f"[o{number}]")]
    arguments = [*source(path), "-filter_complex", graph, *maps, "-f", "null", "-"]
    report = run(arguments, seconds, f"measure {path.name}").stderr
    return {figure: _last(_PATTERNS[figure], report) for figure in get_args(Figure) if figure in figures}


def violations(file: str, figures: Figures, limits: Limits, seconds: float = math.inf) -> list[Violation]:
    """Return the figures of a file that lie outside the limits once they are rounded to one decimal.

    Args:
        seconds: its length. Levels of a sentence or two, such as a title page, say nothing; peaks do.
    """
    return [
        Violation(file, figure, figures[figure], least, most)
        for figure, (least, most) in limits.items()
        if not least <= round(figures[figure], 1) <= most and (seconds >= _SHORTEST_SECONDS or "peak" in figure)
    ]


def _last(pattern: re.Pattern[str], report: str) -> float:
    values = pattern.findall(report)
    return float(values[-1]) if values else math.nan
