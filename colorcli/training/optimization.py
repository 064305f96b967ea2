"""Optimisers and the learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn, optim
from torch.optim import Optimizer

from colorcli.errors import UsageError
from colorcli.training.muon import Muon

OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "adadelta": optim.Adadelta,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "muon": Muon,
    # Keras's settings, as in the papers: PyTorch's default alpha (0.99) forgets ten times slower.
    "rmsprop": partial(optim.RMSprop, alpha=0.9, eps=1e-7),
    "sgd": partial(optim.SGD, momentum=0.9),
}


def build_optimizer(
    name: str, network: nn.Module, *, learning_rate: float, weight_decay: float
) -> Optimizer:
    """An optimiser for the trainable parameters of `network`.

    Weights decay; biases and batch-normalisation scales do not.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in OPTIMIZERS:
        raise UsageError(
            f"no optimizer is called {name!r}", tip=f"choose one of: {', '.join(OPTIMIZERS)}"
        )
    learned = [p for p in network.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learned if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return OPTIMIZERS[name](groups, lr=learning_rate)


def schedule(fraction: float, warmup: float, *, constant: bool = False) -> float:
    """Factor on the learning rate: linear warm-up, then half a cosine down to zero.

    Args:
        fraction: share of the run that is done.
        warmup: share of the run over which the rate rises.
        constant: stay at 1 after the warm-up.
    """
    if fraction < warmup:
        return max(fraction / warmup, 1e-3)
    if constant:
        return 1.0
    rest = (fraction - warmup) / (1 - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(rest, 1.0)))
