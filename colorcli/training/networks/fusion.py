"""The fusion network, and its baseline without global features.

Kaushik et al., "Colorizing Images using CNN in Machine Learning", Tables 1-3 and section III.B,
after Iizuka et al. 2016: a low-level network shared by two paths, a global branch on a 224×224
rescale, a fusion layer, and a colorization network. Written from the tables; no code or weights of
Iizuka et al. are used.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from colorcli.errors import UsageError
from colorcli.training.networks.base import (
    Colorizing,
    Conv,
    Network,
    NetworkOptions,
    Part,
    Preset,
    SigmoidAb,
    normalized,
)


class LowLevel(nn.Module):
    """Table 1, rows 1-6: L `(N, 1, H, W)` → features `(N, 512, H/8, W/8)` for both branches."""

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        c = options.channels
        self.conv1 = Conv(1, c(64), stride=2)
        self.conv2 = Conv(c(64), c(128))
        self.conv3 = Conv(c(128), c(128), stride=2)
        self.conv4 = Conv(c(128), c(256))
        self.conv5 = Conv(c(256), c(256), stride=2)
        self.conv6 = Conv(c(256), c(512))

    def forward(self, L: Tensor) -> Tensor:
        """Features `(N, 512, H/8, W/8)`."""
        x = self.conv2(self.conv1(normalized(L)))
        features: Tensor = self.conv6(self.conv5(self.conv4(self.conv3(x))))
        return features


class Global(nn.Module):
    """Table 2: features `(N, 512, 28, 28)` of the 224×224 rescale → global features `(N, 256)`.

    With `global_pool`, the first fully connected layer reads the mean of the 7×7 map and so has
    1/49 of its 25.7 M weights.
    """

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        c = options.channels
        self.conv1 = Conv(c(512), c(512), stride=2)
        self.conv2 = Conv(c(512), c(512))
        self.conv3 = Conv(c(512), c(512), stride=2)
        self.conv4 = Conv(c(512), c(512))
        self.pool = options.global_pool
        cells = 1 if self.pool else 7 * 7
        self.fc1 = self._fully_connected(cells * c(512), c(1024))
        self.fc2 = self._fully_connected(c(1024), c(512))
        self.fc3 = self._fully_connected(c(512), c(256))
        self.dropout = nn.Dropout(options.dropout)

    @staticmethod
    def _fully_connected(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()
        )

    def scene(self, features: Tensor) -> Tensor:
        """The output of the second fully connected layer, `(N, 512)`."""
        x = self.conv4(self.conv3(self.conv2(self.conv1(features))))
        x = x.mean((2, 3)) if self.pool else torch.flatten(x.contiguous(), 1)
        scene: Tensor = self.fc2(self.dropout(self.fc1(self.dropout(x))))
        return scene

    def condensed(self, scene: Tensor) -> Tensor:
        """The output of `scene` → global features `(N, 256)`."""
        condensed: Tensor = self.fc3(self.dropout(scene))
        return condensed

    def forward(self, features: Tensor) -> Tensor:
        """Global features `(N, 256)`."""
        return self.condensed(self.scene(features))


class Scenes(nn.Sequential):
    """The output of `Global.scene` `(N, 512)` → 256 → scene logits (Iizuka et al. 2016).

    In training it guides the global branch; exported, it selects which of several models colours a
    photo.
    """

    def __init__(self, options: NetworkOptions) -> None:
        c = options.channels
        super().__init__(
            nn.Linear(c(512), c(256), bias=False),
            nn.BatchNorm1d(c(256)),
            nn.ReLU(),
            nn.Linear(c(256), options.scenes),
        )


class GlobalWithScenes(nn.Module):
    """Features of the 224×224 rescale → global features and scene probabilities."""

    def __init__(self, part: Global, scenes: Scenes) -> None:
        super().__init__()
        self.part, self.scenes = part, scenes

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Global features `(N, 256)` and probabilities `(N, scenes)`."""
        scene = self.part.scene(features)
        return self.part.condensed(scene), torch.softmax(self.scenes(scene), 1)


class FusionLayer(nn.Module):
    """y = σ(b + W·[global; local]) at every cell (section III.B.3).

    W splits into W_l on the local features, a 1×1 convolution, and W_g on the global vector, a
    bias per photo: nothing is replicated or concatenated.
    """

    def __init__(self, local: int, global_: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(local, local, 1, bias=False)
        self.global_ = nn.Linear(global_, local, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(local)

    def forward(self, x: Tensor, global_features: Tensor) -> Tensor:
        """Local `(N, C, h, w)` and global `(N, G)` features → fused ones `(N, C, h, w)`."""
        fused = self.local(x) + self.global_(global_features)[:, :, None, None]
        return torch.relu(self.norm(fused))

    @torch.no_grad()
    def fold_batch_norm(self) -> None:
        """Fold the normalisation of the sum into both summands; the bias goes to the global one."""
        norm = self.norm
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.local.weight.mul_(scale[:, None, None, None])
        self.global_.weight.mul_(scale[:, None])
        self.global_.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
        self.norm = nn.Identity()


class ConvFusion(nn.Module):
    """The baseline's 3×3 convolution in place of the fusion layer (Das and Bhadra, 3)."""

    def __init__(self, local: int) -> None:
        super().__init__()
        self.conv = Conv(local, local)

    def forward(self, x: Tensor) -> Tensor:
        """Local features `(N, C, h, w)` → `(N, C, h, w)`."""
        convolved: Tensor = self.conv(x)
        return convolved


class Colorization(nn.Module):
    """Table 1, rows 7-8, the fusion layer, and Table 3.

    Features `(N, 512, H/8, W/8)` and global features `(N, 256)` → head `ab`: ab
    `(N, 2, H/2, W/2)`; head `bins`: logits `(N, bins, H/4, W/4)`, from the second upsampling's
    input, where the last row of the table is replaced.
    """

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        c = options.channels
        self.mid1 = Conv(c(512), c(512))
        self.mid2 = Conv(c(512), c(256))
        self.fusion: nn.Module = (
            FusionLayer(c(256), c(256)) if options.global_features else ConvFusion(c(256))
        )
        self.conv1 = Conv(c(256), c(128))
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv2 = Conv(c(128), c(64))
        self.conv3 = Conv(c(64), c(64))
        self.head: nn.Module
        if options.head == "ab":
            self.head = nn.Sequential(
                nn.Upsample(scale_factor=2, mode="nearest"),
                Conv(c(64), c(32)),
                nn.Conv2d(c(32), 2, 3, padding=1),
                SigmoidAb(),
            )
        else:
            self.head = nn.Conv2d(c(64), options.bins, 3, padding=1)

    def forward(self, features: Tensor, *global_features: Tensor) -> Tensor:
        """Ab or logits, depending on the head."""
        x = self.fusion(self.mid2(self.mid1(features)), *global_features)
        x = self.upsample(self.conv1(x))
        output: Tensor = self.head(self.conv3(self.conv2(x)))
        return output


class Fusion(Colorizing):
    """The whole network; with `global_features=False` the baseline."""

    multiple = 8

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        self.stride = 2 if options.head == "ab" else 4
        self.global_size = 224 if options.global_features else None
        # The baseline's 3×3, unlike the 1×1 fusion, reaches one cell of 8 pixels further.
        self.halo = 64 if options.global_features else 72
        self.low_level = LowLevel(options)
        self.global_ = Global(options) if options.global_features else None
        self.colorization = Colorization(options)
        if options.scenes and self.global_ is None:
            raise UsageError(
                "scenes are classified by the global branch, which this network lacks",
                tip="leave out --no-global or --scene-weight",
            )
        self.scenes = Scenes(options) if options.scenes else None

    def forward(self, L: Tensor, L_global: Tensor | None = None) -> Tensor:
        """As `Colorizing.forward`."""
        features = self.low_level(L)
        if self.global_ is None:
            return self._coloured(features)
        return self._coloured(features, self.global_(self._view(features, L_global)))

    def forward_with_scenes(
        self, L: Tensor, L_global: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `Colorizing.forward_with_scenes`."""
        assert self.global_ is not None
        assert self.scenes is not None
        features = self.low_level(L)
        scene = self.global_.scene(self._view(features, L_global))
        return self._coloured(features, self.global_.condensed(scene)), self.scenes(scene)

    def _view(self, features: Tensor, L_global: Tensor | None) -> Tensor:
        """Features `(N, 512, 28, 28)` of the global view, which is L itself without `L_global`.

        If L is not 224×224, its features are rescaled rather than computed again: only training on
        small views does this, for a third of the cost of enlarging the views.
        """
        assert self.global_size is not None
        side = self.global_size // self.multiple
        view: Tensor = features if L_global is None else self.low_level(L_global)
        if view.shape[-2:] == (side, side):
            return view
        return functional.interpolate(view, (side, side), mode="nearest")

    def _coloured(self, *features: Tensor) -> Tensor:
        coloured: Tensor = self.colorization(*features)
        return coloured

    def parts(self) -> dict[str, Part]:
        """Three graphs; two without the global branch."""
        parts = {"low_level": Part(self.low_level, ("L",), ("features",))}
        inputs: tuple[str, ...] = ("features",)
        if self.global_ is not None:
            parts["global"] = Part(self.global_, ("features",), ("global_features",), size=224)
            if self.scenes is not None:
                whole = GlobalWithScenes(self.global_, self.scenes)
                parts["global"] = replace(
                    parts["global"], module=whole, outputs=("global_features", "scenes")
                )
            inputs = ("features", "global_features")
        parts["colorization"] = Part(self.colorization, inputs, ("ab",))
        return parts


NETWORK = Network(
    name="fusion",
    source="Kaushik et al., Colorizing Images using CNN in Machine Learning, Tables 1-3",
    build=Fusion,
    heads=("ab", "bins"),
    training_size=224,
    # Section IV: batches of 256, roughly 20 epochs. ADADELTA is only in its references, as the
    # optimizer of Iizuka et al., whose learning rate is 1.
    preset=Preset(objective="mse", optimizer="adadelta", learning_rate=1.0, batch=256, epochs=20),
    scenes=True,
    # The baseline's own paper, section 4: its defaults, and Adam.
    baseline=Preset(objective="mse", optimizer="adam", learning_rate=0.1, batch=32, epochs=500),
    global_pool=True,
)
