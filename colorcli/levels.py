"""Levels: the network sees every photo at full contrast, whatever time and scanners left of it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

OUTSIDE = 0.001
"""Share of the pixels that may end as black, and as white."""

MARGIN = 0.1
"""Share of the width and height that does not count, at each side: paper, mounts and the scanner's
lid have not faded with the picture."""

LARGEST_GAIN = 3.0
"""Gain beyond which the picture is not faded but empty: a wall, fog, whose grain would be shown."""

_STEP = 0.1
_SPARE = 1.0
"""How far rounding may take L out of its range, and more."""


def inner(height: int, width: int) -> tuple[slice, slice]:
    """The rows and columns of a photo that are not in its margin."""
    top, left = int(MARGIN * height), int(MARGIN * width)
    return slice(top, height - top), slice(left, width - left)


class Levels(NamedTuple):
    """A linear map of L, which `Colorizer` applies to what the network sees, and to nothing else.

    Attributes:
        pivot: the L that stays as it is.
        gain: at least 1.
    """

    pivot: float
    gain: float

    @classmethod
    def of(cls, L: NDArray[np.float32]) -> Levels:
        """The levels that give L black and white: all but `OUTSIDE` at either end fits in between.

        Args:
            L: float32 `(H, W)` in [0, 100], of which `MARGIN` is ignored.
        """
        L = L[inner(*L.shape)]
        bins = round((100 + 2 * _SPARE) / _STEP)
        counts = cv2.calcHist([L], [0], None, [bins], [-_SPARE, 100 + _SPARE]).ravel()
        shares = np.cumsum(counts, dtype=np.float64) / L.size
        black = max(0.0, _STEP * int(np.searchsorted(shares, OUTSIDE)) - _SPARE)
        white = min(100.0, _STEP * (1 + int(np.searchsorted(shares, 1 - OUTSIDE))) - _SPARE)
        span = max(_STEP, white - black)
        if span > 100 - _STEP:
            return cls(0.0, 1.0)
        return cls(min(100.0, 100 * black / (100 - span)), min(LARGEST_GAIN, 100 / span))

    def apply(self, L: NDArray[np.float32]) -> NDArray[np.float32]:
        """L of any shape, mapped; float32 in [0, 100]."""
        if self.gain == 1:
            return L
        pivot, gain = np.float32(self.pivot), np.float32(self.gain)
        leveled: NDArray[np.float32] = np.clip(pivot + gain * (L - pivot), 0, 100)
        return leveled
