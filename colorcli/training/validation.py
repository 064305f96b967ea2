"""Evaluate the averaged weights on held-out photos, in figures and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from colorcli.training.augmentation import centre_views
from colorcli.training.networks import Colorizing
from colorcli.training.objectives import Objective
from colorcli.training.sheet import write_sheet
from colorcli.training.snapshots import Snapshots
from colorcli.training.store import PhotoStore
from colorcli.training.views import embed_photos, training_inputs

ACCURATE = 10.0
"""Largest ab error that the log counts as accurate, in CIELAB units."""

ON_SHEET = 24
IN_SNAPSHOT = 8


def accuracy(ab: Tensor, true: Tensor) -> Tensor:
    """Share of the pixels whose ab error is at most `ACCURATE`; both `(N, 2, H, W)`."""
    return ((ab - true).square().sum(1) <= ACCURATE**2).float().mean()


class Validation:
    """Evaluates a network on central views of the validation photos.

    Args:
        network: in evaluation mode; each call uses its current weights.
        objective: of the run.
        photos: on the network's device.
        size: side of the views.
        batch: photos per batch.
        bf16: compute in bfloat16 where autocast allows.
    """

    def __init__(
        self,
        network: Colorizing,
        objective: Objective,
        photos: PhotoStore,
        *,
        size: int,
        batch: int,
        bf16: bool,
    ) -> None:
        self._network, self._objective, self._photos = network, objective, photos
        self._size, self._batch, self._bf16 = size, batch, bf16
        self._device = photos.offsets.device
        self._embeddings = embed_photos(network, photos)

    def measure(self) -> dict[str, float]:
        """Means over the photos: loss, ab error, accuracy, predicted and true chroma."""
        totals: dict[str, float] = {}
        count = len(self._photos)
        for lab, output in self._outputs(torch.arange(count, device=self._device)):
            ab = self._upsampled(self._objective.decode(output))
            error = (ab - lab[:, 1:]).square().sum(1).sqrt()
            for name, value in {
                "validation_loss": self._objective(output, lab[:, 1:]),
                "ab_error": error.mean(),
                "accuracy": accuracy(ab, lab[:, 1:]),
                "chroma": ab.square().sum(1).sqrt().mean(),
                "true_chroma": lab[:, 1:].square().sum(1).sqrt().mean(),
            }.items():
                totals[name] = totals.get(name, 0.0) + float(value) * len(lab) / count
        return totals

    def write_sheet(self, path: Path) -> None:
        """Write a sheet of gray | predicted | true for up to `ON_SHEET` photos, evenly spread."""
        parts = list(self._outputs(self._spread(ON_SHEET)))
        lab = torch.cat([lab for lab, _ in parts])
        ab = torch.cat([self._upsampled(self._objective.decode(output)) for _, output in parts])
        gray = torch.zeros_like(ab)
        write_sheet(lab[:, :1], [gray, ab, lab[:, 1:]], path)

    def snapshot(self, snapshots: Snapshots, *, epoch: float, seen: int) -> None:
        """Save the predictions for up to `IN_SNAPSHOT` photos, the same at every call."""
        parts = list(self._outputs(self._spread(IN_SNAPSHOT)))
        snapshots.keep_true(torch.cat([lab for lab, _ in parts]))
        ab = torch.cat([self._objective.decode(output) for _, output in parts])
        snapshots.keep(ab, epoch=epoch, seen=seen)

    def _spread(self, at_most: int) -> Tensor:
        count = len(self._photos)
        chosen = torch.linspace(0, count - 1, min(at_most, count))
        return chosen.long().to(self._device)

    @torch.no_grad()
    def _outputs(self, indices: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield views `(n, 3, S, S)` and the network's outputs, in batches."""
        for some in torch.split(indices, self._batch):
            lab = centre_views(self._photos, some, self._size)
            embedding = None if self._embeddings is None else self._embeddings[some]
            inputs = training_inputs(self._network, lab[:, :1], embedding)
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
                output: Tensor = self._network(*inputs)
            yield lab, output.float()

    def _upsampled(self, ab: Tensor) -> Tensor:
        return nn.functional.interpolate(ab, (self._size, self._size), mode="bilinear")
