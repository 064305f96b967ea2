"""Join the graphs of a model folder into one, as `export --single-file` does, without the run.

A low-level network shared by both branches is in it twice, once for each, as in any plain export of
the paper's network. `python benchmarks/single_graph.py [MODEL] -o FILE.onnx`
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx
from onnx import compose

from colorcli.model.spec import DEFAULT_MODEL, ModelSpec, find_model


def single_graph(spec: ModelSpec) -> onnx.ModelProto:
    """One graph: `L` `(1, 1, H, W)` and `L_global` `(1, 1, S, S)` → `ab`.

    Args:
        spec: of a model with a global branch.
    """
    if spec.global_ is None:
        raise SystemExit(f"{spec.name}: nothing to join, the model has only one graph")
    global_ = _prefixed(spec.global_.path, "global_")
    head = _prefixed(spec.colorization.path, "head_")
    features = (global_.graph.output[0].name, "head_global_features")
    if spec.low_level is None:
        merged = compose.merge_models(global_, head, [features])
        names = {"head_L": "L", "global_L": "L_global"}
    else:
        local = _prefixed(spec.low_level.path, "local_")
        view = _prefixed(spec.low_level.path, "view_")
        merged = compose.merge_models(
            view, global_, _shared(view, global_), outputs=[global_.graph.output[0].name]
        )
        merged = compose.merge_models(merged, head, [features])
        merged = compose.merge_models(local, merged, _shared(local, head), outputs=["head_ab"])
        names = {"local_L": "L", "view_L": "L_global"}
    for old, new in (names | {"head_ab": "ab"}).items():
        _rename(merged, old, new)
    view_side = next(value for value in merged.graph.input if value.name == "L_global")
    for dim, name in zip(view_side.type.tensor_type.shape.dim[2:], ("S", "S"), strict=True):
        dim.dim_param = name  # not L's names, or the runtime would expect equal sizes
    del merged.graph.value_info[:]
    merged.ir_version = 10
    return merged


def _shared(low_level: onnx.ModelProto, reader: onnx.ModelProto) -> list[tuple[str, str]]:
    """Pairs of the low-level network's outputs and the inputs of `reader` that take them."""
    read = {value.name.split("_", 1)[1]: value.name for value in reader.graph.input}
    given = ((value.name, value.name.split("_", 1)[1]) for value in low_level.graph.output)
    return [(name, read[what]) for name, what in given if what in read]


def _prefixed(path: Path, prefix: str) -> onnx.ModelProto:
    model = onnx.load(path)
    del model.metadata_props[:]  # each names its part
    return compose.add_prefix(model, prefix)


def _rename(model: onnx.ModelProto, old: str, new: str) -> None:
    for value in (*model.graph.input, *model.graph.output):
        if value.name == old:
            value.name = new
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default=DEFAULT_MODEL)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    onnx.save(single_graph(ModelSpec.read(find_model(arguments.model))), arguments.output)


if __name__ == "__main__":
    main()
