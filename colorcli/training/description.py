"""The layer table of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from colorcli.training.networks import Colorizing


@dataclass(frozen=True)
class Layer:
    """One row: a convolution, a fully connected layer, an upsampling or a frozen extractor.

    Attributes:
        name: of the module.
        kernel: such as 3×3, or - if it has none.
        stride: such as 2×2, or - if it has none.
        output: shape without N, such as 64×112×112.
        parameters: its own plus those of the normalisation after it.
    """

    name: str
    kernel: str
    stride: str
    output: str
    parameters: int


def describe(network: Colorizing, size: int) -> list[Layer]:
    """The layers in the order they run, for an input `(1, 1, size, size)`.

    Each parameter is counted once, even if its layer runs twice. Heads used only in training are
    left out.
    """
    rows: list[Layer] = []
    seen: set[nn.Module] = set()

    def once(add: Callable[[nn.Module, Tensor], None]) -> Callable[..., None]:
        def hook(module: nn.Module, _inputs: Any, output: Tensor) -> None:
            if module not in seen:
                seen.add(module)
                add(module, output)

        return hook

    def add_parameters(module: nn.Module, _output: Tensor) -> None:
        last = rows[-1]
        rows[-1] = replace(last, parameters=last.parameters + _count(module))

    frozen = network.frozen()
    whole = set() if frozen is None else {frozen}
    inside = set() if frozen is None else set(frozen.modules()) - whole
    handles = []
    for name, module in network.named_modules():
        if module in inside:
            continue
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Upsample) or module in whole:

            def add_row(module: nn.Module, output: Tensor, name: str = name) -> None:
                rows.append(_row(name, module, output))

            handles.append(module.register_forward_hook(once(add_row)))
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            handles.append(module.register_forward_hook(once(add_parameters)))
    try:
        with torch.no_grad():
            network.eval()(*_views(network, size))
    finally:
        for handle in handles:
            handle.remove()
    return rows


def operations(network: Colorizing, size: int) -> int:
    """Floating-point operations for one photo `(1, 1, size, size)`; a multiply-add counts as two.

    Includes the global branch: on the photo itself at the global size, else on its rescale. Only
    convolutions and matrix products are counted, as PyTorch does.
    """
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(*_views(network, size))
    return int(counter.get_total_flops())


def _views(network: Colorizing, size: int) -> list[Tensor]:
    """L, and L of the global view if that has another size."""
    views = [torch.zeros(1, 1, size, size)]
    if network.global_size not in (None, size):
        views.append(torch.zeros(1, 1, network.global_size, network.global_size))
    return views


def _row(name: str, module: nn.Module, output: Tensor) -> Layer:
    kernel = stride = "-"
    if isinstance(module, nn.Conv2d):
        kernel, stride = _sides(module.kernel_size), _sides(module.stride)
    if not isinstance(module, nn.Upsample):  # first in a sequence of layer, norm and ReLU
        name = name.removesuffix(".0")
    return Layer(name, kernel, stride, _sides(output.shape[1:]), _count(module))


def _sides(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
