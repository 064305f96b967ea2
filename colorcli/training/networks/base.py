"""What every architecture offers to the trainer and the exporter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

Head = Literal["ab", "bins"]

AB_LIMIT = 110.0
"""Bound of |a| and |b| that a network can say; sRGB reaches -107.9 (b of blue) and 98.3 (a)."""


@dataclass(frozen=True)
class NetworkOptions:
    """What a network is built with.

    Attributes:
        width: factor on every channel count; 1.0 is the paper's.
        head: `ab` regresses two channels, `bins` gives a logit per quantised ab bin.
        bins: number of ab bins, for the head `bins`.
        global_features: False builds the baseline without the global branch, where there is one.
        dropout: probability of dropping a unit of the fully connected layers; of `fusion-lite`,
            at most, also of passing by a block of its trunk.
        global_pool: averages the feature maps before the fully connected layers.
        scenes: number of scene classes that the global branch tells apart; 0 builds no such head.
        pretrained: weights of a pretrained part, where there is one: `imagenet` gets them,
            `none` draws random ones, anything else is a file.
        embedding: numbers that a frozen extractor gives a photo.
    """

    width: float = 1.0
    head: Head = "ab"
    bins: int = 0
    global_features: bool = True
    dropout: float = 0.0
    global_pool: bool = False
    scenes: int = 0
    pretrained: str = "none"
    embedding: int = 1000

    def channels(self, count: int) -> int:
        """`count` channels of the paper at this width, at least 1."""
        return max(1, round(count * self.width))


@dataclass(frozen=True)
class Part:
    """One graph of a model folder.

    Attributes:
        module: takes the inputs in order, gives a tensor for each output; physical units at the
            outside.
        inputs: names of its inputs: `L`, outputs of `low_level`, `global_features`.
        outputs: names of its outputs; `scenes`, the probabilities of scenes, comes last.
        size: the square it is rescaled to, for the global graph.
        pools_to: long side up to which a photo is its own rescale, where the global graph averages
            over what it is given; None where it takes the square alone.
    """

    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    size: int | None = None
    pools_to: int | None = None


@dataclass(frozen=True)
class Preset:
    """How its paper trained a network; `colorize train --preset paper`.

    Attributes are those of `TrainConfig`. What no paper speaks of is off: no warm-up, no decay of
    the rate, no clipping, no average of the weights.
    """

    objective: str = "mse"
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    batch: int = 32
    weight_decay: float = 0.0
    epochs: float = 20.0
    zoom: float = 0.0
    shear: float = 0.0
    warmup: float = 0.0
    schedule: str = "constant"
    clip: float | None = None
    ema: float = 0.0


class Colorizing(nn.Module, ABC):
    """A network from L to ab, or to a distribution over ab bins.

    Class attributes:
        multiple: H and W of the input are multiples of it.
        stride: pixels of L per cell of the output grid.
        halo: pixels around a cell that can change it, rounded up to the multiple.
        global_size: the square side of the view that the global branch takes, or None.
    """

    multiple: int
    stride: int
    halo: int
    global_size: int | None = None

    @abstractmethod
    def forward(self, L: Tensor, L_global: Tensor | None = None) -> Tensor:
        """Predict.

        Args:
            L: `(N, 1, H, W)` in [0, 100], H and W multiples of `multiple`.
            L_global: `(N, 1, S, S)`, S = `global_size`; None takes L itself as that view, at
                whatever size it has. With a frozen extractor it may be what that made of the
                view before: `(N, G)`.

        Returns:
            Head `ab`: `(N, 2, H/stride, W/stride)` in CIELAB units; head `bins`: logits
            `(N, bins, H/stride, W/stride)`.
        """

    def frozen(self) -> nn.Module | None:
        """The extractor that training leaves alone, or None.

        It takes L of the global view and gives global features. Copies of the network share it,
        and the trainer runs it once for each photo.
        """
        return None

    def forward_with_scenes(
        self, L: Tensor, L_global: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, and logits of the scene classes `(N, scenes)`; for networks with them."""
        raise NotImplementedError

    @abstractmethod
    def parts(self) -> dict[str, Part]:
        """The graphs of the model folder, by their names there; `colorization` comes last."""


@dataclass(frozen=True)
class Network:
    """An entry of the registry.

    Attributes:
        name: what `--network` calls it.
        source: the paper and section it comes from.
        build: makes one from options.
        heads: the heads it can have.
        training_size: side of the square crops it is trained on.
        default_size: long side of a photo that it is shown at unless told otherwise.
        preset: how its paper trained it; None: it is of no paper.
        scenes: whether it can be trained to tell scenes apart as well.
        extractor: whether it has a frozen extractor, with weights of its own.
        trunk: whether it has a trunk that starts from pretrained weights and learns further.
        baseline: how it was trained without its global branch; None: it cannot be built so.
        global_pool: whether its global branch can average the maps before its large layer.
        dropout: whether it has fully connected layers of which units can be dropped.
    """

    name: str
    source: str
    build: Callable[[NetworkOptions], Colorizing]
    heads: tuple[Head, ...] = ("ab",)
    training_size: int = 224
    default_size: int = 320
    preset: Preset | None = field(default_factory=Preset)
    scenes: bool = False
    extractor: bool = False
    trunk: bool = False
    baseline: Preset | None = None
    global_pool: bool = False
    dropout: bool = True


def normalized(L: Tensor) -> Tensor:
    """L in [0, 100] → [-1, 1]."""
    return L / 50.0 - 1.0


class Conv(nn.Sequential):
    """3×3 convolution padded by 1, batch normalisation (Ioffe and Szegedy 2015), ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class BiasedConv(nn.Sequential):
    """3×3 convolution padded by 1, with a bias and ReLU: a layer of the networks made in Keras.

    Drawn as Keras does (Glorot and Bengio 2010): without batch normalisation, PyTorch's own
    narrower weights would let the signal die out over twelve layers.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(biased(inputs, outputs, stride, kernel), nn.ReLU(inplace=True))


def biased(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    """The convolution of `BiasedConv` alone."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
    nn.init.xavier_uniform_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class SigmoidAb(nn.Module):
    """ab = (2·sigmoid(x) - 1)·110: the paper's sigmoid on ab scaled to [0, 1] (III.B.4)."""

    def forward(self, x: Tensor) -> Tensor:
        """`(N, 2, h, w)` → ab in CIELAB units."""
        # Of bfloat16 only every 0.4th ab could be said.
        return (2.0 * torch.sigmoid(x.float()) - 1.0) * AB_LIMIT


class TanhAb(nn.Module):
    """ab = 110·tanh(x): the output of the plain CNNs and of Koalarization."""

    def forward(self, x: Tensor) -> Tensor:
        """`(N, 2, h, w)` → ab in CIELAB units."""
        return torch.tanh(x.float()) * AB_LIMIT
