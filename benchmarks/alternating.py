"""Time several ways of doing one thing in turn, so that disturbances affect all alike."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Mapping
from time import perf_counter, sleep

# Threads of an engine that just ran may spin for a while, waiting for work, and slow the next.
PAUSE = 0.05


def alternate(
    ways: Mapping[str, Callable[[], object]], *, rounds: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Time each way once per round.

    Args:
        ways: name → function that runs it once. One that raises is reported and dropped.
        rounds: that are timed.
        warm_up: rounds before them.

    Returns:
        Name → seconds of each round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(warm_up + rounds):
        for name in list(seconds):
            sleep(PAUSE)
            began = perf_counter()
            try:
                ways[name]()
            except Exception as error:
                line = str(error).strip().split("\n", 1)[0][:160]
                print(f"{name}: skipped: {type(error).__name__}: {line}", file=sys.stderr)
                del seconds[name]
                continue
            if round_ >= warm_up:
                seconds[name].append(perf_counter() - began)
    return seconds


def report(title: str, seconds: Mapping[str, list[float]], against: str) -> dict[str, float]:
    """Print medians, and ratios to the way `against` within a round: median and range over rounds.

    Returns:
        Name → the median of these ratios.
    """
    print(f"\n{title}")
    width = max(map(len, seconds))
    base = seconds.get(against, [])
    ratios = {}
    for name, values in seconds.items():
        pairs = [a / b for a, b in zip(values, base, strict=False)]
        ratios[name] = statistics.median(pairs) if pairs else math.nan
        spread = f"{min(pairs):.2f}-{max(pairs):.2f}" if pairs else ""
        median = statistics.median(values)
        print(f"  {name:<{width}}  {median * 1e3:9.1f} ms   {ratios[name]:6.3f}   ({spread})")
    return ratios
