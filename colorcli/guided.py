"""Edge-aware upsampling of ab: a guided filter fits a linear function of L around each grid cell.

A network sees a photo small, and its ab is soft: upsampled as it is, a sky bleeds over a roof, and
one cheek is redder than the other. Colours mostly change where lightness changes, so ab is fitted
around each cell as slope · L + offset, and the photo's own L, at full resolution, places the edge.

Source: He, Sun and Tang, "Guided Image Filtering" (TPAMI 2013), equations 5, 6 and 8; the
coefficients are upsampled instead of the result as in He and Sun, "Fast Guided Filter" (2015).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

RADIUS = 4
"""Radius of the fit's window in cells."""

EPSILON = 10.0
"""ε of the paper: variance of L, in squared units of L, below which slopes are mostly damped."""


def cell_means(L: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """The mean L of each cell: float32 `(h · stride, w · stride)` → `(h, w)`.

    The sum has a fixed order, so a cell has the same bits in a tile as in the whole.
    """
    total = sum(L[y::stride, x::stride] for y in range(stride) for x in range(stride))
    return np.asarray(total * np.float32(1 / stride**2), np.float32)


def linear_in_L(ab: NDArray[np.float32], L: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fit ab = slope · L + offset around each cell.

    Args:
        ab: float32 `(h, w, 2)`.
        L: float32 `(h, w)` in [0, 100], of the same cells.

    Returns:
        Slopes and offsets, float32 `(2, h, w, 2)`. A uniform colour has slopes of 0 up to rounding.
    """
    mean_L = _mean(L)
    regularised_variance = _mean(L * L)
    regularised_variance -= mean_L * mean_L
    regularised_variance += np.float32(EPSILON)
    fit = np.empty((2, *ab.shape), np.float32)
    for channel in range(2):
        values = np.ascontiguousarray(ab[..., channel])
        offset = _mean(values)
        slope = _mean(L * values)
        slope -= mean_L * offset
        slope /= regularised_variance
        offset -= slope * mean_L
        # Each cell is in many windows; averaging their fits avoids seams.
        fit[0, ..., channel], fit[1, ..., channel] = _mean(slope), _mean(offset)
    return fit


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean over the window around each cell."""
    side = 2 * RADIUS + 1
    blurred = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32).reshape(values.shape)
