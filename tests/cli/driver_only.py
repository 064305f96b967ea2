"""The command on a machine with an NVIDIA driver and device, but without the CUDA libraries."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from colorcli.__main__ import main
from colorcli.model import providers


class _Driver:
    """Answers as libcuda.so.1 does."""

    def cuInit(self, _flags: int) -> int:
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = 1
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:
        device._obj.value = index
        return 0

    def cuDeviceGetName(self, name: Any, _size: int, _device: Any) -> int:
        name.value = b"NVIDIA Test"
        return 0


_load = ctypes.CDLL


def _loaded(name: str, *arguments: Any) -> Any:
    return _Driver() if name == providers._DRIVER else _load(name, *arguments)


if __name__ == "__main__":
    ctypes.CDLL = _loaded  # type: ignore[assignment,misc]
    sys.exit(main())
