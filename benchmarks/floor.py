"""The network's speed against the limit set by this machine's arithmetic.

The floor is the time of the network's multiplications and additions at the best rate that any of
several typical convolutions reaches in oneDNN (through PyTorch), alone and in oneDNN's layout. Only
fewer operations or narrower types can go below it. `python benchmarks/floor.py [MODEL]`
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from alternating import alternate
from torch.utils.mkldnn import to_mkldnn

from colorcli.bench.conversions import synthetic_gray
from colorcli.colorizer import Colorizer
from colorcli.model.sessions import Features, Model
from colorcli.model.spec import DEFAULT_MODEL, ModelSpec
from colorcli.photo import Photo

# Input channels, output channels, side of the map: shapes like those in the middle of the network.
SHAPES = ((64, 64, 256), (128, 128, 128), (256, 256, 64), (512, 512, 64))


def operations(spec: ModelSpec, side: int) -> float:
    """Multiplications and additions of the convolutions and fully connected layers.

    Args:
        spec: of the model.
        side: of the square photo that the network sees whole.
    """
    total = 0.0
    squares = {"colorization": side, "low_level": side}
    if spec.global_ is not None and spec.global_.size is not None:
        squares["global"] = spec.global_.size
    model = Model.load(str(spec.folder), device="cpu")
    for name, graph in spec.graphs_at("fp32").items():
        square = squares[name]
        L = np.zeros((1, 1, square, square), np.float32)
        features = {"L": L} if name == "low_level" else model.low_level(L)
        total += _graph_operations(graph.path, features)
        apart = name == "global" and not model.shares_features((side, side))
        if apart and spec.low_level is not None:
            total += _graph_operations(spec.low_level.path, {"L": L})
    return total


def _graph_operations(path: Path, features: Features) -> float:
    """Operations of a graph that reads `features`, by running it with every layer as an output."""
    model = onnx.load(path)
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=node.output[0]) for node in layers)
    with tempfile.TemporaryDirectory() as scratch:
        shown = Path(scratch) / "shown.onnx"
        onnx.save(model, shown)
        session = ort.InferenceSession(str(shown), providers=["CPUExecutionProvider"])
    nodes = session.get_inputs()
    feeds = {node.name: features[node.name] for node in nodes if node.name in features}
    for node in nodes:
        if node.name not in feeds:  # global features, or a temperature
            feeds[node.name] = np.zeros([1, node.shape[1]] if node.shape else [], np.float32)
    outputs = session.run(None, feeds)
    weights = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    casts = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Cast"}
    total = 0.0
    for node, output in zip(layers, outputs, strict=True):
        dims = weights[casts.get(node.input[1], node.input[1])]
        total += 2 * output.size * float(np.prod(dims)) / output.shape[1]
    return total


def convolutions() -> dict[str, Callable[[], object]]:
    """The convolutions that are candidates for the best rate."""
    ways: dict[str, Callable[[], object]] = {}
    for inputs, outputs, side in SHAPES:
        layer = torch.nn.Conv2d(inputs, outputs, 3, padding=1).eval()
        image = torch.rand(1, inputs, side, side).to_mkldnn()
        fast = to_mkldnn(layer)  # type: ignore[no-untyped-call]
        ways[_name(inputs, outputs, side)] = partial(fast, image)
    return ways


def best_rate(seconds: dict[str, list[float]]) -> float:
    """The best rate of a 3×3 convolution in any round, in operations per second."""
    return max(
        2 * 9 * inputs * outputs * side**2 / min(seconds[_name(inputs, outputs, side)])
        for inputs, outputs, side in SHAPES
    )


def _name(inputs: int, outputs: int, side: int) -> str:
    return f"{inputs} to {outputs} channels, {side}×{side}"


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("--sizes", default="224,512,1024,2048")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    model = Model.load(arguments.model, device="cpu", precision="fp32")
    colorizer = Colorizer(model)
    for side in map(int, arguments.sizes.split(",")):
        photo = Photo.from_array(synthetic_gray((side, side)))
        ways = convolutions()
        ways["network"] = partial(colorizer.predict, photo, size="full")
        with torch.inference_mode():
            seconds = alternate(ways, rounds=arguments.rounds, warm_up=2)
        rate, work = best_rate(seconds), operations(model.spec, side)
        took, floor = min(seconds["network"]), work / rate
        print(
            f"{side}×{side}: {work / 1e9:.1f} GFLOP at {rate / 1e9:.0f} GFLOP/s: "
            f"floor {floor * 1e3:.1f} ms, network {took * 1e3:.1f} ms, {took / floor:.3f}"
        )


if __name__ == "__main__":
    main()
