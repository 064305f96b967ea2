"""Scene classification beside colouring (Iizuka et al. 2016): classes from the photos' labels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from colorcli.errors import UsageError

UNLABELLED = -1


def scene_names(labels: Sequence[str]) -> list[str]:
    """The classes that occur, in alphabetical order.

    Raises:
        UsageError: fewer than two occur, so there is nothing to classify.
    """
    names = sorted({label for label in labels if label})
    if len(names) < 2:
        raise UsageError(
            "the photos have fewer than two labels, so no scenes to learn",
            tip="leave out --scene-weight",
        )
    return names


def scene_targets(labels: Sequence[str], names: Sequence[str]) -> Tensor:
    """Index of each label in `names`, int64 `(n,)`; `UNLABELLED` for others."""
    index = {name: i for i, name in enumerate(names)}
    return torch.tensor([index.get(label, UNLABELLED) for label in labels])


def scene_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy averaged over the labelled photos; 0 if there are none.

    Args:
        logits: `(N, classes)`.
        targets: int64 `(N,)`, as from `scene_targets`.
    """
    total = functional.cross_entropy(
        logits.float(), targets, ignore_index=UNLABELLED, reduction="sum"
    )
    return total / (targets != UNLABELLED).sum().clamp_min(1)
