"""The same network in other engines, on one machine in one run.

PyTorch gets the same architecture with random weights (its speed does not depend on them), the
others the one-graph export of `single_graph.py`, which runs the low-level network twice.
`python benchmarks/engines.py [--sizes 224,512,1024]`. OpenVINO is skipped if not installed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import torch
from alternating import alternate, report
from numpy.typing import NDArray
from single_graph import single_graph

from colorcli.bench.conversions import synthetic_gray
from colorcli.colorizer import Colorizer, FloatL
from colorcli.model.sessions import Model
from colorcli.model.spec import DEFAULT_MODEL, ModelSpec, find_model
from colorcli.training.networks import NetworkOptions, get_network

Way = Callable[[], object]
Image = NDArray[np.float32]


def ours(name: str, L: Image) -> dict[str, Way]:
    """The sessions as the command uses them."""
    ways: dict[str, Way] = {}
    for precision in ("fp32", "int8") if ModelSpec.read(find_model(name)).precisions else ("fp32",):
        colorizer = Colorizer(Model.load(name, device="cpu", precision=precision))
        ways[f"colorize, {precision}"] = partial(colorizer.predict, FloatL(L[0, 0]), size="full")
    return ways


def in_torch(spec: ModelSpec, L: Image, view: Image, compiled: bool) -> dict[str, Way]:
    """PyTorch eager, and compiled by its default backend."""
    options = NetworkOptions(width=float(spec.network.get("width", 1.0)))
    network = get_network(spec.network["name"]).build(options).eval()
    inputs = torch.from_numpy(L), torch.from_numpy(view)

    def eager() -> object:
        with torch.inference_mode():
            return network(*inputs)

    fast = torch.compile(network)

    def faster() -> object:
        with torch.no_grad():
            return fast(*inputs)

    return {"PyTorch eager": eager, **({"PyTorch compiled": faster} if compiled else {})}


def in_onnxruntime(path: Path, L: Image, view: Image) -> dict[str, Way]:
    """The one-graph export in a plain session, and in one without graph optimisations."""
    feeds = {"L": L, "L_global": view}
    plain = ort.SessionOptions()
    plain.log_severity_level = 4
    raw = ort.SessionOptions()
    raw.log_severity_level = 4
    raw.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return {
        f"onnxruntime, one graph{label}": partial(
            ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]).run,
            None,
            feeds,
        )
        for label, options in (("", plain), (", not optimised", raw))
    }


def in_opencv(path: Path, L: Image, view: Image) -> dict[str, Way]:
    """The one-graph export in OpenCV's own engine."""

    def work() -> object:
        network = _opencv_network(str(path))
        network.setInput(L, "L")
        network.setInput(view, "L_global")
        return network.forward()

    return {"OpenCV dnn": work}


_networks: dict[str, Any] = {}


def _opencv_network(path: str) -> Any:
    if path not in _networks:
        _networks[path] = cv2.dnn.readNetFromONNX(path)
    return _networks[path]


def in_openvino(path: Path, L: Image, view: Image) -> dict[str, Way]:
    """The one-graph export in OpenVINO's CPU plugin, in float32 and bfloat16."""
    try:
        import openvino
    except ImportError:
        return {}
    core = openvino.Core()
    ways: dict[str, Way] = {}
    for kind in ("f32", "bf16"):
        settings = {"INFERENCE_PRECISION_HINT": kind, "PERFORMANCE_HINT": "LATENCY"}
        compiled = core.compile_model(str(path), "CPU", settings)
        ways[f"OpenVINO {kind}"] = partial(compiled, {"L": L, "L_global": view})
    return ways


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--sizes", default="224,512,1024")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-compile", action="store_true", help="torch.compile needs a compiler.")
    arguments = parser.parse_args()
    spec = ModelSpec.read(find_model(arguments.model))
    view = (synthetic_gray((224, 224)) / np.float32(2.55)).astype(np.float32)[None, None]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "single.onnx"
        onnx.save(single_graph(spec), path)
        for side in map(int, arguments.sizes.split(",")):
            L = (synthetic_gray((side, side)) / np.float32(2.55)).astype(np.float32)[None, None]
            ways = {
                **ours(arguments.model, L),
                **in_onnxruntime(path, L, view),
                **in_torch(spec, L, view, not arguments.no_compile),
                **in_opencv(path, L, view),
                **in_openvino(path, L, view),
            }
            seconds = alternate(ways, rounds=arguments.rounds, warm_up=2)
            report(f"{side}×{side}", seconds, "colorize, fp32")


if __name__ == "__main__":
    main()
