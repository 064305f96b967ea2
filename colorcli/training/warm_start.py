"""Start a run from existing weights: those of another run, or of an exported model folder.

In a model folder batch normalisation is folded into the layers. Here it is unfolded, with
statistics measured on photos, so that the network gives the model's output and learns like one that
was never exported.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from colorcli.errors import UsageError
from colorcli.model.spec import ModelSpec, find_model
from colorcli.training.networks import Colorizing
from colorcli.training.networks.fusion import FusionLayer
from colorcli.training.run import Run

Layer = nn.Conv2d | nn.Linear


def start_from(network: Colorizing, name: str, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Load the weights of a run or of a model wherever name and shape agree.

    Args:
        network: on the CPU; changed in place.
        name: the folder of a run, or any name that `find_model` resolves.
        batches: arguments of `network`, from photos; used for a model only.

    Raises:
        ModelError: there is no such run or model.
        UsageError: its weights cannot be read, or none of them fit.
    """
    if (Path(name) / Run.CHECKPOINT).exists():
        taken = adopt_run(network, Run(Path(name)))
    else:
        taken = adopt_model(network, find_model(name), batches)
    if not taken:
        raise UsageError(
            f"{name}: none of its weights fit the network",
            tip="give its --network and --width",
        )


def fingerprint(network: nn.Module) -> int:
    """A 32-bit checksum of the weights."""
    number = 0
    for weights in network.state_dict().values():
        number = crc32(weights.detach().cpu().contiguous().numpy(), number)
    return number


def adopt_run(network: Colorizing, run: Run) -> int:
    """Load the averaged weights of a run; return the number of layers loaded.

    Biases and the like are loaded but not counted, since they fit layers of other networks too. Nor
    are the layers of a frozen extractor, which no run trains.

    Raises:
        UsageError: its checkpoint cannot be read.
    """
    theirs = run.load_checkpoint()["ema"]
    ours = network.state_dict()
    taken = {k: v for k, v in theirs.items() if k in ours and ours[k].shape == v.shape}
    network.load_state_dict(ours | taken)
    frozen = network.frozen()
    given = set() if frozen is None else set(frozen.parameters())
    learned = {k for k, p in network.named_parameters() if p.ndim > 1 and p not in given}
    return len(learned & taken.keys())


@torch.no_grad()
def adopt_model(network: Colorizing, folder: Path, batches: Iterable[tuple[Tensor, ...]]) -> int:
    """Load the weights of a model folder; return the number of layers loaded.

    Args:
        network: changed in place.
        folder: of a model.
        batches: arguments of `network`, for measuring the normalisation's statistics.

    Raises:
        ModelError: the folder holds no model.
    """
    graphs = ModelSpec.read(folder).graphs_at("fp32")
    adopted: list[_BatchNorm] = []
    taken = 0
    for name, part in network.parts().items():
        # A frozen extractor is skipped: folded in the graph, and the network has its own weights.
        if name in graphs and part.module is not network.frozen():
            # The scene head is always trained from scratch: it was trained on other photos' scenes.
            module = getattr(part.module, "part", part.module)
            taken += _adopt(module, _initializers(graphs[name].path), adopted)
    _measure_statistics(network, adopted, batches)
    return taken


def _initializers(path: Path) -> dict[str, Tensor]:
    """The weights of a graph by the names of their modules; factorised layers multiplied out."""
    stored = {
        tensor.name.removesuffix(".half").removeprefix("part."): torch.from_numpy(
            numpy_helper.to_array(tensor).copy()
        )
        for tensor in onnx.load(path).graph.initializer
    }
    weights = {name: value.float() for name, value in stored.items() if value.is_floating_point()}
    for name in [name for name in weights if name.endswith(".0.0.weight")]:
        layer = name.removesuffix(".0.weight")
        back = weights.get(f"{layer}.1.weight")
        if back is None or back.ndim != 2:  # not factors but layers of a sequence
            continue
        weights[f"{layer}.weight"] = back @ weights[name]
        weights[f"{layer}.bias"] = weights[f"{layer}.1.bias"]
    return weights


def _adopt(
    module: nn.Module, weights: dict[str, Tensor], adopted: list[_BatchNorm], prefix: str = ""
) -> int:
    """Load a module from weights with every normalisation folded in; return the layer count."""
    groups = _normalized_layers(module)
    taken = 0
    for layers, norm in groups:
        names = [f"{prefix}{name}" for name, _ in layers]
        found = [weights.get(f"{name}.weight") for name in names]
        bias = next((weights[f"{n}.bias"] for n in names if f"{n}.bias" in weights), None)
        fits = all(
            value is not None and value.shape == layer.weight.shape
            for value, (_, layer) in zip(found, layers, strict=True)
        )
        if not fits or bias is None:
            continue
        _unfold([layer for _, layer in layers], [v for v in found if v is not None], bias, norm)
        adopted.append(norm)
        taken += len(layers)
    grouped = {name for layers, _ in groups for name, _ in layers}
    for name, child in module.named_children():
        if name in grouped or isinstance(child, _BatchNorm):
            continue
        if isinstance(child, Layer):
            taken += _load(child, weights, f"{prefix}{name}")
        else:
            taken += _adopt(child, weights, adopted, f"{prefix}{name}.")
    return taken


def _normalized_layers(module: nn.Module) -> list[tuple[list[tuple[str, Layer]], _BatchNorm]]:
    """A module's child layers whose output, or sum of outputs, is normalised, with the norm."""
    if isinstance(module, FusionLayer) and isinstance(module.norm, _BatchNorm):
        return [([("local", module.local), ("global_", module.global_)], module.norm)]
    if not isinstance(module, nn.Sequential):
        return []
    children = list(module.named_children())
    return [
        ([(name, layer)], norm)
        for (name, layer), (_, norm) in pairwise(children)
        if isinstance(layer, Layer) and isinstance(norm, _BatchNorm)
    ]


def _load(layer: Layer, weights: dict[str, Tensor], name: str) -> int:
    """Load a layer that is not followed by a normalisation; return 1 if it fits, else 0."""
    weight, bias = weights.get(f"{name}.weight"), weights.get(f"{name}.bias")
    if weight is None or weight.shape != layer.weight.shape:
        return 0
    layer.weight.copy_(weight)
    if layer.bias is not None and bias is not None:
        layer.bias.copy_(bias)
    return 1


def _unfold(layers: list[Layer], weights: list[Tensor], bias: Tensor, norm: _BatchNorm) -> None:
    """Load layers whose summed outputs are normalised, and a normalisation that adds the bias.

    Each channel's weights get the norm of fresh ones, 1/√3 per layer: normalisation makes their
    scale irrelevant to the output, but not to the optimiser's step.
    """
    norms = torch.stack([weight.flatten(1).norm(dim=1) for weight in weights]).norm(dim=0)
    scale = (len(weights) / 3) ** 0.5 / norms.clamp_min(1e-6)
    for layer, weight in zip(layers, weights, strict=True):
        layer.weight.copy_(weight * scale.view(-1, *[1] * (weight.ndim - 1)))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.copy_(1 / scale)
    norm.bias.copy_(bias)


class _Statistics:
    """Mean and variance of a normalisation's inputs, accumulated over batches."""

    def __init__(self, norm: _BatchNorm) -> None:
        self._norm = norm
        self._count = 0
        self._total = torch.zeros_like(norm.bias)
        self._squares = torch.zeros_like(norm.bias)

    def add(self, _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Add a batch; a forward pre-hook."""
        values = inputs[0].transpose(0, 1).flatten(1)
        self._count += values.shape[1]
        self._total += values.sum(1)
        self._squares += values.square().sum(1)

    def apply(self) -> None:
        """Set them in the normalisation, which so far only scaled and shifted.

        Its output stays the same: (x - m)/√(v + ε)·γ√(v + ε) + (β + γ·m) = γ·x + β.
        """
        if not self._count:
            return
        norm = self._norm
        mean = self._total / self._count
        variance = (self._squares / self._count - mean.square()).clamp_min(0)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.bias.add_(norm.weight * mean)
        norm.weight.mul_(torch.sqrt(variance + norm.eps))


def _measure_statistics(
    network: nn.Module, norms: list[_BatchNorm], batches: Iterable[tuple[Tensor, ...]]
) -> None:
    """Run the network over photos to measure the statistics that folding lost."""
    statistics = [_Statistics(norm) for norm in norms]
    handles = [
        norm.register_forward_pre_hook(measured.add)
        for norm, measured in zip(norms, statistics, strict=True)
    ]
    training = network.training
    network.eval()
    try:
        for batch in batches:
            network(*batch)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    for measured in statistics:
        measured.apply()
