"""The first model of the CS230 report.

Avery and Amin, "Image Colorization - CS230 - Winter 2018", section 4.2: twelve convolutions, the
last with tanh; RMSprop at 0.001, batch 20, mean squared error.

Where the report's list of layers is incomplete:

- It names no upsampling, though three strides of 2 leave an eighth of the size and the output has
  the input's. The page that the report builds on (its reference 6) upsamples by 2, nearest
  neighbour, after the ninth convolution (128), the tenth (64) and the last (2); so does this.
- It gives P:2 where S:2. That cannot mean padding by 2: 256 would become 129, 66 and 34, and no
  doubling leads back to 256. P equals S in every row, and that page pads "same": a stride of S
  divides the side by S, whatever the padding. Here that takes 1 on every side.

With both, the layers are those of `cnn-mountain`; only the training differs.
"""

from __future__ import annotations

from colorcli.training.networks.base import Network, Preset
from colorcli.training.networks.plain import PlainCnn

NETWORK = Network(
    name="cnn-cs230",
    source="Avery and Amin, Image Colorization (CS230, 2018), section 4.2",
    build=PlainCnn,
    training_size=256,
    # Sections 3.1 and 4.2. The amounts of zoom and shear and the number of epochs are not stated.
    preset=Preset(
        objective="mse", optimizer="rmsprop", learning_rate=1e-3, batch=20, zoom=0.2, shear=0.2
    ),
    dropout=False,
)
