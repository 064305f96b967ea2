"""Properties of the CPU that decide how networks are run."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

INT8_FLAGS = frozenset({"avx512_vnni", "avx_vnni", "asimddp", "i8mm"})
"""CPU flags with which a dot product of bytes is one instruction."""

AVX2 = frozenset({"avx2"})
"""With only this it takes three, and sums of pairs have 16 bits: `precision.PAIRED_BITS`."""

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
    """The CPU's instruction sets by their Linux names; empty if the system lists none."""
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return frozenset({"asimd", "asimddp"})  # every Apple silicon has both
    return frozenset((_cpuinfo("flags", "Features") or "").split())


def notable_flags() -> list[str]:
    """The `cpu_flags` that speed up networks."""
    return [name for name in _NOTABLE if name in cpu_flags()]


@cache
def cpu_identity() -> str:
    """Identifies the kind of CPU that code is tuned to: its flags, or else its name."""
    return " ".join(sorted(cpu_flags())) or f"{platform.machine()} {platform.processor()}"


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
