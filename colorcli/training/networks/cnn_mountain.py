"""The CNN trained on mountains.

Song and Liu, "Automatic Colorization System", section 4.1: the model summary, row by row, with its
3,892,194 parameters. Tanh on the last convolution, then the third upsampling. RMSprop, batch 10,
mean squared error (4.2, 4.3); the learning rate is not stated; Keras's default is 0.001.
"""

from __future__ import annotations

from colorcli.training.networks.base import Network, Preset
from colorcli.training.networks.plain import PlainCnn

NETWORK = Network(
    name="cnn-mountain",
    source="Song and Liu, Automatic Colorization System, section 4.1",
    build=PlainCnn,
    training_size=256,
    # Section 4.3. The learning rate is not stated: Keras's default.
    preset=Preset(objective="mse", optimizer="rmsprop", learning_rate=1e-3, batch=10, epochs=100),
    dropout=False,
)
