"""Ctrl-C and SIGTERM as a wish to end soon, and not in the middle of something."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interruptible(stop: Callable[[int], None]) -> Iterator[None]:
    """Call `stop` with the number of SIGINT or SIGTERM, instead of what they did before."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        stop(number)

    previous = {s: signal.signal(s, on_signal) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
