"""The fusion network on a trunk pretrained on ImageNet.

The design of Kaushik et al. (section III.B: local features, fused with global features of a
224×224 rescale, then decoded) with EfficientNet-Lite0 in place of the low-level, mid-level and
global convolutions. As in Koalarization, recognition is learned from ImageNet, not from the few
photos at hand; unlike there, the trunk is trained further with the colours. The trunk's feature
maps feed the decoder through skip connections (Ronneberger et al. 2015), so that colours end at
the edges of objects.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colorcli.training.networks.base import (
    Colorizing,
    Conv,
    Network,
    NetworkOptions,
    Part,
    SigmoidAb,
)
from colorcli.training.networks.efficientnet import HEAD, Trunk, convolution, load_pretrained
from colorcli.training.networks.fusion import FusionLayer

MAPS = ("seen_2", "seen_4", "seen_8", "seen_16", "seen_32")
"""Names of the trunk's maps; the number is the pixels of L per cell."""


class Global(nn.Module):
    """The trunk's last map `(N, 320, h, w)` → global features `(N, 256)`."""

    def __init__(self, options: NetworkOptions, inputs: int) -> None:
        super().__init__()
        c = options.channels
        self.head = nn.Sequential(*convolution(inputs, c(HEAD), activated=True))
        self.dropout = nn.Dropout(options.dropout)
        self.fc1 = nn.Sequential(
            nn.Linear(c(HEAD), c(512), bias=False), nn.BatchNorm1d(c(512)), nn.ReLU()
        )
        self.fc2 = nn.Sequential(
            nn.Linear(c(512), c(256), bias=False), nn.BatchNorm1d(c(256)), nn.ReLU()
        )

    def forward(self, seen: Tensor) -> Tensor:
        """Global features `(N, 256)`."""
        pooled = self.head(seen).mean((2, 3))
        features: Tensor = self.fc2(self.dropout(self.fc1(self.dropout(pooled))))
        return features


class Up(nn.Module):
    """Upsample by 2, concatenate the trunk's map at that resolution, 3×3 convolution over both."""

    def __init__(self, inputs: int, seen: int, outputs: int) -> None:
        super().__init__()
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv = Conv(inputs + seen, outputs)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """`(N, inputs, h, w)` and `(N, seen, 2h, 2w)` → `(N, outputs, 2h, 2w)`."""
        y: Tensor = self.conv(torch.cat((self.upsample(x), seen), 1))
        return y


class Decoder(nn.Module):
    """The trunk's maps and global features → head `ab`: ab at H/2; head `bins`: logits at H/4."""

    def __init__(self, options: NetworkOptions, seen: tuple[int, ...]) -> None:
        super().__init__()
        c = options.channels
        self.maps = MAPS if options.head == "ab" else MAPS[1:]
        self.into = Conv(seen[4], c(256), kernel=1)
        self.fusion = FusionLayer(c(256), c(256))
        self.up16 = Up(c(256), seen[3], c(128))
        self.up8 = Up(c(128), seen[2], c(64))
        self.up4 = Up(c(64), seen[1], c(32))
        self.up2 = Up(c(32), seen[0], c(16)) if options.head == "ab" else None
        self.head: nn.Module
        if self.up2 is None:
            self.head = nn.Conv2d(c(32), options.bins, 3, padding=1)
        else:
            self.head = nn.Sequential(nn.Conv2d(c(16), 2, 3, padding=1), SigmoidAb())

    def forward(self, *inputs: Tensor) -> Tensor:
        """The maps named in `maps`, the finest first, and global features → ab or logits."""
        *seen, global_features = inputs
        x = self.fusion(self.into(seen[-1]), global_features)
        x = self.up4(self.up8(self.up16(x, seen[-2]), seen[-3]), seen[-4])
        if self.up2 is not None:
            x = self.up2(x, seen[-5])
        output: Tensor = self.head(x)
        return output


class FusionLite(Colorizing):
    """The whole network.

    Raises:
        UsageError: pretrained weights are unavailable, or do not fit the width.
    """

    multiple = 32
    # The trunk's last map sees 425 pixels around a cell, the decoder 62 more around a pixel of ab.
    halo = 512
    global_size = 224
    # In training too, views smaller than `global_size` are their own global views.
    pools_to = 256

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.stride = 2 if options.head == "ab" else 4
        self.trunk = Trunk(options)
        self.global_ = Global(options, self.trunk.channels[-1])
        self.decoder = Decoder(options, self.trunk.channels)
        if options.pretrained != "none":
            load_pretrained([self.trunk, self.global_.head], options.pretrained)

    def forward(self, L: Tensor, L_global: Tensor | None = None) -> Tensor:
        """As `Colorizing.forward`."""
        seen = self.trunk(L)
        whole = seen if L_global is None else self.trunk(L_global)
        read = seen[-len(self.decoder.maps) :]
        output: Tensor = self.decoder(*read, self.global_(whole[-1]))
        return output

    def parts(self) -> dict[str, Part]:
        """Three graphs: the trunk runs once for both others if a photo is not rescaled."""
        return {
            "low_level": Part(self.trunk, ("L",), MAPS),
            "global": Part(
                self.global_,
                MAPS[-1:],
                ("global_features",),
                size=self.global_size,
                pools_to=self.pools_to,
            ),
            "colorization": Part(self.decoder, (*self.decoder.maps, "global_features"), ("ab",)),
        }


NETWORK = Network(
    name="fusion-lite",
    source="the fusion of Kaushik et al., section III.B, on EfficientNet-Lite0 (Liu 2020)",
    build=FusionLite,
    heads=("ab", "bins"),
    training_size=224,
    default_size=256,
    preset=None,
    trunk=True,
)
