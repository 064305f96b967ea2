"""Export a trained run to a model folder for the command, checked against the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from colorcli.errors import ColorizeError, UsageError
from colorcli.files import scratch_folder, try_folder, unwritable, write_together, write_whole
from colorcli.levels import LARGEST_GAIN, OUTSIDE
from colorcli.model.spec import FORMAT
from colorcli.training import graphs
from colorcli.training.building import load_trained
from colorcli.training.config import TrainConfig
from colorcli.training.faithfulness import (
    largest_difference,
    model_psnr,
    network_psnr,
    single_difference,
)
from colorcli.training.networks import Colorizing, get_network
from colorcli.training.networks.base import Part
from colorcli.training.objectives import Objective
from colorcli.training.probe import Probe, to_L
from colorcli.training.reduction import (
    factorized,
    fold_batch_norm,
    large_layers,
    principal_outputs,
    replace,
)
from colorcli.training.run import Run
from colorcli.training.views import network_inputs

FAITHFUL = 1e-3
"""Largest |Δab| of the float32 graphs against PyTorch, in CIELAB units: 5e-6 of the range."""

PSNR_LOSS = 0.05
"""Largest loss in dB allowed for reducing the weights."""

GRAPHS = {"low_level.onnx", "global.onnx", "colorization.onnx"}
"""File names of a model's graphs; see `Colorizing.parts`."""

RANKS = (32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True)
class Exported:
    """The result of an export.

    Attributes:
        folder: the model folder.
        difference: largest |Δab| of the float32 graphs against PyTorch, in CIELAB units.
        psnr_full: PSNR of the float32 graphs on the run's validation views, dB.
        psnr: PSNR of the graphs as written, dB.
        ranks: the ranks that the large fully connected layers were factorised to.
        bytes: size of the graphs.
    """

    folder: Path
    difference: float
    psnr_full: float
    psnr: float
    ranks: dict[str, int]
    bytes: int


@dataclass(frozen=True)
class Card:
    """What the user states about a model.

    Attributes:
        name: of the model.
        version: of its weights.
        license: of its weights.
        description: one line.
        trained_on: the photos, one line.
        default_size: default long side in pixels that the network sees; None: the network's.
        vividness: factor on its chroma; a distribution's temperature is divided by it.
        specialist: whether its description names the labels of its photos, for a `Router`.
    """

    name: str
    version: str = "1"
    license: str = "unstated"
    description: str = ""
    trained_on: str = "unstated"
    default_size: int | None = None
    vividness: float = 1.0
    specialist: bool = False


@dataclass(frozen=True)
class _Said:
    """The contents of `model.json` apart from the graphs.

    Attributes:
        config: the settings of the run.
        card: what the user states.
        parameters: how many the network has, unreduced.
        scenes: classes of its scene classifier, in order.
        labels: of the photos it was trained on.
    """

    config: TrainConfig
    card: Card
    parameters: int
    scenes: list[str]
    labels: list[str]


@dataclass(frozen=True)
class Blend:
    """Another run whose averaged weights are mixed in.

    Networks between the weights before and after fine-tuning can be better than both (Wortsman et
    al. 2022, "Robust fine-tuning of zero-shot models").

    Attributes:
        run: the run that the exported one began from (`--init`).
        share: of its weights, 0 to 1.
    """

    run: Run
    share: float


def export(
    run: Run, folder: Path, card: Card, *, reduce: bool = True, blend: Blend | None = None
) -> Exported:
    """Write the model folder of a run.

    Args:
        run: a trained run.
        folder: to write; the graphs that its `model.json` names are replaced, all else is kept.
        card: metadata for the model's description.
        reduce: factorise the large fully connected layers and store the weights as float16.
        blend: another run to mix in.

    Raises:
        UsageError: `run` or the blended one holds no run, they are of different networks, or
            `folder` holds something other than a model.
        PhotoError: `folder` cannot be written to.
        ColorizeError: the graphs do not agree with PyTorch, or the reduction costs too much.
    """
    _refuse_others_folder(folder)
    config, network, objective, _ = load_trained(run)
    labels = run.read_labels() if card.specialist else []
    if card.specialist and not labels:
        raise UsageError(
            f"{run.folder}: its photos have no labels, so it is no specialist",
            tip="train it on photos in folders named after their scenes",
        )
    if blend is not None:
        _mix(network, blend)
    probe = Probe.load(run.folder)
    reference = deepcopy(network)
    parameters = _exported_parameters(network)
    fold_batch_norm(network)
    with scratch_folder() as scratch:
        whole = scratch / "whole"
        said = _Said(
            config,
            card,
            parameters,
            run.read_scenes(),
            labels,
        )
        drawn = _Graphs(objective)
        _write(whole, network, drawn, said, halve=False)
        difference = largest_difference(whole, reference, objective, probe)
        _refuse_unfaithful(run, difference)
        psnr_full = model_psnr(whole, probe)
        if not reduce:
            return _finish(whole, folder, card, difference, psnr_full, psnr_full, {})
        small = scratch / "small"
        ranks = _reduce(network, objective, probe)
        _write(small, network, drawn, said, halve=True)
        psnr_small = model_psnr(small, probe)
        if psnr_full - psnr_small >= PSNR_LOSS:
            raise ColorizeError(
                f"{run.folder}: the reduction costs {psnr_full - psnr_small:.3f} dB",
                tip="export with --no-reduce",
            )
        return _finish(small, folder, card, difference, psnr_full, psnr_small, ranks)


def export_single(
    run: Run, file: Path, card: Card, *, blend: Blend | None = None, force: bool = False
) -> float:
    """Write the run's network as one graph: `L` and `L_global` (and `temperature`) → `ab`.

    For other runtimes; the command itself reads model folders.

    Args:
        run: a trained run.
        file: to write.
        card: metadata for the graph's properties; its size and vividness are not used.
        blend: another run to mix in.
        force: replace an existing file.

    Returns:
        The largest |Δab| against PyTorch.

    Raises:
        UsageError: `run` or the blended one holds no run, or they are of different networks.
        PhotoError: the file cannot be written, or exists already.
        ColorizeError: the graph does not agree with PyTorch.
    """
    config, network, objective, _ = load_trained(run)
    if blend is not None:
        _mix(network, blend)
    reference = deepcopy(network)
    fold_batch_norm(network)
    side = network.global_size
    names: tuple[str, ...] = ("L",) if side is None else ("L", "L_global")
    size = get_network(config.network).training_size
    examples = [torch.rand(1, 1, size + 32, size) * 100]
    if side is not None:
        examples.append(torch.rand(1, 1, side, side) * 100)
    if objective.temperature is not None:
        names = (*names, "temperature")
        examples.append(torch.tensor(objective.temperature))
    model = graphs.to_onnx(graphs.Decoded(network, objective), names, examples, "ab")
    graphs.describe_graph(
        model,
        {
            **_properties(card, network),
            "description": card.description,
            "network": config.network,
            "width": f"{config.width:g}",
        },
    )
    data = graphs.encoded(model)
    difference = single_difference(data, reference, objective, Probe.load(run.folder))
    _refuse_unfaithful(run, difference)
    write_whole(file, data, replace=force)
    return difference


def _refuse_unfaithful(run: Run, difference: float) -> None:
    if not difference <= FAITHFUL:
        raise ColorizeError(f"{run.folder}: the graphs differ from PyTorch by {difference:.2g}")


def _properties(card: Card, network: Colorizing) -> dict[str, str]:
    return {
        "name": card.name,
        "version": card.version,
        "license": card.license,
        "trained_on": card.trained_on,
        "ranges": "L in [0, 100], ab in CIELAB units",
        "levels": f"trained on L stretched so that {OUTSIDE:.1%} is 0 and {OUTSIDE:.1%} is 100, "
        f"without a frame, by a factor of at most {LARGEST_GAIN:g}",
        "multiple": str(network.multiple),
    }


def _write(
    folder: Path,
    network: Colorizing,
    drawn: _Graphs,
    said: _Said,
    *,
    halve: bool,
) -> None:
    config, card = said.config, said.card
    folder.mkdir()
    parts = network.parts()
    with torch.no_grad():
        # Not the run's own size: with shared features the global graph reads only this size.
        examples = graphs.example_inputs(parts, get_network(config.network).training_size)
    described = {}
    for name, part in parts.items():
        model = drawn.graph(name, part, examples)
        if halve:
            model = graphs.halved(model)
        graphs.describe_graph(model, {**_properties(card, network), "part": name})
        path = folder / f"{name}.onnx"
        graphs.save(model, path)
        described[name] = _graph_entry(path, part, parts)
        if "scenes" in part.outputs:
            described[name]["scenes"] = said.scenes
    description = {
        "format": FORMAT,
        "name": card.name,
        "version": card.version,
        "license": card.license,
        "description": card.description,
        "trained_on": card.trained_on,
        "labels": said.labels,
        "network": {
            "name": config.network,
            "width": config.width,
            "global_features": config.global_features,
            "objective": config.objective,
            "parameters": said.parameters,
        },
        "input": {"multiple": network.multiple, "halo": network.halo},
        "output": {"stride": network.stride, "temperature": drawn.objective.temperature},
        "default_size": card.default_size or get_network(config.network).default_size,
        "graphs": described,
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


class _Graphs:
    """The graphs of a network's parts, each exported anew only when layers of it were replaced."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self._made: dict[tuple[str, ...], onnx.ModelProto] = {}

    def graph(self, name: str, part: Part, examples: dict[str, Tensor]) -> onnx.ModelProto:
        """The graph of the part called `name`."""
        layers = (name, *part.module.state_dict())
        if layers not in self._made:
            self._made[layers] = _graph(part, self.objective, examples)
        return self._made[layers]


def _graph(part: Part, objective: Objective, examples: dict[str, Tensor]) -> onnx.ModelProto:
    inputs = [examples[name] for name in part.inputs]
    names = part.inputs
    if part.outputs != ("ab",):
        if part.size and names == ("L",):
            inputs = [nn.functional.interpolate(inputs[0], (part.size, part.size))]
        return graphs.to_onnx(part.module, names, inputs, *part.outputs)
    if objective.temperature is not None:
        names = (*names, "temperature")
        inputs = [*inputs, torch.tensor(objective.temperature)]
    return graphs.to_onnx(graphs.Decoded(part.module, objective), names, inputs, "ab")


def _graph_entry(path: Path, part: Part, parts: dict[str, Part]) -> dict[str, object]:
    entry: dict[str, object] = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    if part is not parts.get("low_level"):
        entry["reads"] = "L" if "L" in part.inputs else "low_level"
    if part.size:
        entry["size"] = part.size
    if part.pools_to:
        entry["pools_to"] = part.pools_to
    return entry


def _exported_parameters(network: Colorizing) -> int:
    """Parameters of the parts, each once."""
    modules = [part.module for part in network.parts().values()]
    return sum(p.numel() for p in {p for module in modules for p in module.parameters()})


def _reduce(network: Colorizing, objective: Objective, probe: Probe) -> dict[str, int]:
    """Factorise each large layer to the smallest rank that costs < a fifth of the allowed loss."""
    calibration = [network_inputs(network, L) for L in torch.split(to_L(probe.calibration), 16)]
    frozen = network.frozen()
    kept = set() if frozen is None else set(frozen.modules())
    ranks = {}
    for name, layer in large_layers(network).items():
        if layer in kept:  # a pretrained extractor stays as published
            continue
        mean, directions = principal_outputs(network, layer, calibration)
        before = network_psnr(network, objective, probe)
        for rank in (r for r in RANKS if r < min(layer.weight.shape)):
            smaller = factorized(layer, mean, directions, rank)
            if sum(p.numel() for p in smaller.parameters()) >= layer.weight.numel():
                break
            replace(network, name, smaller)
            if before - network_psnr(network, objective, probe) < PSNR_LOSS / 5:
                ranks[name] = rank
                break
            replace(network, name, layer)
    return ranks


@torch.no_grad()
def _mix(network: Colorizing, blend: Blend) -> None:
    ours, theirs = network.state_dict(), blend.run.load_checkpoint()["ema"]
    if {k: v.shape for k, v in ours.items()} != {k: v.shape for k, v in theirs.items()}:
        raise UsageError(
            f"{blend.run.folder}: the run has a different network",
            tip="mix in the run that this one began from (--init)",
        )
    for name, value in ours.items():
        if value.is_floating_point():
            value.lerp_(theirs[name], blend.share)


def _refuse_others_folder(folder: Path) -> None:
    if (error := try_folder(folder)) is not None:
        raise unwritable(folder, error)
    there = {path.name for path in folder.iterdir()} if folder.exists() else set()
    # An interrupted first export leaves only graphs.
    left = there <= GRAPHS and all(graphs.is_own(folder / name) for name in there)
    if "model.json" not in there and not left:
        raise UsageError(
            f"{folder}: not empty, and not a model folder", tip="give a new or a model folder"
        )


def _finish(
    made: Path,
    folder: Path,
    card: Card,
    difference: float,
    psnr_full: float,
    psnr_small: float,
    ranks: dict[str, int],
) -> Exported:
    """Move the new files into place: all of them or, if there is no room, none.

    `model.json` follows the graphs, so that it never names missing files; then graphs that only the
    old model used are deleted. If killed in between, the hashes show that the model is damaged.
    """
    stale = _graphs_named(folder)
    files: Sequence[Path] = sorted(made.glob("*.onnx"))
    # Only now: the graphs were compared with PyTorch at the network's own vividness.
    description = json.loads((made / "model.json").read_text(encoding="utf-8"))
    description["output"]["vividness"] = card.vividness
    text = json.dumps(description, indent=2) + "\n"
    graphs_made = [(folder / file.name, file.read_bytes()) for file in files]
    write_together([*graphs_made, (folder / "model.json", text.encode())])
    for name in stale - {file.name for file in files}:
        (folder / name).unlink(missing_ok=True)
    size = sum(file.stat().st_size for file in files)
    return Exported(folder, difference, psnr_full, psnr_small, ranks, size)


def _graphs_named(folder: Path) -> set[str]:
    """File names of the graphs of all precisions in a `model.json`; none if it is broken."""
    try:
        values = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        tables = [values, *values.get("precisions", {}).values()]
        named = {str(graph["file"]) for table in tables for graph in table["graphs"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in named if Path(name).name == name and name.endswith(".onnx")}
