"""Available memory, and reuse of freed memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h

_STS_NO_MEM = -4  # OpenCV's base.hpp

_HOST_VM_INFO64 = 4  # mach/host_info.h

ASSUMED = 2 * 1024**3
"""Bytes assumed if the system does not say."""


def available_memory() -> int:
    """Bytes available without swapping: the lower of the system's and the container's."""
    found = [_meminfo(), _cgroup(), _windows(), _macos()]
    return min((value for value in found if value is not None), default=ASSUMED)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means out of memory: Python's own, or OpenCV's."""
    opencv_s = type(error).__module__ == "cv2" and getattr(error, "code", 0) == _STS_NO_MEM
    return isinstance(error, MemoryError) or opencv_s


def keep_freed_memory(*, block: int, total: int) -> None:
    """Make glibc keep freed memory for later allocations; no effect with other C libraries.

    By default it maps arrays of more than 128 KB anew each time, and the kernel clears their pages:
    a tenth of the time of a folder of small photos, a quarter of that of training on a CPU.

    Args:
        block: size in bytes up to which a freed allocation is kept.
        total: bytes that may stay unused at the end of the heap.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, block)
        mallopt(_M_TRIM_THRESHOLD, total)


def _windows() -> int | None:
    if sys.platform == "win32":
        import ctypes

        # MEMORYSTATUSEX: its own size and the load in the first number; then, each with what is
        # left of it, the physical memory, what may be allocated at all, and the address space.
        status = (ctypes.c_uint64 * 8)(64)
        if ctypes.windll.kernel32.GlobalMemoryStatusEx(status):
            return min(status[2], status[4])
    return None


def _macos() -> int | None:
    if sys.platform == "darwin":
        import ctypes

        system = ctypes.CDLL(None)
        # A vm_statistics64, with room for later versions; it begins with numbers of pages: free,
        # active, inactive and wired. Most inactive ones are taken without swapping.
        pages = (ctypes.c_uint32 * 256)()
        count = ctypes.c_uint32(len(pages))
        host = system.mach_host_self()
        if system.host_statistics64(host, _HOST_VM_INFO64, pages, ctypes.byref(count)) == 0:
            return (pages[0] + pages[2]) * os.sysconf("SC_PAGE_SIZE")
    return None


def _meminfo() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return None


def _cgroup(
    mount: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Bytes left under the tightest limit on the process's groups; None without a limit."""
    try:
        lines = membership.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        lines = []
    left = []
    for line in [*lines, "0::/"]:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        version, top = (_V1, mount / "memory") if controllers else (_V2, mount)
        # In a container the path may be the host's, of which only the end is visible.
        group = top / path.strip("/")
        while True:
            left.append(_left(group, *version))
            if group == top:
                break
            group = group.parent
    return min((value for value in left if value is not None), default=None)


_V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
_V2 = ("memory.max", "memory.current", "inactive_file ")
"""By cgroup version: the files with limit and usage, and the line of `memory.stat` with the page
cache, which counts as used but is freed on demand."""


def _left(group: Path, limit: str, used: str, cached: str) -> int | None:
    try:
        left = int((group / limit).read_text(encoding="ascii"))
        left -= int((group / used).read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such group, or the limit is "max"
        return None
    try:
        for line in (group / "memory.stat").read_text(encoding="ascii").splitlines():
            if line.startswith(cached):
                left += int(line.split()[1])
    except (OSError, ValueError):
        pass
    return max(0, left)
