"""How much memory is free."""

from __future__ import annotations

from pathlib import Path

ASSUMED = 2 * 1024**3
"""Taken where the system does not say."""


def available_memory() -> int:
    """Bytes that can be taken without swapping: the system's count, or the container's limit."""
    found = [_meminfo(), _cgroup()]
    return min((value for value in found if value is not None), default=ASSUMED)


def _meminfo() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _cgroup() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        return max(0, limit - int((folder / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError):  # no cgroup, or the limit is "max"
        return None
