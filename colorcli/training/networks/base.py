"""The interface of every architecture to the trainer and the exporter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

Head = Literal["ab", "bins"]

AB_LIMIT = 110.0
"""Largest |a| and |b| of a network's output; sRGB reaches -107.9 (b of blue) and 98.3 (a)."""


@dataclass(frozen=True)
class NetworkOptions:
    """Options for building a network.

    Attributes:
        width: factor on every channel count; 1.0 is the paper's.
        head: `ab` regresses two channels, `bins` gives a logit per quantised ab bin.
        bins: number of ab bins, for the head `bins`.
        global_features: False builds the baseline without the global branch, if there is one.
        dropout: probability of dropping a unit of the fully connected layers; in `fusion-lite`,
            also the upper bound for skipping a block of its trunk.
        global_pool: averages the feature maps before the fully connected layers.
        scenes: number of scene classes that the global branch predicts; 0 builds no such head.
        pretrained: weights of a pretrained part, if there is one: `imagenet` fetches them,
            `none` draws random ones, anything else is a file.
        embedding: outputs of a frozen extractor per photo.
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
        module: takes the inputs in order and returns one tensor per output; L and ab are in
            physical units.
        inputs: names of its inputs: `L`, outputs of `low_level`, `global_features`.
        outputs: names of its outputs; `scenes`, the scene probabilities, comes last.
        size: for the global graph: side of the square that photos are rescaled to.
        pools_to: for a global graph that averages over its input: long side up to which photos are
            not rescaled; None: always rescaled.
    """

    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    size: int | None = None
    pools_to: int | None = None


@dataclass(frozen=True)
class Preset:
    """A paper's training settings for a network; `colorize train --preset paper`.

    Attributes are those of `TrainConfig`. Anything the papers do not mention is off: warm-up, decay
    of the learning rate, clipping, averaging of the weights.
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
        global_size: side of the square view for the global branch, or None.
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
            L_global: `(N, 1, S, S)`, S = `global_size`; None uses L itself as that view, at any
                size. With a frozen extractor it may instead be the extractor's output for the
                view, `(N, G)`.

        Returns:
            Head `ab`: `(N, 2, H/stride, W/stride)` in CIELAB units; head `bins`: logits
            `(N, bins, H/stride, W/stride)`.
        """

    def frozen(self) -> nn.Module | None:
        """The extractor that is not trained, or None.

        It maps L of the global view to global features. Copies of the network share it, and the
        trainer runs it once per photo.
        """
        return None

    def forward_with_scenes(
        self, L: Tensor, L_global: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`, plus the scene logits `(N, scenes)`, for networks with a scene head."""
        raise NotImplementedError

    @abstractmethod
    def parts(self) -> dict[str, Part]:
        """The graphs of the model folder by name; `colorization` comes last."""


@dataclass(frozen=True)
class Network:
    """An entry of the registry.

    Attributes:
        name: its name for `--network`.
        source: the paper and section it comes from.
        build: builds one from options.
        heads: the heads it can have.
        training_size: side of the square crops it is trained on.
        default_size: default long side in pixels of the photos it sees.
        preset: its paper's training settings; None: it has no paper.
        scenes: whether it can be trained to classify scenes as well.
        extractor: whether it has a frozen extractor, with weights of its own.
        trunk: whether it has a trunk that starts from pretrained weights and is trained further.
        baseline: training settings of its variant without the global branch; None: there is none.
        global_pool: whether its global branch can average the maps before its large layer.
        dropout: whether it has fully connected layers for dropout.
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
    """Convolution padded by kernel // 2, batch normalisation (Ioffe and Szegedy 2015), ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class BiasedConv(nn.Sequential):
    """Convolution padded by kernel // 2, with a bias and ReLU: a layer of the Keras networks.

    Initialised as in Keras (Glorot and Bengio 2010): without batch normalisation, the signal would
    die out over twelve layers with PyTorch's smaller default weights.
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
        # bfloat16 would limit ab to steps of 0.4.
        return (2.0 * torch.sigmoid(x.float()) - 1.0) * AB_LIMIT


class TanhAb(nn.Module):
    """ab = 110·tanh(x): the output of the plain CNNs and of Koalarization."""

    def forward(self, x: Tensor) -> Tensor:
        """`(N, 2, h, w)` → ab in CIELAB units."""
        return torch.tanh(x.float()) * AB_LIMIT
