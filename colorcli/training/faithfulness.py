"""Whether exported graphs say what the network says, on the run's own photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorcli.abmap import AbMap
from colorcli.guided import cell_means
from colorcli.lab import lab_to_rgb
from colorcli.metrics import psnr
from colorcli.model import Model
from colorcli.training.networks import Colorizing
from colorcli.training.objectives import Objective
from colorcli.training.probe import Probe, to_ab, to_L
from colorcli.training.views import network_inputs, with_global_view

COMPARED = 4
"""Photos on which the graphs are compared with PyTorch value by value."""


@torch.no_grad()
def largest_difference(
    folder: Path, network: Colorizing, objective: Objective, probe: Probe
) -> float:
    """Largest |Δab| between a model folder and a network, in CIELAB units."""
    model = Model.load(str(folder), device="cpu")
    inputs = network_inputs(network, to_L(probe.validation[:COMPARED]))
    theirs = objective.decode(network(*inputs)).numpy()
    return float(np.abs(_predict(model, inputs) - theirs).max())


def model_psnr(folder: Path, probe: Probe) -> float:
    """Mean PSNR of a model folder on the run's validation views, in dB."""
    model = Model.load(str(folder), device="cpu")
    views = torch.split(to_L(probe.validation), 1)
    return _mean_psnr(
        [_predict(model, with_global_view(L, model.global_size)) for L in views], probe
    )


@torch.no_grad()
def network_psnr(network: Colorizing, objective: Objective, probe: Probe) -> float:
    """Mean PSNR of a network on the run's validation views, in dB."""
    abs_ = [
        objective.decode(network(*network_inputs(network, L))).numpy()
        for L in torch.split(to_L(probe.validation), 16)
    ]
    return _mean_psnr(abs_, probe)


def _mean_psnr(batches: list[NDArray[np.float32]], probe: Probe) -> float:
    abs_ = np.concatenate(batches).transpose(0, 2, 3, 1)
    L = to_L(probe.validation)[:, 0].numpy()
    true = to_ab(probe.validation).permute(0, 2, 3, 1).numpy()
    values = []
    for index in range(len(L)):
        shape, grid = L[index].shape, np.ascontiguousarray(abs_[index])
        means = cell_means(L[index], shape[0] // grid.shape[0])
        ab = AbMap(grid, means, extent=shape, shape=shape).whole(L[index])
        truth = lab_to_rgb(L[index], np.ascontiguousarray(true[index]))
        values.append(psnr(truth, lab_to_rgb(L[index], ab)))
    return float(np.mean(values))


def _predict(model: Model, inputs: tuple[Tensor, ...]) -> NDArray[np.float32]:
    """ab of views, with their global views beside them where those are others."""
    L, *rest = (np.ascontiguousarray(tensor.numpy()) for tensor in inputs)
    features = model.low_level(L)
    view = model.global_features(rest[0]) if rest else model.global_features(L, features)
    return model.ab(features, view)
