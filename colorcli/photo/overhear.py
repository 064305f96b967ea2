"""Capture what a C library writes to standard error.

OpenCV prints why an encoder refuses, libjpeg what it repairs in damaged pictures and libpng its
errors, past every hook that OpenCV offers. The text is needed (nothing else tells that a JPEG is
damaged in its middle), and we promise one line per failure on standard error. Redirecting
descriptor 2 for the whole process would swallow the lines of other threads and need a lock around
every decoder. Linux can give one thread its own descriptor table: there, a redirected descriptor 2
affects no other thread, needs no lock, and disappears with the thread.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

_T = TypeVar("_T")

# close_range is 436 on every architecture. Unlike unshare, containers allow it.
_CLOSE_RANGE, _ALL, _UNSHARE = 436, 0xFFFFFFFF, 2
# More of a library's errors is of no use.
_ENOUGH = 4096


def overhear(
    call: Callable[[], _T],
    while_heard: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> tuple[_T, str | None]:
    """Call something in a thread of its own, and capture what it prints on standard error.

    Costs a tenth of a millisecond. Where the system cannot do that (not Linux, or older than 5.9),
    nothing is captured.

    Args:
        call: may raise anything; must not need a descriptor that is open already.
        while_heard: entered around the call if its output is captured.

    Returns:
        Its result, and what it printed: at most 4096 bytes; None if nothing can be captured.
    """
    if sys.platform != "linux":
        return call(), None
    with ThreadPoolExecutor(1, "colorize-overhear") as pool:
        try:
            heard = pool.submit(_apart, call, while_heard)
        except RuntimeError:  # no thread to be had
            return call(), None
        return heard.result()


def _apart(
    call: Callable[[], _T], while_heard: Callable[[], AbstractContextManager[object]]
) -> tuple[_T, str | None]:
    """`overhear`, in a thread that may change its descriptors."""
    if not _leave_descriptors():
        return call(), None
    try:
        shown, caught = os.dup(2), os.memfd_create("overheard")
        os.dup2(caught, 2)
    except OSError:
        return call(), None
    try:
        with while_heard():
            result = call()
    finally:
        # Threads that the library has started meanwhile, and keeps running, share this table.
        os.dup2(shown, 2)
    said = os.pread(caught, _ENOUGH, 0).decode("utf-8", "replace")
    os.close(caught)
    os.close(shown)
    return result, said


def _leave_descriptors() -> bool:
    """Give this thread its own table, with only standard input, output and error.

    The rest is closed in it: copies would keep files and pipes open that other threads close.
    """
    try:
        syscall = ctypes.CDLL(None).syscall
        return bool(syscall(_CLOSE_RANGE, 3, ctypes.c_uint(_ALL), _UNSHARE) == 0)
    except (OSError, AttributeError):
        return False
