"""Deep Koalarization: an encoder, the embedding of Inception-ResNet-v2, and a decoder.

"Greyscale Image Colorization" (Ain Shams University), chapter 3, table 1, after Baldassarre et al.
2017; also the second model of the CS230 report, section 4.2. The text gives the encoder 512
outputs; the table gives 256, and 256 + 1001 are the 1257 channels that the fusion layer reads.
Convolutions have biases and no normalisation. Tanh on the last one, then the last upsampling.

The chapter names RMSprop but neither batch size nor learning rate; the preset is the CS230
report's for the same model: Adam at 0.001, batch 50, mean squared error.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from colorcli.training.networks.base import (
    BiasedConv,
    Colorizing,
    Network,
    NetworkOptions,
    Part,
    Preset,
    TanhAb,
    biased,
    normalized,
)
from colorcli.training.networks.inception import Embedding


class Encoder(nn.Sequential):
    """L scaled to [-1, 1] `(N, 1, H, W)` → features `(N, 256, H/8, W/8)`."""

    def __init__(self, options: NetworkOptions) -> None:
        c = options.channels
        super().__init__(
            BiasedConv(1, c(64), stride=2),
            BiasedConv(c(64), c(128)),
            BiasedConv(c(128), c(128), stride=2),
            BiasedConv(c(128), c(256)),
            BiasedConv(c(256), c(256), stride=2),
            BiasedConv(c(256), c(512)),
            BiasedConv(c(512), c(512)),
            BiasedConv(c(512), c(256)),
        )


class FusionLayer(nn.Module):
    """The features of every cell joined with the embedding, then 256 1×1 convolutions.

    W·[features; embedding] = W_f·features + W_e·embedding, so the embedding is not copied to every
    cell.
    """

    def __init__(self, features: int, embedding: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(features, features, 1)
        self.global_ = nn.Linear(embedding, features, bias=False)
        # Initialised as a single layer would be (see `BiasedConv`).
        bound = math.sqrt(6 / (features + embedding + features))
        for weight in (self.local.weight, self.global_.weight):
            nn.init.uniform_(weight, -bound, bound)
        assert self.local.bias is not None
        nn.init.zeros_(self.local.bias)

    def forward(self, features: Tensor, embedding: Tensor) -> Tensor:
        """Features `(N, C, h, w)` and embedding `(N, G)` → `(N, C, h, w)`."""
        return torch.relu(self.local(features) + self.global_(embedding)[:, :, None, None])


class Decoder(nn.Sequential):
    """Fused features `(N, 256, H/8, W/8)` → ab `(N, 2, H, W)` in CIELAB units."""

    def __init__(self, options: NetworkOptions) -> None:
        c = options.channels
        super().__init__(
            BiasedConv(c(256), c(128)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            BiasedConv(c(128), c(64)),
            BiasedConv(c(64), c(64)),
            nn.Upsample(scale_factor=2, mode="nearest"),
            BiasedConv(c(64), c(32)),
            biased(c(32), 2),
            TanhAb(),
            nn.Upsample(scale_factor=2, mode="nearest"),
        )


class Colorization(nn.Module):
    """All but the extractor: L `(N, 1, H, W)` and embedding `(N, G)` → ab `(N, 2, H, W)`."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.encoder = Encoder(options)
        self.fusion = FusionLayer(options.channels(256), options.embedding)
        self.decoder = Decoder(options)

    def forward(self, L: Tensor, embedding: Tensor) -> Tensor:
        """Ab `(N, 2, H, W)`."""
        ab: Tensor = self.decoder(self.fusion(self.encoder(normalized(L)), embedding))
        return ab


class Koalarization(Colorizing):
    """The whole network; the extractor is frozen."""

    multiple = 8
    stride = 1
    halo = 64
    global_size = 299

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.extractor = Embedding(options.pretrained, options.embedding)
        self.colorization = Colorization(options)

    def forward(self, L: Tensor, L_global: Tensor | None = None) -> Tensor:
        """As `Colorizing.forward`; without a view, L is rescaled to one."""
        if L_global is None:
            side = self.global_size
            L_global = functional.interpolate(L, (side, side), mode="bilinear")
        embedding = L_global if L_global.ndim == 2 else self.extractor(L_global)
        ab: Tensor = self.colorization(L, embedding)
        return ab

    def frozen(self) -> nn.Module:
        """Inception-ResNet-v2."""
        return self.extractor

    def parts(self) -> dict[str, Part]:
        """Two graphs, both from L."""
        return {
            "global": Part(self.extractor, ("L",), ("global_features",), size=self.global_size),
            "colorization": Part(self.colorization, ("L", "global_features"), ("ab",)),
        }


NETWORK = Network(
    name="koalarization",
    source="Greyscale Image Colorization (Ain Shams University), chapter 3, table 1",
    build=Koalarization,
    training_size=256,
    # From CS230's network of this kind (section 4.2); Ain Shams's chapter only names RMSprop.
    preset=Preset(objective="mse", optimizer="adam", learning_rate=1e-3, batch=50),
    extractor=True,
    dropout=False,
)
