"""The sRGB curve: encoded values ⇄ linear light (IEC 61966-2-1), exact and by table."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Float: TypeAlias = npt.NDArray[np.float32]


def decode(encoded: Array) -> Array:
    """sRGB-encoded values to linear light (IEC 61966-2-1).

    Args:
        encoded: float (...) in [0, 1].

    Returns:
        Linear light (...) in [0, 1], of the same dtype.
    """
    curve = np.power((np.maximum(encoded, 0.04045) + 0.055) / 1.055, 2.4)
    return np.where(encoded <= 0.04045, encoded / 12.92, curve).astype(encoded.dtype, copy=False)


def encode(linear: Array) -> Array:
    """Linear light to sRGB-encoded values (IEC 61966-2-1).

    Args:
        linear: float (...) in [0, 1].

    Returns:
        sRGB-encoded values (...) in [0, 1], of the same dtype.
    """
    curve = 1.055 * np.power(np.maximum(linear, 0.0031308), 1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, linear * 12.92, curve).astype(linear.dtype, copy=False)


@cache
def linear_table(depth: int) -> Float:
    """Linear light of every sRGB-encoded integer.

    Args:
        depth: 8 or 16 bits.

    Returns:
        float32 (256,) or (65536,) in [0, 1], read-only.
    """
    table = decode(np.linspace(0.0, 1.0, 1 << depth)).astype(np.float32)
    table.setflags(write=False)
    return table


@cache
def encoded_bytes() -> npt.NDArray[np.uint8]:
    """8-bit sRGB of linear light in 65536 steps: within 0.03 of a level before rounding.

    Returns:
        uint8 (65536,).
    """
    encoded: Array = 255 * encode(np.linspace(0.0, 1.0, 65536))
    return np.rint(encoded).astype(np.uint8)


@cache
def _opencv_looks_up(dtype: np.dtype[Any]) -> bool:
    """Whether `cv2.LUT`, two to three times as fast as indexing, accepts this index type."""
    try:
        cv2.LUT(np.zeros((1, 1), dtype), np.zeros((1, 1 << 8 * dtype.itemsize), np.uint8))
    except cv2.error:
        return False
    return True


def look_up(table: Array, index: Array) -> Array:
    """`table[index]`, by the fastest way available.

    Args:
        table: (256,) for a uint8 index, (65536,) for uint16.
        index: uint8 or uint16 (...).

    Returns:
        (...) of the table's dtype.
    """
    if not index.size or not _opencv_looks_up(index.dtype):
        return table.take(index)
    flat = np.ascontiguousarray(index).reshape(1, -1)
    return np.asarray(cv2.LUT(flat, table[None])).reshape(index.shape)
