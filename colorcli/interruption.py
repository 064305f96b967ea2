"""Ctrl-C, SIGTERM or a closed terminal as a request to stop cleanly, at a safe point."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
ENDINGS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
"""The signals that ask a program to end; SIGBREAK is Ctrl-Break on Windows."""

_REPEATED = getattr(signal, "SIGHUP", None)
"""A shell and the system may both send it when a terminal is closed: not a second request."""


@contextmanager
def interruptible(stop: Callable[[int], None]) -> Iterator[None]:
    """Within, the first of `ENDINGS` calls `stop` with its number; a second ends the process.

    A signal that was ignored stays ignored (`nohup`, or `&` in a script). Only the main thread
    receives signals; in any other this does nothing.
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
            os._exit(128 + number)  # asked twice: now. A half-written file still gets no name.

    heeded = [number for number in ENDINGS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, hear) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
