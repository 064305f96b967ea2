"""Make trained networks smaller without changing their output.

Batch normalisation is folded into the layer before it; the large fully connected layer, which
holds 25.7 M of the fusion network's 42.2 M parameters, is factorised to the rank its data need.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import fusion

LARGE = 1_000_000
"""Smallest number of weights for which a fully connected layer is factorised."""


def fold_batch_norm(module: nn.Module) -> None:
    """Fold every batch normalisation into its layer, in place.

    A module whose normalisation does not directly follow a layer has its own `fold_batch_norm`.
    """
    own: Any = getattr(module, "fold_batch_norm", None)
    if callable(own):
        own()
        return
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            layer, norm = module[index], module[index + 1]
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[index] = fusion.fuse_conv_bn_eval(layer, norm)
                module[index + 1] = nn.Identity()
            elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                module[index] = fusion.fuse_linear_bn_eval(layer, norm)
                module[index + 1] = nn.Identity()
    for child in module.children():
        fold_batch_norm(child)


def large_layers(network: nn.Module) -> dict[str, nn.Linear]:
    """The fully connected layers worth factorising, by name."""
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and module.weight.numel() >= LARGE
    }


@torch.no_grad()
def principal_outputs(
    network: nn.Module, layer: nn.Linear, inputs: Iterable[tuple[Tensor, ...]]
) -> tuple[Tensor, Tensor]:
    """Mean and principal directions of a layer's outputs over data, without its bias.

    Args:
        network: run on each of `inputs`.
        layer: of the network.
        inputs: the network's arguments, in batches.

    Returns:
        Mean `(outputs,)` and directions `(outputs, outputs)`, the strongest first.
    """
    outputs: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _m, _i, out: outputs.append(out.double().cpu()))
    try:
        for batch in inputs:
            network(*batch)
    finally:
        handle.remove()
    y = torch.cat(outputs)
    if layer.bias is not None:
        y = y - layer.bias.double().cpu()
    mean = y.mean(0)
    _, _, directions = torch.linalg.svd(y - mean, full_matrices=True)
    return mean, directions.T


@torch.no_grad()
def factorized(layer: nn.Linear, mean: Tensor, directions: Tensor, rank: int) -> nn.Sequential:
    """W·x + b ≈ U·(Uᵀ·W·x) + (b + (I - U·Uᵀ)·mean), U the `rank` strongest directions.

    This is the factorisation of that rank with the smallest error over the data.
    """
    basis = directions[:, :rank]
    weight = layer.weight.double()
    bias = torch.zeros(layer.out_features).double() if layer.bias is None else layer.bias.double()
    into = nn.Linear(layer.in_features, rank, bias=False)
    back = nn.Linear(rank, layer.out_features)
    into.weight.copy_(basis.T @ weight)
    back.weight.copy_(basis)
    back.bias.copy_(bias + mean - basis @ (basis.T @ mean))
    return nn.Sequential(into, back)


def replace(network: nn.Module, name: str, module: nn.Module) -> None:
    """Replace the submodule called `name` by `module`."""
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
