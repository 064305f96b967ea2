"""The same photos coloured at each report of a run, for comparison side by side.

Song and Liu, "Automatic Colorization System", section 5.2: real | 50 | 100 | 150 | 200 epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from colorcli.errors import UsageError
from colorcli.training.arrays import load_arrays, save_arrays
from colorcli.training.sheet import write_sheet

_TRUE = "true.npz"
_DELETE = "delete it to see the other epochs"
_RESUME = "`colorize train … --resume` writes it again"


@dataclass(frozen=True)
class Snapshots:
    """The folder of a run's snapshots: `true.npz`, and one file per report."""

    folder: Path

    def keep_true(self, lab: Tensor) -> None:
        """Save the photos: float32 `(n, 3, S, S)`, L and ab; rounded to 0.4 in L and 1 in ab."""
        values = lab.cpu().numpy()
        save_arrays(
            self.folder / _TRUE,
            L=np.rint(values[:, :1] * 2.55).astype(np.uint8),
            ab=_int8(lab[:, 1:]),
        )

    def keep(self, ab: Tensor, *, epoch: float, seen: int) -> None:
        """Save their predictions: float32 `(n, 2, h, w)` on the network's grid."""
        save_arrays(self._path(seen), ab=_int8(ab), epoch=np.array(float(epoch)))

    def has(self, seen: int) -> bool:
        """Whether there are predictions made after `seen` photos."""
        return self._path(seen).exists()

    def _path(self, seen: int) -> Path:
        return self.folder / f"{seen:09d}.npz"

    def epochs(self) -> dict[float, Path]:
        """The saved epochs, in order, with their files.

        Raises:
            UsageError: there are none, or one cannot be read.
        """
        found = {}
        for path in sorted(self.folder.glob("[0-9]*.npz")):
            (epoch,) = load_arrays(path, "epoch", tip=_DELETE)
            found[float(epoch)] = path
        if not found or not (self.folder / _TRUE).exists():
            raise UsageError(
                f"{self.folder}: no saved predictions",
                tip="give the folder of a run of `colorize train` that has reported at least once",
            )
        return dict(sorted(found.items()))

    def write(self, wanted: Sequence[float], path: Path) -> list[float]:
        """Write a contact sheet with one row per photo: real, then each wanted epoch.

        Args:
            wanted: epochs; the nearest saved ones are used. Empty: four, evenly spread.
            path: PNG to write; an existing file is replaced.

        Returns:
            The epochs used.

        Raises:
            UsageError: there are none, or one cannot be read.
            PhotoError: the file cannot be written.
        """
        kept = self.epochs()
        epochs = list(kept)
        if not wanted:
            wanted = [epochs[-1] * quarter / 4 for quarter in (1, 2, 3, 4)]
        taken = list(dict.fromkeys(min(epochs, key=lambda e: abs(e - w)) for w in wanted))
        gray, true = load_arrays(self.folder / _TRUE, "L", "ab", tip=_RESUME)
        L = torch.from_numpy(gray).float() / 2.55
        planes = [torch.from_numpy(true).float()]
        for epoch in taken:
            (ab,) = load_arrays(kept[epoch], "ab", tip=_DELETE)
            plane = torch.from_numpy(ab).float()
            planes.append(functional.interpolate(plane, L.shape[-2:], mode="bilinear"))
        captions = ["real", *(f"epoch {epoch:.3g}" for epoch in taken)]
        write_sheet(L, planes, path, columns=1, captions=captions)
        return taken


def _int8(ab: Tensor) -> np.ndarray:
    rounded: np.ndarray = np.rint(ab.float().cpu().numpy()).clip(-128, 127).astype(np.int8)
    return rounded
