from __future__ import annotations

import pytest
import torch
from torch import nn

from colorcli.training.networks.base import Head

from . import timm_stand_in
from .tables import build


@pytest.mark.parametrize(
    ("name", "head", "global_features"),
    [
        ("fusion", "ab", True),
        ("fusion", "ab", False),
        ("fusion", "bins", True),
        ("cnn-mountain", "ab", True),
        ("cnn-cs230", "ab", True),
        ("koalarization", "ab", True),
        ("fusion-lite", "ab", True),
        ("fusion-lite", "bins", True),
    ],
)
def test_what_lies_beyond_the_halo_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str, head: Head, global_features: bool
) -> None:
    timm_stand_in.install(monkeypatch)
    torch.manual_seed(0)
    network = build(name, width=0.06, head=head, bins=5, global_features=global_features).double()
    for module in network.modules():
        # Halves of weighted means of bright L: no ReLU is dead, and nothing saturates.
        if isinstance(module, nn.Conv2d):
            weight = module.weight.data.abs()
            module.weight.data = weight / weight.sum((1, 2, 3), keepdim=True) / 2
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            module.bias.data.fill_(0.01)
    block, halo = network.multiple, network.halo
    side = 2 * halo + 10 * block
    start = halo + 2 * block
    cell = slice(start // network.stride, (start + block) // network.stride)
    parts = network.parts()
    L = (torch.rand(1, 1, side, side, dtype=torch.float64) * 40 + 60).requires_grad_()
    values = {"L": L}
    if "low_level" in parts:
        features = parts["low_level"].module(L)
        many = isinstance(features, tuple)
        values |= zip(parts["low_level"].outputs, features if many else (features,), strict=True)
    numbers = 1000 if name == "koalarization" else 15
    values["global_features"] = torch.zeros(1, numbers, dtype=L.dtype)
    output = parts["colorization"].module(*(values[n] for n in parts["colorization"].inputs))
    output[..., cell, cell].sum().backward()
    assert L.grad is not None
    rows = torch.nonzero(L.grad[0, 0].abs().amax(1))[:, 0]
    reach = max(start - int(rows.min()), int(rows.max()) - (start + block - 1))
    assert reach <= halo
    assert reach > halo - 2 * block  # and no larger than necessary
