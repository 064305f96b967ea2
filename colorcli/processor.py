"""Properties of the CPU that decide how networks are run."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path

INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "asimddp", "i8mm"})
"""CPU flags with which a dot product of bytes is one instruction."""

AVX2 = frozenset({"avx2"})
"""With only this it takes three, and sums of pairs have 16 bits: `precision.PAIRED_BITS`."""

_OPENCV = {
    "AVX2": "avx2",
    "FMA3": "fma",
    "AVX512F": "avx512f",
    "AVX512VNNI": "avx512_vnni",
    "AVX_VNNI": "avx_vnni",
    "NEON_DOTPROD": "asimddp",
}
"""OpenCV's names of instruction sets, and those of Linux."""

_OPENCV_FEATURES = 512  # CV_HARDWARE_MAX_FEATURE

_NOTABLE = ("avx2", "fma", "avx512f", *sorted(INT8_FLAGS), "avx512_bf16", "amx_int8", "amx_bf16")


def usable_cores() -> int:
    """The number of cores that this process may use, not that of the machine."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS, nor on Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_name() -> str:
    """The processor's name according to the system."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


@cache
def cpu_flags() -> frozenset[str]:
    """The CPU's instruction sets by their Linux names; only those of `_OPENCV` on other systems."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return frozenset({"asimd", "asimddp"})  # every Apple silicon has both
    return _listed_flags() or _flags_seen_by_opencv()


def notable_flags() -> list[str]:
    """The `cpu_flags` that speed up networks."""
    return [name for name in _NOTABLE if name in cpu_flags()]


@cache
def cpu_identity() -> str:
    """Identifies the kind of CPU that code is tuned to: all its flags, or its name and some."""
    if not (listed := _listed_flags()):  # the few that OpenCV sees do not tell CPUs apart
        return " ".join((platform.machine(), platform.processor(), *sorted(cpu_flags())))
    return " ".join(sorted(listed))


def _listed_flags() -> frozenset[str]:
    return frozenset((_cpuinfo("flags", "Features") or "").split())


def _flags_seen_by_opencv() -> frozenset[str]:
    import cv2  # here: a tenth of a second, which Linux does not need

    # By name: OpenCV's modules for Python lack the constants with the numbers.
    seen = filter(cv2.checkHardwareSupport, range(_OPENCV_FEATURES))
    return frozenset(_OPENCV.values()) & {_OPENCV.get(cv2.getHardwareFeatureName(n)) for n in seen}


def _cpuinfo(*names: str) -> str | None:
    """The first value of one of these names in `/proc/cpuinfo`; None if there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(names):
            return line.split(":", 1)[1].strip()
    return None
