"""The progress of a command on standard error: a bar on a terminal, and a few lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployments.cli.terminal import echo

__all__ = ["Lines", "ProgressCallback", "bar"]

ProgressCallback = Callable[[str, float], None]
"""Called with the name of the step and the share that is done, 0 to 1."""

Clock = Callable[[], float]

# Below this, an estimate is too unreliable to show.
_LEAST_SHARE, _LEAST_SECONDS = 0.05, 2.0
# Another line is due after this time, or when another tenth is done.
_SECONDS = 5.0


class _Estimate:
    """The time that is left, at the pace since the first share that was reported."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._first: tuple[float, float] | None = None

    def __call__(self, share: float) -> str:
        """Return the remaining time in words; empty if it cannot be estimated yet."""
        now = self._clock()
        if share <= 0:
            return ""
        if self._first is None:
            self._first = share, now
        first, since = self._first
        if share >= 1 or share - first < _LEAST_SHARE or now - since < _LEAST_SECONDS:
            return ""
        seconds = (now - since) * (1 - share) / (share - first)
        return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"


class Lines:
    """Progress as lines: one for each step, and within a long step one every 10 % or 5 s."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._remaining = clock, _Estimate(clock)
        self._printed_steps: set[str] = set()
        self._share, self._time = 0.0, clock()

    def line(self, step: str, share: float) -> str | None:
        """Return the line to print now, if one is due."""
        remaining, now = self._remaining(share), self._clock()
        is_due = _tenths(share) > _tenths(self._share) or (share > self._share and now - self._time >= _SECONDS)
        if step in self._printed_steps and not is_due:
            return None
        self._printed_steps.add(step)
        self._share, self._time = share, now
        return f"[{share:4.0%}] {step}{', ' if remaining else ''}{remaining}"


def _tenths(share: float) -> int:
    # A sum of floats may fall slightly short of 1.
    return int(share * 10 + 1e-6)


@contextmanager
def bar(quiet: bool) -> Iterator[ProgressCallback]:
    """Show a progress bar on standard error, or plain lines if that is not a terminal."""
    if quiet:
        yield lambda step, share: None
        return
    if not sys.stderr.isatty():
        lines = Lines()

        def show_line(step: str, share: float) -> None:
            if line := lines.line(step, share):
                echo(line, err=True)

        yield show_line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    estimate = _Estimate(time.monotonic)
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("start", total=1.0, left="")
        yield lambda step, share: progress.update(bar, description=step, completed=share, left=estimate(share))
