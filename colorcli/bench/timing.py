"""How long something takes, measured many times."""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from colorcli.bench.peak import PeakMemory

WARM_UP = 2
"""Runs before those that count: the first touches memory for the first time, the second tells how
long one takes."""


@dataclass(frozen=True)
class Timing:
    """Seconds of each run, in the order they were made.

    Attributes:
        seconds: of each run that counts.
        warm_up: of each run before them.
        peak_memory: bytes of main memory that the process held at most meanwhile, or None where
            the system does not say.
    """

    seconds: tuple[float, ...]
    warm_up: tuple[float, ...]
    peak_memory: int | None

    @property
    def mean(self) -> float:
        """Mean, in seconds: what the paper gives."""
        return statistics.fmean(self.seconds)

    @property
    def median(self) -> float:
        """Median, in seconds: what other programs on the machine disturb least."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """The run that 95 % of the runs are no slower than (nearest rank), in seconds."""
        return sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]


def time_runs(
    work: Callable[[], float],
    runs: int,
    *,
    warm_up: int = WARM_UP,
    ready: Callable[[float], None] = lambda _expected: None,
    tick: Callable[[], None] = lambda: None,
) -> Timing:
    """Do something many times.

    Args:
        work: does it once, and says how many seconds of that count.
        runs: that count, at least 1.
        warm_up: runs before them.
        ready: told, after the warm-up, the seconds that one run is expected to take.
        tick: called after each run that counts.

    Returns:
        The seconds of each run.
    """
    gc.collect()
    peak = PeakMemory()
    before = tuple(work() for _ in range(warm_up))
    ready(before[-1] if before else math.nan)
    seconds = []
    for _ in range(runs):
        seconds.append(work())
        tick()
    return Timing(tuple(seconds), before, peak.bytes())
