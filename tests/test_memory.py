from __future__ import annotations

import ctypes
import platform
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
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


V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


def group(folder: Path, names: tuple[str, str, str], limit: str, used: int, cached: int) -> None:
    """A control group as the kernel presents it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 200\nfile 650\n{names[2]} {cached}\n")


def of(tmp_path: Path, text: str) -> Path:
    """The content of /proc/self/cgroup."""
    path = tmp_path / "cgroup"
    path.write_text(text)
    return path


def test_files_that_a_container_has_read_are_free_memory(tmp_path: Path) -> None:
    own = of(tmp_path, "0::/\n")
    group(tmp_path, V2, "1000", 900, 600)
    assert memory._cgroup(tmp_path, own) == 700
    (tmp_path / "memory.stat").unlink()
    assert memory._cgroup(tmp_path, own) == 100
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._cgroup(tmp_path, own) is None
    assert memory._cgroup(tmp_path / "nowhere", own) is None


def test_the_smallest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    group(tmp_path / "user.slice" / "photos.scope", V2, "max", 10, 0)
    group(tmp_path / "user.slice", V2, "5000", 1000, 0)
    group(tmp_path, V2, "9000", 1000, 0)
    assert memory._cgroup(tmp_path, of(tmp_path, "0::/user.slice/photos.scope\n")) == 4000


@pytest.mark.parametrize("path", ["/docker/abc", "/of/the/host"], ids=["whole", "seen in part"])
def test_limits_of_the_first_version_count(tmp_path: Path, path: str) -> None:
    seen = "docker/abc" if path == "/docker/abc" else ""
    group(tmp_path / "memory" / seen, V1, "4000", 3000, 500)
    lines = f"9:name=systemd:/\n4:memory:{path}\n1:cpu:/\n0::/\n"
    assert memory._cgroup(tmp_path, of(tmp_path, lines)) == 1500


def test_a_container_s_limit_bounds_what_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    for elsewhere in ("_windows", "_macos"):
        monkeypatch.setattr(memory, elsewhere, lambda: None)
    monkeypatch.setattr(memory, "_meminfo", lambda: 8000)
    monkeypatch.setattr(memory, "_cgroup", lambda: 3000)
    assert memory.available_memory() == 3000
    monkeypatch.setattr(memory, "_cgroup", lambda: None)
    assert memory.available_memory() == 8000
    monkeypatch.setattr(memory, "_meminfo", lambda: None)
    assert memory.available_memory() == memory.ASSUMED


@pytest.mark.parametrize(("physical", "commit"), [(5 << 30, 9 << 30), (9 << 30, 5 << 30)])
def test_windows_is_asked(monkeypatch: pytest.MonkeyPatch, physical: int, commit: int) -> None:
    """The system's answer as its documentation lays it out; refused unless it is given the size."""

    def answer(status: ctypes.Array[ctypes.c_uint64]) -> int:
        size, _load, *numbers = struct.unpack("<2I7Q", bytes(status))
        if size != len(bytes(status)):
            return 0
        numbers[:4] = 16 << 30, physical, 20 << 30, commit
        ctypes.memmove(status, struct.pack("<2I7Q", size, 40, *numbers), size)
        return 1

    kernel = SimpleNamespace(GlobalMemoryStatusEx=answer)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    for of_linux in ("_meminfo", "_cgroup"):
        monkeypatch.setattr(memory, of_linux, lambda: None)
    assert memory.available_memory() == 5 << 30
    kernel.GlobalMemoryStatusEx = lambda _status: 0
    assert memory.available_memory() == memory.ASSUMED


def test_opencv_s_own_shortage_is_known() -> None:
    for size, short in (((1 << 30, 1 << 30), True), ((0, 0), False)):
        with pytest.raises(cv2.error) as raised:
            cv2.resize(np.zeros((2, 2), np.uint8), size)
        assert memory.is_out_of_memory(raised.value) == short
    assert memory.is_out_of_memory(MemoryError())
