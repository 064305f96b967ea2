"""Levels: the network sees every photo at full contrast, whatever time and scanners left of it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

OUTSIDE = 0.001
"""Share of the pixels that may end as black, and as white."""

MARGIN = 0.1
"""Share of the width and height, at each side, in which a frame may lie: paper, a mount or the
scanner's lid, which have not faded with the picture."""

FRAMED = 0.1
"""Share of the margin that must be darker or brighter than the rest of the photo to be a frame."""

LARGEST_GAIN = 3.0
"""Gain beyond which the picture is not faded but empty: a wall, fog, whose grain would be shown."""

_STEP = 0.1
_NEAR = 20
"""Steps by which a frame's L lies beyond the photo's, at least."""

_SPARE = 1.0
"""How far rounding may take L out of its range, and more."""


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
            L: float32 `(H, W)` in [0, 100]; a frame around the photo does not count.
        """
        black, white = _ends(_counts(L))
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


def _counts(L: NDArray[np.float32]) -> NDArray[np.float32]:
    """The histogram of L, from `-_SPARE` in bins of `_STEP`, without a frame."""
    top, left = (int(MARGIN * side) for side in L.shape)
    whole = _histogram(L)
    inner = _histogram(L[top : len(L) - top, left : L.shape[1] - left])
    margin = whole - inner
    black, white = (round((end + _SPARE) / _STEP) for end in _ends(inner))
    beyond = margin.sum() - margin[max(0, black - _NEAR) : white + _NEAR].sum()
    return inner if beyond > FRAMED * margin.sum() else whole


def _histogram(L: NDArray[np.float32]) -> NDArray[np.float32]:
    bins = round((100 + 2 * _SPARE) / _STEP)
    counts = cv2.calcHist([L], [0], None, [bins], [-_SPARE, 100 + _SPARE])
    return counts.ravel().astype(np.float32, copy=False)


def _ends(counts: NDArray[np.float32]) -> tuple[float, float]:
    """The L that becomes black, and the L that becomes white."""
    shares = np.cumsum(counts, dtype=np.float64) / counts.sum(dtype=np.float64)
    black = _STEP * int(np.searchsorted(shares, OUTSIDE)) - _SPARE
    white = _STEP * (1 + int(np.searchsorted(shares, 1 - OUTSIDE))) - _SPARE
    return max(0.0, black), min(100.0, white)
