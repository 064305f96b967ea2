from __future__ import annotations

import platform
from collections.abc import Iterator

import cv2
import pytest

from colorcli import processor

SEEN = {1: "MMX", 11: "AVX2", 12: "FMA3", 28: "AVX_VNNI"}


@pytest.fixture
def fresh() -> Iterator[None]:
    """What is known of the CPU is found out anew, and forgotten afterwards."""
    cached = processor.cpu_flags, processor.cpu_identity
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.mark.usefixtures("fresh")
def test_opencv_is_asked_where_the_system_lists_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "_cpuinfo", lambda *_names: None)
    monkeypatch.setattr(cv2, "checkHardwareSupport", lambda number: number in SEEN)
    monkeypatch.setattr(cv2, "getHardwareFeatureName", lambda n: SEEN.get(n, "Unknown feature"))
    assert processor.cpu_flags() == {"avx2", "fma", "avx_vnni"}
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    for name in ("Intel64 Family 6 Model 142", "AMD64 Family 25 Model 33"):
        processor.cpu_identity.cache_clear()
        monkeypatch.setattr(platform, "processor", lambda name=name: name)
        assert processor.cpu_identity() == f"AMD64 {name} avx2 avx_vnni fma"


def test_opencv_and_the_system_agree() -> None:
    listed = processor._listed_flags()
    if not listed:
        pytest.skip("the system lists nothing")
    seen = processor._flags_seen_by_opencv()
    assert seen <= listed  # not every OpenCV knows the newest
    for common in ("avx2", "fma", "avx512f"):
        assert (common in seen) == (common in listed)
