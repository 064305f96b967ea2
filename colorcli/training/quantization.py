"""Quantise a model folder's graphs to integer weights and activations.

Static quantisation (Jacob et al. 2018) in onnxruntime's QDQ form: weights symmetric, one scale per
channel, in 7 bits of int8, so that no CPU saturates their sums (`PAIRED_BITS`); activations uint8,
with ranges from calibration photos. Loading fuses them into integer convolutions. Dynamic
quantisation, which needs no photos, is slower than fp32.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnxruntime import quantization as ort_quantization

from colorcli import metrics
from colorcli.collection.items import Item, spread
from colorcli.colorizer import Colorizer, FloatL
from colorcli.errors import PhotoError, UsageError
from colorcli.extras import scikit_image
from colorcli.files import scratch_folder, write_together
from colorcli.lab import clamp_to_gamut, lab_to_rgb, rgb_to_lab
from colorcli.model.precision import PAIRED_BITS, PrecisionSpec
from colorcli.model.sessions import Model
from colorcli.model.spec import ModelSpec
from colorcli.photo import read_rgb
from colorcli.training.graphs import save

CALIBRATION = 192
VALIDATION = 200

RELIABLE = 50
"""Validation photos from which the measured cost can be relied on."""

_OPERATORS = ["Conv", "Relu", "Add", "Resize", "Gemm", "MatMul", "Concat", "MaxPool"]

Feeds = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Quantized:
    """The result of a quantisation.

    Attributes:
        spec: its precision entry, with the measured cost.
        bytes: size of the int8 graphs.
        calibrated_on: number of photos used to find the ranges.
        measured_on: number of photos used to measure the cost.
    """

    spec: PrecisionSpec
    bytes: int
    calibrated_on: int
    measured_on: int


def quantize(
    folder: Path,
    calibration: Sequence[Item],
    validation: Sequence[Item],
    progress: Callable[[int], None] = lambda _done: None,
) -> Quantized:
    """Write `*.int8.onnx` beside a model's graphs, and their cost into its `model.json`.

    Args:
        folder: of the model; only `precisions` and the int8 graphs change.
        calibration: photos of the training split, evenly thinned to `CALIBRATION`.
        validation: photos of the validation split, evenly thinned to `VALIDATION`.
        progress: called with the number of photos done, both splits together.

    Returns:
        The cost, which decides whether `--precision auto` uses int8.

    Raises:
        ModelError: no model folder, or a broken one.
        PhotoError: no calibration photo can be read, or the folder cannot be written to.
        UsageError: scikit-image is not installed, or no validation photo can be read.
    """
    scikit_image("color")
    model = Model.load(str(folder), device="cpu", precision="fp32")
    spec = model.spec
    chosen, held_out = spread(calibration, CALIBRATION), spread(validation, VALIDATION)
    done = count(1)
    with scratch_folder() as work:
        recorded = _record(model, _lightnesses(_told(chosen, done, progress), spec), work)
        for file in folder.iterdir():
            if file.is_file():
                shutil.copyfile(file, work / file.name)
        entries = {}
        for name, graph in spec.graphs_at("fp32").items():
            target = work / f"{graph.path.stem}.int8.onnx"
            _quantize_graph(graph.path, target, recorded[name])
            entries[name] = {
                "file": target.name,
                "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
            }
        description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        entry = {
            "psnr_loss": 0.0,
            "colour_change": 0.0,
            "weight_bits": PAIRED_BITS,
            "graphs": entries,
        }
        description["precisions"] = {**description.get("precisions", {}), "int8": entry}
        (work / "model.json").write_text(json.dumps(description), encoding="utf-8")
        small = Model.load(str(work), device="cpu", precision="int8")
        loss, change, measured = _cost(model, small, _told(held_out, done, progress))
        entry |= {"psnr_loss": round(loss, 4), "colour_change": round(change, 4)}
        names = [values["file"] for values in entries.values()]
        text = json.dumps(description, indent=2) + "\n"
        # The description last, so that it never names missing graphs.
        write_together(
            [
                *((folder / name, (work / name).read_bytes()) for name in names),
                (folder / "model.json", text.encode()),
            ]
        )
    size = sum((folder / values["file"]).stat().st_size for values in entries.values())
    return Quantized(PrecisionSpec.parse(entry), size, len(recorded["colorization"]), measured)


def _told(
    items: Sequence[Item], done: Iterator[int], progress: Callable[[int], None]
) -> Iterator[Item]:
    """Yield the photos, reporting the number done after each."""
    for item in items:
        yield item
        progress(next(done))


class _Recorded(ort_quantization.CalibrationDataReader):  # type: ignore[misc]
    """Feeds of a graph, on disk: a few hundred feature maps do not fit into memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._waiting: Iterator[int] = iter(())

    def __len__(self) -> int:
        return self._count

    def add(self, feeds: Feeds) -> None:
        np.savez(self._folder / f"{self._count}.npz", **feeds)  # type: ignore[arg-type]
        self._count += 1

    def rewind(self) -> None:
        self._waiting = iter(range(self._count))

    def get_next(self) -> Feeds | None:
        index = next(self._waiting, None)
        if index is None:
            return None
        with np.load(self._folder / f"{index}.npz") as file:
            return {name: file[name] for name in file.files}


def _record(
    model: Model, photos: Iterator[NDArray[np.float32]], folder: Path
) -> dict[str, _Recorded]:
    """Run the fp32 model over photos and record the feeds of each graph."""
    recorded = {}
    for name in model.spec.graphs_at("fp32"):
        (folder / name).mkdir()
        recorded[name] = _Recorded(folder / name)
    colorizer = Colorizer(model.watched(lambda name, feeds, _: recorded[name].add(feeds)))
    for L in photos:
        colorizer.predict_L(L, size="auto")
    if not len(recorded["colorization"]):
        raise PhotoError("no calibration photo can be read")
    return recorded


def _lightnesses(items: Iterable[Item], spec: ModelSpec) -> Iterator[NDArray[np.float32]]:
    """L of photos, smaller ones enlarged to the model's default size."""
    for item in items:
        try:
            rgb = read_rgb(item.read())
        except PhotoError:
            continue
        L = np.ascontiguousarray(rgb_to_lab(rgb)[..., 0])
        scale = spec.default_size / max(L.shape)
        if scale > 1:
            multiple = spec.multiple
            L = FloatL(L).L_at(
                *(max(1, round(side * scale / multiple)) * multiple for side in L.shape)
            )
        yield L


def _quantize_graph(source: Path, target: Path, recorded: _Recorded) -> None:
    model = _with_whole_weights(onnx.load(source))
    plain = target.with_suffix(".plain")
    onnx.save(model, plain)
    recorded.rewind()
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it recommends steps already taken
    try:
        ort_quantization.quantize_static(
            plain,
            target,
            recorded,
            quant_format=ort_quantization.QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            per_channel=True,
            reduce_range=True,  # PAIRED_BITS
            activation_type=ort_quantization.QuantType.QUInt8,
            weight_type=ort_quantization.QuantType.QInt8,
            calibrate_method=ort_quantization.CalibrationMethod.MinMax,
            nodes_to_exclude=_kept_whole(model),
        )
    finally:
        logging.getLogger().setLevel(level)
        plain.unlink()
    small = onnx.load(target)
    del small.graph.value_info[:]
    save(small, target)


def _with_whole_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with float16 weights converted to float32 and their casts removed."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        tensor = stored.get(node.input[0]) if node.op_type == "Cast" else None
        if tensor is None or tensor.data_type != TensorProto.FLOAT16:
            nodes.append(node)
            continue
        values = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(values, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _kept_whole(model: onnx.ModelProto) -> list[str]:
    """Names of the nodes that stay fp32: the layer that outputs ab, where steps would show."""
    for index, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    if model.graph.output[0].name != "ab":
        return []
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    return convolutions[-1:]


def _cost(whole: Model, small: Model, items: Iterable[Item]) -> tuple[float, float, int]:
    """PSNR lost in dB, mean CIEDE2000 between the two, and the number of photos measured."""
    losses, changes = [], []
    for item in items:
        try:
            rgb = read_rgb(item.read())
        except PhotoError:
            continue
        L = np.ascontiguousarray(rgb_to_lab(rgb)[..., 0])
        made = [clamp_to_gamut(L, Colorizer(model).predict_L(L)) for model in (whole, small)]
        psnrs = [metrics.psnr(rgb, lab_to_rgb(L, ab)) for ab in made]
        losses.append(psnrs[0] - psnrs[1])
        changes.append(metrics.ciede2000(*(np.dstack([L, ab]) for ab in made)))
    if not losses:
        raise UsageError("no validation photo can be read")
    return float(np.mean(losses)), float(np.mean(changes)), len(losses)
