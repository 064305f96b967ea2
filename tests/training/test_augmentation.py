from __future__ import annotations

import numpy as np
import torch

from colorcli.training.augmentation import Views, random_views
from colorcli.training.store import PhotoStore

from .test_store import noise, physical, store_of

SIDE = 64


def ramps(height: int = SIDE, width: int = SIDE) -> PhotoStore:
    """A photo that encodes each pixel's position: a is x - 128, b is y - 128."""
    photo = np.zeros((height, width, 3), np.uint8)
    photo[..., 1] = np.arange(width)[None]
    photo[..., 2] = np.arange(height)[:, None]
    return store_of(photo)


def draw(store: PhotoStore, views: Views, seed: int = 0, count: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return random_views(store, torch.zeros(count, dtype=torch.int64), views, generator)


def sources(view: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The photo's column and row for each pixel of a view."""
    return view[1] + 128, view[2] + 128


def test_without_randomness_the_view_is_the_photo() -> None:
    views = Views(SIDE, crop=(1, 1), aspect=1, flip=0)
    view = draw(store_of(noise(SIDE, SIDE, 0)), views)[0]
    np.testing.assert_allclose(view.numpy(), physical(noise(SIDE, SIDE, 0)), atol=1e-3)


def test_flips_run_backwards() -> None:
    views = Views(SIDE, crop=(1, 1), aspect=1, flip=1)
    view = draw(store_of(noise(SIDE, SIDE, 0)), views)[0]
    np.testing.assert_allclose(view.numpy(), physical(noise(SIDE, SIDE, 0))[:, :, ::-1], atol=1e-3)


def test_half_of_the_views_are_flipped() -> None:
    view = draw(ramps(), Views(8, crop=(1, 1), aspect=1), count=400)
    flipped = (view[:, 1, 0, 0] > view[:, 1, 0, -1]).float().mean()
    assert 0.4 < float(flipped) < 0.6


def test_crops_cover_the_share_asked_for_and_stay_inside() -> None:
    store = ramps(96, 128)
    for seed in range(50):
        x, y = sources(draw(store, Views(SIDE, crop=(0.3, 0.5), flip=0), seed)[0])
        width = float(x[0, -1] - x[0, 0]) * SIDE / (SIDE - 1)
        height = float(y[-1, 0] - y[0, 0]) * SIDE / (SIDE - 1)
        assert 0.29 < width * height / (96 * 128) < 0.51
        assert 0.74 < width / height < 1.35
        assert x.min() >= 0
        assert x.max() <= 127
        assert y.max() <= 95


def test_shear_moves_rows_against_each_other() -> None:
    store = ramps()
    straight = sources(draw(store, Views(SIDE, crop=(0.3, 0.3), aspect=1, flip=0))[0])[0]
    assert torch.allclose(straight[0], straight[-1], atol=1e-3)
    sheared = draw(store, Views(SIDE, crop=(0.1, 0.1), aspect=1, flip=0, shear=0.5), 3)[0]
    x, y = sources(sheared)
    assert float((x[0] - x[-1]).abs().max()) > 0.5
    assert torch.allclose(y[:, 0], y[:, -1], atol=1e-3)


def test_zoom_changes_the_scale() -> None:
    spans = set()
    for seed in range(10):
        views = Views(SIDE, crop=(0.2, 0.2), aspect=1, flip=0, zoom=0.3)
        x, _ = sources(draw(ramps(), views, seed)[0])
        spans.add(round(float(x[0, 40] - x[0, 20]), 3))
    assert len(spans) > 5


def test_L_and_ab_move_together() -> None:
    photo = noise(SIDE, SIDE, 1)
    photo[..., 1] = photo[..., 2] = photo[..., 0]
    view = draw(store_of(photo), Views(SIDE, zoom=0.2, shear=0.2), 4)[0]
    torch.testing.assert_close(view[0] * 2.55, view[1] + 128, atol=1e-2, rtol=0)
    assert view[0].min() >= 0
    assert view[0].max() <= 100 + 1e-4


def test_a_seed_decides_the_views() -> None:
    store = ramps()
    assert torch.equal(draw(store, Views(16), 7, 4), draw(store, Views(16), 7, 4))
    assert not torch.equal(draw(store, Views(16), 7, 4), draw(store, Views(16), 8, 4))
