"""Predicted ab on a coarse grid, upsampled to full resolution for any rows of the photo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from colorcli.guided import linear_in_L

BLOCK = 1 << 16
"""Pixels computed at once: few enough to stay in the cache and need no memory from the system."""


class AbMap:
    """ab of a photo, stored at the size it was predicted.

    Rows are computed on demand from the photo's own L: between edges as smooth as interpolation,
    along edges as sharp as L. So no scan, of any size, needs a float copy of its colours, and any
    strip equals the same rows of the whole to the last bit.

    Args:
        grid: float32 `(h, w, 2)`, ab in CIELAB units.
        L: float32 `(h, w)` in [0, 100], the mean of each cell; see `guided.cell_means`.
        extent: `(height, width)` in pixels of the photo that the grid covers; more than the photo
            if it was padded.
        shape: `(H, W)` of the photo, at most `extent`.

    Attributes:
        grid: as given.
    """

    def __init__(
        self,
        grid: NDArray[np.float32],
        L: NDArray[np.float32],
        *,
        extent: tuple[int, int],
        shape: tuple[int, int],
    ) -> None:
        self.grid = grid
        self._fit = linear_in_L(grid, L)
        self.extent = extent
        self.shape = shape

    def rows(self, start: int, L: NDArray[np.float32]) -> NDArray[np.float32]:
        """ab of some rows. Safe to call from several threads at once.

        Args:
            start: the first row.
            L: float32 `(n, W)`, the photo's own in these rows.

        Returns:
            float32 `(n, W, 2)`.
        """
        width = self.extent[1]
        few = min(len(L), max(1, BLOCK // width))
        wide = np.empty((len(L), width, 2), np.float32)
        spare = np.empty((few, width, 2), np.float32)
        for first in range(0, len(L), few):
            some, lightness = wide[first : first + few], L[first : first + few]
            offsets = spare[: len(some)]
            for coarse, fine in zip(
                self._at(start + first, len(some)), (some, offsets), strict=True
            ):
                cv2.resize(coarse, (width, len(some)), dst=fine, interpolation=cv2.INTER_LINEAR)
            ab = some[:, : self.shape[1]]
            # Both channels at once: NumPy is slow on a last axis of two.
            ab *= cv2.merge([lightness, lightness]).reshape(ab.shape)
            some += offsets
        return np.ascontiguousarray(wide[:, : self.shape[1]])

    def whole(self, L: NDArray[np.float32]) -> NDArray[np.float32]:
        """ab of the whole photo, given its L `(H, W)`: float32 `(H, W, 2)`."""
        return self.rows(0, L)

    def _at(self, start: int, count: int) -> NDArray[np.float32]:
        """Slopes and offsets of some rows, interpolated vertically: `(2, count, w, 2)`.

        Cell centres lie at the centres of the pixels they cover, so colours do not shift.
        """
        height = self._fit.shape[1]
        y = (np.arange(start, start + count) + 0.5) * (height / self.extent[0]) - 0.5
        y = y.clip(0, height - 1)
        above = y.astype(np.intp)
        below = np.minimum(above + 1, height - 1)
        share = (y - above).astype(np.float32)[:, None, None]
        # In the form a + f·(b - a), equal neighbours are reproduced exactly.
        top = self._fit[:, above]
        coarse = self._fit[:, below]
        coarse -= top
        coarse *= share
        coarse += top
        return coarse
