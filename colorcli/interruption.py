"""Ctrl-C, a polite kill or a closed terminal as a wish to end soon, not in the middle of things."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""The signals that ask a program to end; Windows has none for a terminal that is closed."""

_REPEATED = getattr(signal, "SIGHUP", None)
"""A shell and the system may both send it when a terminal is closed: nobody asked twice."""


@contextmanager
def interruptible(stop: Callable[[int], None]) -> Iterator[None]:
    """Within, the first of `ENDINGS` calls `stop` with its number; a second ends the process.

    One that was ignored stays ignored: `nohup`, or `&` in a script. Only the main thread hears
    signals; in any other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = False

    def hear(number: int, _frame: FrameType | None) -> None:
        nonlocal heard
        if not heard:
            heard = True
            stop(number)
        elif number != _REPEATED:
            os._exit(128 + number)  # asked twice: now. Half a file still gets no name.

    heeded = [number for number in ENDINGS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
