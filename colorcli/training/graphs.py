"""Export PyTorch modules to ONNX graphs that every supported onnxruntime reads."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from colorcli.training.networks.base import Part
from colorcli.training.objectives import Objective

_PRODUCER = "colorize"

OPSET = 18
IR_VERSION = 10
HALVE_FROM = 64
"""Tensors with fewer values stay float32: halving them would save next to nothing."""


class Decoded(nn.Module):
    """A part followed by the objective's decoding, so that its graph outputs ab."""

    def __init__(self, part: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.part, self.objective = part, objective

    def forward(self, *inputs: Tensor) -> Tensor:
        """The part's inputs, then the temperature if there is one → ab."""
        if self.objective.temperature is None:
            return self.objective.decode(self.part(*inputs))
        return self.objective.decode(self.part(*inputs[:-1]), inputs[-1])


def example_inputs(parts: dict[str, Part], size: int) -> dict[str, Tensor]:
    """An example tensor for every input of the parts, from running them on a ramp of L."""
    ramp = torch.linspace(0, 100, size)[None, None, :, None].expand(1, 1, size, size).contiguous()
    values = {"L": ramp}
    for part in parts.values():
        if part.outputs == ("ab",):
            continue
        given = part.module(*(_view(values[name], part, name) for name in part.inputs))
        values |= zip(part.outputs, given if len(part.outputs) > 1 else (given,), strict=True)
    return values


def _view(value: Tensor, part: Part, name: str) -> Tensor:
    if name == "L" and part.size:
        return nn.functional.interpolate(value, (part.size, part.size), mode="bilinear")
    return value


def to_onnx(
    module: nn.Module, names: tuple[str, ...], examples: list[Tensor], *outputs: str
) -> onnx.ModelProto:
    """Export a module with embedded weights and dynamic N, H and W (`L_global`: only N).

    Args:
        module: in evaluation mode; its layers no longer work in place afterwards.
        names: of its inputs.
        examples: one tensor per input.
        outputs: names of its outputs.
    """
    shapes = []
    for name, example in zip(names, examples, strict=True):
        # The global view has a fixed size; H and W named as for L would force it to L's size.
        if name in ("global_features", "L_global", "temperature") or example.ndim < 4:
            dims = {0: torch.export.Dim("N")} if example.ndim else {}
        else:
            dims = {
                0: torch.export.Dim("N"),
                2: torch.export.Dim.AUTO,
                3: torch.export.Dim.AUTO,
            }
        shapes.append(dims)
    for layer in module.modules():
        if isinstance(layer, (nn.ReLU, nn.ReLU6)):
            # In place, they take the exporter as long as all the rest of a deep trunk.
            layer.inplace = False
    # The exporter warns about torchvision operators, which no network here uses.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            tuple(examples),
            dynamo=True,
            input_names=list(names),
            output_names=list(outputs),
            dynamic_shapes=(tuple(shapes),) if _variadic(module) else tuple(shapes),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    model.ir_version = IR_VERSION
    _name_dimensions(model)
    return model


def _name_dimensions(model: onnx.ModelProto) -> None:
    """Give the dynamic dimensions their usual names."""
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        # One name for maps of several resolutions would make the runtime expect one size.
        spatial = ("H", "W") if value.name == "L" else (f"H_{value.name}", f"W_{value.name}")
        dims = value.type.tensor_type.shape.dim
        for dim, name in zip(dims, ("N", "C", *spatial), strict=False):
            if dim.WhichOneof("value") == "dim_param":
                dim.dim_param = name


def _variadic(module: nn.Module) -> bool:
    return isinstance(module, Decoded)


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its weights stored as float16 and cast back on loading.

    onnxruntime folds the casts into constants, so only the file gets smaller.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    casts = []
    for tensor in small.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < HALVE_FROM:
            continue
        stored = f"{tensor.name}.half"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    nodes = [*casts, *small.graph.node]
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    return small


def describe_graph(model: onnx.ModelProto, properties: dict[str, str]) -> None:
    """Replace the graph's metadata by the producer and these properties."""
    model.producer_name = _PRODUCER
    model.producer_version = ""
    model.doc_string = ""
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    helper.set_model_props(model, properties)


def is_own(path: Path) -> bool:
    """Whether this file holds a graph that `describe_graph` has marked."""
    try:
        model = onnx.load_model(path, load_external_data=False)
    except (OSError, DecodeError):
        return False
    return bool(model.producer_name == _PRODUCER)


def encoded(model: onnx.ModelProto) -> bytes:
    """Check a graph and return it as the bytes of a file."""
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def save(model: onnx.ModelProto, path: Path) -> None:
    """Check and write a graph."""
    path.write_bytes(encoded(model))
