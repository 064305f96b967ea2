"""Views at full contrast, as `colorcli.levels` shows photos to a network."""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.levels import LARGEST_GAIN, OUTSIDE


def leveled(L: Tensor) -> Tensor:
    """Each view with its own levels, as if it were a whole photo without a frame.

    Args:
        L: float32 `(N, 1, H, W)` in [0, 100].

    Returns:
        L of the same shape and range; within 0.5 of what `Levels.of` makes of each view, whose
        histogram has steps.
    """
    values = L.flatten(1)
    at_ends = 1 + int(OUTSIDE * values.shape[1])
    black = values.topk(at_ends, largest=False).values.amax(1)
    white = values.topk(at_ends).values.amin(1)
    gain = (100 / (white - black).clamp_min(100 / LARGEST_GAIN)).clamp_min(1)
    # A view of full contrast has no pivot, and needs none: its gain is 1.
    pivot = (100 * black / (100 - (white - black)).clamp_min(1e-3)).clamp(0, 100)
    shape = (-1, 1, 1, 1)
    return torch.lerp(pivot.view(shape), L, gain.view(shape)).clamp(0, 100)
