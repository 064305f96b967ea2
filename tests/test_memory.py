from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from colorcli import memory

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


def test_files_that_a_container_has_read_are_free_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 200\nfile 650\ninactive_file 600\n")
    assert memory._cgroup(tmp_path) == 700
    (tmp_path / "memory.stat").unlink()
    assert memory._cgroup(tmp_path) == 100
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._cgroup(tmp_path) is None
    assert memory._cgroup(tmp_path / "nowhere") is None
