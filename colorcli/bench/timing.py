"""Repeated timing."""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from colorcli.bench.peak import PeakMemory

WARM_UP = 2
"""Runs that do not count: the first touches memory for the first time, the second tells how long
one takes."""


@dataclass(frozen=True)
class Timing:
    """Seconds of each run, in order.

    Attributes:
        seconds: those of each run that counts.
        warm_up: those of the runs before them.
        peak_memory: peak main memory of the process in bytes, or None if the system does not say.
    """

    seconds: tuple[float, ...]
    warm_up: tuple[float, ...]
    peak_memory: int | None

    @property
    def mean(self) -> float:
        """Mean in seconds, as in the paper."""
        return statistics.fmean(self.seconds)

    @property
    def median(self) -> float:
        """Median in seconds, which other programs on the machine disturb least."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """95th percentile in seconds (nearest rank)."""
        return sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]


def time_runs(
    work: Callable[[], float],
    runs: int,
    *,
    warm_up: int = WARM_UP,
    ready: Callable[[float], None] = lambda _expected: None,
    tick: Callable[[], None] = lambda: None,
) -> Timing:
    """Time repeated runs.

    Args:
        work: does one run, and returns the seconds that count.
        runs: number that count, at least 1.
        warm_up: number of runs before them.
        ready: called after the warm-up with the expected seconds of one run.
        tick: called after each run that counts.

    Returns:
        The seconds of each run, and the peak memory.
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
