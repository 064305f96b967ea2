"""The faults of old photographs, applied to L only; the target ab stays clean.

Each photo of a batch draws its own faults: fading and low contrast (tone curve), blur, sharpening,
film grain, JPEG blocks.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from colorcli.training.transfer import sent


def degrade(L: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Age photographs.

    Args:
        L: float32 `(N, 1, H, W)` in [0, 100], H and W multiples of 8.
        strength: each fault is applied to a third of this share of the photos, at most as
            strongly as in worn prints; 0 leaves L unchanged.
        generator: on the CPU.

    Returns:
        L of the same shape and range.
    """
    if strength <= 0:
        return L
    draw = _Draw(len(L), strength, generator, L.device)
    L = _tone(L, draw)
    L = _sharpness(L, draw)
    L = _grain(L, draw)
    L = _jpeg(L, draw)
    return L.clamp(0, 100)


class _Draw:
    """Random numbers, one per photo, shaped `(N, 1, 1, 1)`."""

    def __init__(
        self, count: int, strength: float, generator: torch.Generator, device: torch.device
    ) -> None:
        self._count, self._strength = count, strength
        self._generator, self._device = generator, device

    def uniform(self, low: float, high: float) -> Tensor:
        values = torch.rand(self._count, generator=self._generator) * (high - low) + low
        return sent(values, self._device)[:, None, None, None]

    def chosen(self) -> Tensor:
        """1.0 for the photos that get a fault, 0.0 for the others."""
        return (self.uniform(0, 1) < self._strength / 3).float()

    def normal(self, like: Tensor) -> Tensor:
        # Drawn on the device: moving noise from the CPU would cost more than a training step.
        return torch.randn_like(like)


def _tone(L: Tensor, draw: _Draw) -> Tensor:
    """Fading lifts the blacks and lowers the whites; an exponent bends the middle."""
    chosen = draw.chosen()
    black = chosen * draw.uniform(0, 25)
    white = 100 - chosen * draw.uniform(0, 25)
    exponent = 1 + chosen * draw.uniform(-0.35, 0.35)
    return black + (white - black) * (L / 100).clamp(0, 1) ** exponent


def _sharpness(L: Tensor, draw: _Draw) -> Tensor:
    """Defocus, or sharpening by a scanner: L + k·(L - blurred L), k in [-1, 1]."""
    kernel = sent(torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16, L.device)
    padded = functional.pad(L, (2, 2, 2, 2), mode="replicate")
    blurred = functional.conv2d(
        functional.conv2d(padded, kernel.view(1, 1, 5, 1)), kernel.view(1, 1, 1, 5)
    )
    return L + draw.chosen() * draw.uniform(-1, 1) * (L - blurred)


def _grain(L: Tensor, draw: _Draw) -> Tensor:
    """Film grain: fine or coarse noise, strongest in the midtones."""
    sigma = draw.chosen() * draw.uniform(1, 8)
    fine = draw.normal(L)
    coarse = 3 * functional.avg_pool2d(draw.normal(L), 3, stride=1, padding=1)
    noise = torch.where(draw.uniform(0, 1) < 0.5, fine, coarse)
    middle = 0.4 + 0.6 * (1 - (L / 50 - 1).square()).clamp(0, 1)
    return L + sigma * middle * noise


def _jpeg(L: Tensor, draw: _Draw) -> Tensor:
    """Quantised 8×8 DCT blocks, with a step that grows with frequency."""
    n, _, height, width = L.shape
    k = torch.arange(8, device=L.device)
    dct = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
    dct[0] *= math.sqrt(0.5)
    step = draw.uniform(1, 6)[..., None, None] * (1 + 0.8 * (k[:, None] + k[None]))
    blocks = L.view(n, 1, height // 8, 8, width // 8, 8).transpose(3, 4)
    coefficients = dct @ blocks @ dct.T
    blocks = dct.T @ (torch.round(coefficients / step) * step) @ dct
    coded = blocks.transpose(3, 4).reshape(L.shape)
    return torch.lerp(L, coded, draw.chosen())
