"""Inception-ResNet-v2 as a frozen extractor, from `timm`; not in the registry."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import fusion

from colorcli.errors import UsageError
from colorcli.extras import pip_install
from colorcli.training.networks.base import normalized

TIMM_NAME = "inception_resnet_v2.tf_in1k"
"""Trained on ImageNet by Google, Apache 2.0; for inputs in [-1, 1]."""

_CLASSIFIER = "classif.weight"


class Embedding(nn.Module):
    """L `(N, 1, 299, 299)` in [0, 100] → embedding `(N, outputs)`: the logits before the softmax.

    L is scaled to [-1, 1] and replicated to three channels. No part of it is ever trained.

    Args:
        weights: `imagenet` downloads the pretrained ones through timm, `none` draws random ones,
            anything else is a file (`.safetensors`, or a PyTorch state dict).
        outputs: 1000 for timm's weights; 1001 for TensorFlow's own, which have a background class.

    Raises:
        UsageError: timm is missing, or the weights are unavailable or do not fit.
    """

    def __init__(self, weights: str, outputs: int) -> None:
        super().__init__()
        self.inception = _create(pretrained=weights == "imagenet", outputs=outputs)
        if weights not in ("imagenet", "none"):
            _load(self.inception, Path(weights), outputs)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Embedding:
        """Stay in evaluation mode: the batch statistics are frozen like the weights."""
        del mode
        return super().train(False)

    def forward(self, L: Tensor) -> Tensor:
        """Embedding `(N, outputs)`."""
        embedding: Tensor = self.inception(normalized(L).expand(-1, 3, -1, -1))
        return embedding

    @torch.no_grad()
    def fold_batch_norm(self) -> None:
        """Fold the normalisations; timm's modules for them include the ReLU."""
        for module in self.inception.modules():
            layer, norm = getattr(module, "conv", None), getattr(module, "bn", None)
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                activation = getattr(norm, "act", nn.Identity())
                module.conv = fusion.fuse_conv_bn_eval(layer, norm)
                module.bn = activation


def _create(*, pretrained: bool, outputs: int) -> nn.Module:
    try:
        import timm
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision for another torch
        raise UsageError(
            f"Inception-ResNet-v2 needs timm, which cannot be imported ({error})",
            tip=f"{pip_install('koalarization')}, with a torchvision built for your torch",
        ) from None
    options: dict[str, Any] = {} if outputs == 1000 else {"num_classes": outputs}
    if pretrained and options:
        raise UsageError(
            f"timm's weights have 1000 outputs, not {outputs}",
            tip="leave out --embedding, or give --pretrained FILE",
        )
    try:
        network: nn.Module = timm.create_model(TIMM_NAME, pretrained=pretrained, **options)
    except Exception as error:  # hub, network and file errors share no base class
        if not pretrained:
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        raise UsageError(
            f"the weights of Inception-ResNet-v2 cannot be downloaded ({reason})",
            tip=f"download {TIMM_NAME} elsewhere and give it as --pretrained FILE; "
            "--pretrained none uses random features instead",
        ) from None
    return network


def _load(network: nn.Module, path: Path, outputs: int) -> None:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: dict[str, Any] = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
            state = state.get("state_dict", state)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise UsageError(
            f"{path}: the weights cannot be read ({type(error).__name__})",
            tip=f"give a state dict of timm's {TIMM_NAME}, .safetensors or .pth",
        ) from None
    given = state.get(_CLASSIFIER)
    if given is not None and len(given) != outputs:
        raise UsageError(
            f"{path}: has {len(given)} outputs, not {outputs}",
            tip=f"give --embedding {len(given)}",
        )
    try:
        network.load_state_dict(state)
    except RuntimeError:
        raise UsageError(
            f"{path}: not the weights of Inception-ResNet-v2",
            tip=f"give a state dict of timm's {TIMM_NAME}, .safetensors or .pth",
        ) from None
