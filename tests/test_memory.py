from __future__ import annotations

import platform
import subprocess
import sys

import pytest

ARRAYS = """
import resource
import numpy as np
from colorcli.memory import keep_freed_memory

if {kept}:
    keep_freed_memory(block=32 << 20, total=256 << 20)
for once in range(20):
    several = [np.ones(1 << 18) for _ in range(4)]  # 2 MB each
    del several
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    if not once:
        first = faults
print(faults - first)
"""


def page_faults(*, kept: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", ARRAYS.format(kept=kept)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep or do not")
def test_kept_memory_is_not_cleared_anew() -> None:
    assert page_faults(kept=True) < 0.2 * page_faults(kept=False)
