"""A stand-in for `timm`, so that Koalarization can be tested without 56 million weights."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn


class _ConvNormAct(nn.Module):
    """Built like timm's: the normalisation carries its activation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=16, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(4)
        self.bn.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return torch.relu(x)  # timm's activation does so too; after folding, only that is left


class Extractor(nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first = _ConvNormAct()
        self.classif = nn.Linear(4, outputs)
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1:] == (3, 299, 299)
        self.seen += len(x)
        logits: Tensor = self.classif(self.first(x).mean((2, 3)))
        return logits


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, *, pretrained: bool, num_classes: int = 1000) -> Any:
        assert name.startswith("inception_resnet_v2")
        if pretrained:
            raise ConnectionError("no network")
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return Extractor(num_classes)

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model))
