"""The twelve convolutions that two of the papers have in common; not in the registry.

Both reports start from the same page ("Colorize B&W photos with a 100-line neural network",
reference 6 of the CS230 report, 2 of the mountain report) and so have the same layers: an encoder
that downsamples three times by 2, and a decoder that upsamples three times by 2.
"""

from __future__ import annotations

from torch import Tensor, nn

from colorcli.training.networks.base import (
    BiasedConv,
    Colorizing,
    NetworkOptions,
    Part,
    TanhAb,
    biased,
    normalized,
)


class PlainCnn(Colorizing):
    """L `(N, 1, H, W)` → ab `(N, 2, H, W)`: convolutions with biases, no normalisation.

    Strides of 2 are padded by 1 on every side (Keras pads one side only), which also halves an even
    side, and keeps a cell's centre where the upsampling puts it.
    """

    multiple = 8
    stride = 1
    halo = 48

    def __init__(self, options: NetworkOptions) -> None:
        super().__init__()
        c = options.channels
        self.conv1 = BiasedConv(1, c(64))
        self.conv2 = BiasedConv(c(64), c(64), stride=2)
        self.conv3 = BiasedConv(c(64), c(128))
        self.conv4 = BiasedConv(c(128), c(128), stride=2)
        self.conv5 = BiasedConv(c(128), c(256))
        self.conv6 = BiasedConv(c(256), c(256), stride=2)
        self.conv7 = BiasedConv(c(256), c(512))
        self.conv8 = BiasedConv(c(512), c(256))
        self.conv9 = BiasedConv(c(256), c(128))
        self.upsample1 = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv10 = BiasedConv(c(128), c(64))
        self.upsample2 = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv11 = BiasedConv(c(64), c(32))
        self.conv12 = biased(c(32), 2)
        self.tanh = TanhAb()
        self.upsample3 = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, L: Tensor, L_global: Tensor | None = None) -> Tensor:
        """As `Colorizing.forward`; there is no global view."""
        del L_global
        x = self.conv3(self.conv2(self.conv1(normalized(L))))
        x = self.conv6(self.conv5(self.conv4(x)))
        x = self.conv9(self.conv8(self.conv7(x)))
        x = self.conv11(self.upsample2(self.conv10(self.upsample1(x))))
        ab: Tensor = self.upsample3(self.tanh(self.conv12(x)))
        return ab

    def parts(self) -> dict[str, Part]:
        """One graph, from L to ab."""
        return {"colorization": Part(self, ("L",), ("ab",))}
