"""A few views of a run's photos, kept with the run to check its export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from colorcli.training.arrays import load_arrays, save_arrays
from colorcli.training.augmentation import centre_views
from colorcli.training.store import PhotoStore

CALIBRATION = 384
VALIDATION = 128
FILE = "probe.npz"


@dataclass(frozen=True)
class Probe:
    """Central views, 8-bit Lab as in `PhotoStore`: `(n, 3, S, S)`.

    Attributes:
        calibration: of training photos, for fitting a reduction.
        validation: of validation photos, for measuring its loss.
    """

    calibration: Tensor
    validation: Tensor

    @classmethod
    def draw(cls, photos: PhotoStore, validation: PhotoStore, size: int) -> Probe:
        """Draw views evenly spread over the photos."""
        return cls(_views(photos, CALIBRATION, size), _views(validation, VALIDATION, size))

    def save(self, folder: Path) -> None:
        """Write `probe.npz`."""
        save_arrays(
            folder / FILE,
            calibration=self.calibration.numpy(),
            validation=self.validation.numpy(),
        )

    @classmethod
    def load(cls, folder: Path) -> Probe:
        """Read `probe.npz`.

        Raises:
            UsageError: the run has none, or a broken one.
        """
        tip = "`colorize train … --resume` writes it again"
        views = load_arrays(folder / FILE, "calibration", "validation", tip=tip)
        return cls(*map(torch.from_numpy, views))


def to_L(views: Tensor) -> Tensor:
    """uint8 `(n, 3, S, S)` → L float32 `(n, 1, S, S)` in [0, 100]."""
    return views[:, :1].float() / 2.55


def to_ab(views: Tensor) -> Tensor:
    """uint8 `(n, 3, S, S)` → ab float32 `(n, 2, S, S)`."""
    return views[:, 1:].float() - 128.0


def _views(store: PhotoStore, count: int, size: int) -> Tensor:
    chosen = torch.linspace(0, len(store) - 1, min(count, len(store))).long()
    lab = centre_views(store, chosen.to(store.offsets.device), size).cpu()
    scale = torch.tensor([2.55, 1.0, 1.0])[:, None, None]
    shift = torch.tensor([0.0, 128.0, 128.0])[:, None, None]
    return torch.round(lab * scale + shift).clamp(0, 255).to(torch.uint8)
