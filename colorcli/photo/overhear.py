"""What a C library writes on standard error while it works, caught instead of shown.

OpenCV prints what an encoder refuses, libjpeg mends damaged pictures and libpng explains its
refusals by printing, past every hook that OpenCV offers. The words are needed (nothing else tells
that a JPEG is damaged in its middle), and standard error is promised to hold one line a failure.
Turning descriptor 2 elsewhere for the whole process would swallow the lines of other threads and
need a lock around every decoder. Linux can give one thread a table of descriptors of its own:
there, a turned descriptor 2 is seen by nobody else, needs no lock, and is gone with the thread.
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
# Nobody needs more of a library's complaints.
_ENOUGH = 4096


def overhear(
    call: Callable[[], _T],
    while_heard: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> tuple[_T, str | None]:
    """Call something in a thread of its own, and catch what it prints on standard error.

    Costs a tenth of a millisecond. Where the system offers no such thread (not Linux, or older
    than 5.9), nothing is caught.

    Args:
        call: raises what it likes; may not need a descriptor that is open already.
        while_heard: entered around it, where what it prints is caught.

    Returns:
        What it returns, and what it printed: at most 4096 bytes; None where nothing is caught.
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
        # Threads that the library has started meanwhile, and keeps, share this table.
        os.dup2(shown, 2)
    said = os.pread(caught, _ENOUGH, 0).decode("utf-8", "replace")
    os.close(caught)
    os.close(shown)
    return result, said


def _leave_descriptors() -> bool:
    """Give this thread a table of its own, with standard input, output and error alone.

    The rest is closed in it: copies would keep files and pipes open that others mean to close.
    """
    try:
        syscall = ctypes.CDLL(None).syscall
        return bool(syscall(_CLOSE_RANGE, 3, ctypes.c_uint(_ALL), _UNSHARE) == 0)
    except (OSError, AttributeError):
        return False
