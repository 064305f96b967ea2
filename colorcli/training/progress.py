"""How far a run has come, and how it is doing meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Progress:
    """How far a run has come: photos seen, steps taken, seconds spent in steps.

    Attributes:
        done: whether a budget is used up, and reported.
        budget: which: the epochs and hours of the settings then.
        lot: added to the seed of every draw. Of a run begun from the weights of another it is
            another, or it would be shown the very views that these weights have learned.
    """

    seen: int = 0
    steps: int = 0
    seconds: float = 0.0
    done: bool = False
    budget: tuple[float, float | None] | None = None
    lot: int = 0


class Mean:
    """Mean of scalars, and of the recent ones, without waiting for the GPU at every step."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self.count = 0
        self._recent: list[Tensor] = []

    def add(self, value: Tensor) -> None:
        """Take one more."""
        self._sum = value.clone() if self._sum is None else self._sum + value
        self.count += 1
        self._recent = [*self._recent[-49:], value]

    @property
    def mean(self) -> float:
        """Of all; NaN of none."""
        return math.nan if self._sum is None else float(self._sum) / self.count

    @property
    def recent(self) -> float:
        """Of the last fifty."""
        return float(torch.stack(self._recent).mean())
