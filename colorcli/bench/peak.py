"""The peak main memory of this process from a given moment on."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): sets the peak resident set size to the current one


class PeakMemory:
    """Starts a measurement on Linux; elsewhere the peak is that since the process began.

    `bytes` may be called any number of times.
    """

    def __init__(self) -> None:
        # If it is not Linux, or not allowed, the peak is that since the process began.
        with contextlib.suppress(OSError):
            _CLEAR.write_text(_RESET_PEAK, encoding="ascii")

    def bytes(self) -> int | None:
        """The peak resident set size in bytes; None if the system does not say."""
        try:
            for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
        if sys.platform == "win32":
            return None
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
