"""L as early plates and films recorded it.

A photograph of 1890 is not the L of a modern colour photograph. Its plate was blind to red, or to
all but blue: skies came out white, lips and freckles dark, grass and brick nearly black. Later film
was often exposed through a yellow or red filter, which darkens skies and lightens skin. A network
trained only on modern L sees a red face in the first, and no sky in the second.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colorcli.lab import DELTA, LUMINANCE, RGB_FROM_XYZ
from colorcli.training.transfer import sent

PLATES = {
    "blue-sensitive plate": (0.02, 0.13, 0.85),  # wet collodion, dry plates: to the 1890s and later
    "orthochromatic": (0.04, 0.56, 0.40),  # until the 1930s
    "yellow filter": (0.35, 0.60, 0.05),  # before panchromatic film
    "red filter": (0.90, 0.10, 0.00),
}
"""Shares of linear sRGB R, G, B in the exposure. Emulsion curves are narrower than the sRGB
primaries, so these are approximations in that basis, not measurements."""


def exposed(lab: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """L of photos, some of them as another emulsion recorded them.

    Each chosen photo draws a plate, and a point between the eye's sensitivity and the plate's.

    Args:
        lab: float32 `(N, 3, H, W)`, CIELAB.
        share: probability that a photo is chosen, 0 to 1.
        generator: on the CPU.

    Returns:
        L `(N, 1, H, W)` in [0, 100]; for photos not chosen, exactly the L of `lab`.
    """
    L = lab[:, :1]
    if share <= 0:
        return L
    count = len(lab)
    chosen = torch.rand(count, generator=generator) < share
    plates = torch.tensor(tuple(PLATES.values()))
    plates = plates[torch.randint(len(plates), (count,), generator=generator)]
    towards = torch.rand((count, 1), generator=generator)
    sensitivity = torch.lerp(torch.tensor(LUMINANCE), plates, towards)[chosen]
    where = sent(chosen.nonzero()[:, 0], lab.device)
    return L.index_copy(0, where, seen_by(sensitivity, lab[where]))


def seen_by(sensitivity: Tensor, lab: Tensor) -> Tensor:
    """L as an emulsion records it: linear sRGB weighted by its sensitivity, as lightness.

    Args:
        sensitivity: `(N, 3)`, shares of R, G, B that sum to 1. `LUMINANCE` gives L itself.
        lab: float32 `(N, 3, H, W)`, CIELAB.

    Returns:
        `(N, 1, H, W)` in [0, 100].
    """
    of_xyz = sent(sensitivity @ torch.as_tensor(RGB_FROM_XYZ).to(sensitivity), lab.device).to(lab)
    exposure = torch.einsum("nc,nchw->nhw", of_xyz, _xyz(lab))
    return _lightness(exposure.clamp(0, 1))[:, None]


def _xyz(lab: Tensor) -> Tensor:
    """CIELAB → X, Y, Z, each relative to white (CIE 15)."""
    fy = (lab[:, 0] + 16) / 116
    f = torch.stack((fy + lab[:, 1] / 500, fy, fy - lab[:, 2] / 200), 1)
    return torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))


def _lightness(Y: Tensor) -> Tensor:
    """Relative luminance → L (CIE 15)."""
    cubic = Y.clamp(min=DELTA**3)
    return 116 * (cubic ** (1 / 3) + (Y - cubic) / (3 * DELTA**2)) - 16
