"""Speed of the networks that a user would pick instead, at their usual sizes.

Weights are random: this says nothing about the colours. The architectures follow the descriptions
in their papers: Zhang et al. 2016 (ECCV16) and 2017 (SIGGRAPH17, no hints), at 256; and a U-Net on
ResNet-34 as DeOldify's artistic model describes itself, at render factor 35, 560. All run in
onnxruntime with default settings. `python benchmarks/networks.py`
"""

from __future__ import annotations

import argparse
import io
import logging
import warnings
from functools import partial

import numpy as np
import onnxruntime as ort
import torch
from alternating import alternate, report
from torch import Tensor, nn

from colorcli.bench.conversions import synthetic_gray
from colorcli.colorizer import Colorizer
from colorcli.model.spec import DEFAULT_MODEL
from colorcli.photo import Photo


def block(inputs: int, outputs: int, layers: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    """3×3 convolutions with ReLU, the last with `stride`, then batch normalisation."""
    parts: list[nn.Module] = []
    for index in range(layers):
        step = stride if index == layers - 1 else 1
        parts += [
            nn.Conv2d(
                inputs if index == 0 else outputs, outputs, 3, step, dilation, dilation=dilation
            ),
            nn.ReLU(),
        ]
    return nn.Sequential(*parts, nn.BatchNorm2d(outputs))


def up(inputs: int, outputs: int) -> nn.Module:
    """Upsample by 2 with a transposed convolution."""
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)


def eccv16() -> nn.Module:
    """Zhang et al. 2016, their table of layers: conv1-conv8, 313 bins, ab upsampled from 1/4."""
    return nn.Sequential(
        block(1, 64, 2, stride=2),
        block(64, 128, 2, stride=2),
        block(128, 256, 3, stride=2),
        block(256, 512, 3),
        block(512, 512, 3, dilation=2),
        block(512, 512, 3, dilation=2),
        block(512, 512, 3),
        nn.Sequential(up(512, 256), nn.ReLU(), block(256, 256, 2)),
        nn.Conv2d(256, 313, 1),
        nn.Softmax(dim=1),
        nn.Conv2d(313, 2, 1, bias=False),
        nn.Upsample(scale_factor=4, mode="bilinear"),
    )


class Siggraph17(nn.Module):
    """Zhang et al. 2017, main branch: L, ab hints and their mask → ab at full size; shortcuts."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([block(4, 64, 2), block(64, 128, 2), block(128, 256, 3)])
        self.middle = nn.Sequential(
            block(256, 512, 3),
            block(512, 512, 3, dilation=2),
            block(512, 512, 3, dilation=2),
            block(512, 512, 3),
        )
        self.ups = nn.ModuleList([up(512, 256), up(256, 128), up(128, 128)])
        self.shortcuts = nn.ModuleList(
            [
                nn.Conv2d(256, 256, 3, 1, 1),
                nn.Conv2d(128, 128, 3, 1, 1),
                nn.Conv2d(64, 128, 3, 1, 1),
            ]
        )
        self.after = nn.ModuleList([block(256, 256, 2), block(128, 128, 1), block(128, 128, 1)])
        self.ab = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def forward(self, L: Tensor) -> Tensor:
        """L `(1, 1, H, W)` → ab at full size."""
        x = torch.cat([L, torch.zeros_like(L).repeat(1, 3, 1, 1)], dim=1)
        kept = []
        for down in self.down:
            x = down(x)
            kept.append(x)
            x = x[:, :, ::2, ::2]
        x = self.middle(x)
        for up_, shortcut, after in zip(self.ups, self.shortcuts, self.after, strict=True):
            x = after(torch.relu(up_(x) + shortcut(kept.pop())))
        out: Tensor = self.ab(x)
        return out


class Residual(nn.Module):
    """The basic block of He et al. 2016."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        same = stride == 1 and inputs == outputs
        self.skip = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of body and shortcut."""
        return torch.relu(self.body(x) + self.skip(x))


class ResNetUnet(nn.Module):
    """A U-Net whose encoder is ResNet-34 and whose decoder upsamples by pixel shuffle.

    Decoder widths as in a "dynamic U-Net" 1.5 times as wide in the middle; without the original's
    self-attention layer, so it is faster than the original.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU())
        self.stages = nn.ModuleList()
        inputs = 64
        for outputs, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            blocks = [Residual(inputs, outputs, stride)]
            blocks += [Residual(outputs, outputs, 1) for _ in range(count - 1)]
            self.stages.append(nn.Sequential(*blocks))
            inputs = outputs
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.middle = nn.Sequential(block(512, 1024, 1), block(1024, 512, 1))
        self.shuffles, self.mixes = nn.ModuleList(), nn.ModuleList()
        below = 512
        for side, outputs in ((256, 768), (128, 768), (64, 576), (64, 300)):
            half = below // 2
            self.shuffles.append(nn.Sequential(nn.Conv2d(below, half * 4, 1), nn.PixelShuffle(2)))
            self.mixes.append(block(half + side, outputs, 2))
            below = outputs
        self.last = nn.Sequential(nn.Conv2d(below, below * 4, 1), nn.PixelShuffle(2))
        self.head = nn.Sequential(block(below + 3, below + 3, 2), nn.Conv2d(below + 3, 3, 1))

    def forward(self, L: Tensor) -> Tensor:
        """L `(1, 1, H, W)` → RGB at full size."""
        image = L.repeat(1, 3, 1, 1)
        x = self.stem(image)
        kept = [x]
        x = self.pool(x)
        for stage in self.stages:
            x = stage(x)
            kept.append(x)
        x = self.middle(kept.pop())
        for shuffle, mix in zip(self.shuffles, self.mixes, strict=True):
            skip = kept.pop()
            x = nn.functional.interpolate(shuffle(x), skip.shape[2:])  # 560 is not divisible by 32
            x = mix(torch.cat([x, skip], dim=1))
        out: Tensor = self.head(torch.cat([self.last(x), image], dim=1))
        return out


def session(network: nn.Module, side: int) -> ort.InferenceSession:
    """A network in onnxruntime, at a fixed size."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    example = torch.zeros(1, 1, side, side)
    data = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            input_names=["L"],
            opset_version=18,
            verbose=False,
        )
    assert program is not None
    program.model_proto.ir_version = 10
    data.write(program.model_proto.SerializeToString())
    return ort.InferenceSession(data.getvalue(), providers=["CPUExecutionProvider"])


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    colorizer = Colorizer.load(arguments.model, device="cpu", precision=arguments.precision)
    photo = Photo.from_array(synthetic_gray((768, 1024)))
    default = f"colorize, {arguments.precision}, {colorizer.model.spec.default_size}"
    ways = {default: partial(colorizer.predict, photo)}
    others = (
        ("ECCV16", eccv16, 256),
        ("SIGGRAPH17", Siggraph17, 256),
        ("ResNet-34 U-Net", ResNetUnet, 560),
    )
    for name, build, side in others:
        feeds = {"L": np.zeros((1, 1, side, side), np.float32)}
        network = build()
        millions = sum(p.numel() for p in network.parameters()) / 1e6
        ways[f"{name}, {side} ({millions:.0f} M)"] = partial(
            session(network, side).run, None, feeds
        )
    report(
        "a 1024×768 photo, network only, random weights except ours",
        alternate(ways, rounds=arguments.rounds),
        default,
    )


if __name__ == "__main__":
    main()
