"""Whether exported graphs agree with the network, on the run's own photos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorcli.abmap import AbMap
from colorcli.guided import cell_means
from colorcli.lab import lab_to_rgb
from colorcli.metrics import psnr
from colorcli.model.sessions import Model
from colorcli.training.leveled import leveled
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
    differences = [
        _difference(_predict(model, inputs), objective.decode(network(*inputs)))
        for inputs in _compared(network, probe)
    ]
    return float(np.max(differences))  # unlike `max`, propagates NaN


@torch.no_grad()
def single_difference(
    graph: bytes, network: Colorizing, objective: Objective, probe: Probe
) -> float:
    """Largest |Δab| between a single-graph export and its network, in CIELAB units."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    differences = []
    for inputs in _compared(network, probe):
        L, view = inputs[0].numpy(), inputs[-1].numpy()
        feeds = {
            "L": L,
            "L_global": view,
            "temperature": np.array(objective.temperature or 0, np.float32),
        }
        wanted = {node.name: feeds[node.name] for node in session.get_inputs()}
        made = session.run(None, wanted)[0]
        differences.append(_difference(made, objective.decode(network(*inputs))))
    return float(np.max(differences))


def model_psnr(folder: Path, probe: Probe) -> float:
    """Mean PSNR of a model folder on the run's validation views, in dB."""
    model = Model.load(str(folder), device="cpu")
    views = torch.split(to_L(probe.validation), 1)
    return _mean_psnr(
        [_predict(model, with_global_view(leveled(L), model.global_size)) for L in views], probe
    )


@torch.no_grad()
def network_psnr(network: Colorizing, objective: Objective, probe: Probe) -> float:
    """Mean PSNR of a network on the run's validation views, in dB."""
    abs_ = [
        objective.decode(network(*network_inputs(network, L))).numpy()
        for L in torch.split(to_L(probe.validation), 16)
    ]
    return _mean_psnr(abs_, probe)


def _compared(network: Colorizing, probe: Probe) -> Iterator[tuple[Tensor, ...]]:
    """Views, and crops of them that are neither square nor of a size used in the export."""
    L = to_L(probe.validation[:COMPARED])
    yield network_inputs(network, L)
    multiple, side = network.multiple, L.shape[-1]
    height = max(1, side // 2 // multiple) * multiple
    width = max(1, side // multiple - 1) * multiple
    if width == network.global_size:  # or it would be used as its own global view
        width -= multiple
    yield network_inputs(network, L[..., :height, :width])


def _difference(ours: NDArray[np.float32], theirs: Tensor) -> float:
    return float(np.abs(ours - theirs.numpy()).max())


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
    """ab for L and, if it is separate, its global view."""
    L, *rest = (np.ascontiguousarray(tensor.numpy()) for tensor in inputs)
    features = model.low_level(L)
    view = model.global_features(rest[0]) if rest else model.global_features(L, features)
    return model.ab(features, view)
