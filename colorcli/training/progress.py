"""The progress of a run, and running means of its figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Progress:
    """The progress of a run: photos seen, steps taken, seconds spent in steps.

    Attributes:
        done: whether a budget is used up and reported.
        budget: the epochs and hours in the settings at that time.
        lot: added to the seed of every draw. A run begun from existing weights gets its own, or it
            could see the very views that those weights were trained on.
    """

    seen: int = 0
    steps: int = 0
    seconds: float = 0.0
    done: bool = False
    budget: tuple[float, float | None] | None = None
    lot: int = 0


class Mean:
    """Mean of scalars, and of recent ones, without waiting for the GPU at every step."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self.count = 0
        self._recent: list[Tensor] = []

    def add(self, value: Tensor) -> None:
        """Add a value."""
        self._sum = value.clone() if self._sum is None else self._sum + value
        self.count += 1
        self._recent = [*self._recent[-49:], value]

    @property
    def mean(self) -> float:
        """Mean of all values; NaN if there are none."""
        return math.nan if self._sum is None else float(self._sum) / self.count

    @property
    def recent(self) -> float:
        """Mean of the last fifty values."""
        return float(torch.stack(self._recent).mean())
