"""Networks learn from views with the levels with which they will see photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from colorcli.levels import Levels
from colorcli.training.leveled import leveled

WHOLE = (0, 100)


@pytest.mark.parametrize(
    ("black", "white"),
    [WHOLE, (3, 97), (20, 80), (50, 90), (0, 30), (45, 55), (50, 50), (0, 0), (100, 100)],
)
def test_views_are_leveled_as_photos_are(black: float, white: float) -> None:
    generator = torch.Generator().manual_seed(0)
    L = torch.rand((3, 1, 48, 64), generator=generator) * (white - black) + black
    photos = [view[0].numpy() for view in L]
    expected = np.stack([Levels.of(photo).apply(photo) for photo in photos])
    assert np.abs(leveled(L)[:, 0].numpy() - expected).max() < 0.5


def test_each_view_has_its_own_levels() -> None:
    ramp = torch.linspace(0, 100, 64 * 64).view(1, 1, 64, 64)
    views = torch.cat([ramp, 0.5 * ramp, 30 + 0.6 * ramp])
    assert (leveled(views) - leveled(ramp)).abs().max() < 0.5
