"""Helpers to build networks and to write down the papers' tables."""

from __future__ import annotations

from typing import Any

from colorcli.training.description import Layer
from colorcli.training.networks import NetworkOptions, get_network


def build(name: str, **options: Any) -> Any:
    """A network in evaluation mode; Any, since tests reach into its layers."""
    return get_network(name).build(NetworkOptions(**options)).eval()


def table(layers: list[Layer]) -> list[tuple[str, str, str]]:
    """The (kernel, stride, output) of each row."""
    return [(layer.kernel, layer.stride, layer.output) for layer in layers]


def conv(stride: int, output: str) -> tuple[str, str, str]:
    return "3×3", f"{stride}×{stride}", output
