"""How much memory is free, and what becomes of what is freed."""

from __future__ import annotations

import sys
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h

ASSUMED = 2 * 1024**3
"""Taken where the system does not say."""


def available_memory() -> int:
    """Bytes that can be taken without swapping: the system's count, or the container's limit."""
    found = [_meminfo(), _cgroup()]
    return min((value for value in found if value is not None), default=ASSUMED)


def keep_freed_memory(*, block: int, total: int) -> None:
    """Keep what this process frees for what it asks for next, where the C library is glibc.

    Of its own it maps arrays of more than 128 KB anew each time, and the kernel clears their pages
    before each use: a tenth of the time of a folder of small photos, a quarter of that of training
    on a CPU.

    Args:
        block: bytes up to which freed memory is kept.
        total: bytes that may lie unused at the end of the heap.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, block)
        mallopt(_M_TRIM_THRESHOLD, total)


def _meminfo() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _cgroup(folder: Path = Path("/sys/fs/cgroup")) -> int | None:
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        used = int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # no cgroup, or the limit is "max"
        return None
    return max(0, limit - used + _cached(folder))


def _cached(folder: Path) -> int:
    """Bytes of files that were read: they count as used, and are let go of when they are wanted."""
    try:
        for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines():
            if line.startswith("inactive_file "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0
