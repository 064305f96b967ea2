"""The network sees faded photos at full contrast; the photos themselves stay as they are."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from skimage import data

from colorcli.colorizer import Colorizer, FloatL
from colorcli.lab import rgb_to_lab
from colorcli.levels import LARGEST_GAIN, OUTSIDE, Levels


@pytest.fixture(scope="module")
def lifelike() -> Colorizer:
    return Colorizer.load("lifelike", device="cpu")


PHOTO = rgb_to_lab(data.astronaut())[::2, ::2, 0].copy()


def faded(black: float, white: float) -> np.ndarray:
    """The photo on worn paper: its L lies between these two."""
    return (black + (white - black) / 100 * PHOTO).astype(np.float32)


@pytest.mark.parametrize(("black", "white"), [(0, 60), (40, 100), (20, 80), (55, 95)])
def test_a_faded_photo_is_seen_as_the_fresh_one(black: float, white: float) -> None:
    seen = Levels.of(faded(black, white)).apply(faded(black, white))
    fresh = Levels.of(PHOTO).apply(PHOTO)
    assert np.abs(seen - fresh).max() < 1


@pytest.mark.parametrize("paper", [0, 50, 100])
def test_a_frame_does_not_hide_that_a_photo_is_faded(paper: float) -> None:
    """Photos come in frames of white paper and on the scanner's black lid."""
    photo = faded(20, 80)
    framed = np.pad(photo, 16, constant_values=paper)
    assert framed.shape == (288, 288)
    seen = Levels.of(framed).apply(framed)[16:-16, 16:-16]
    assert np.abs(seen - Levels.of(photo).apply(photo)).max() < 3


def test_a_lamp_at_the_edge_is_no_frame() -> None:
    L = faded(20, 80)
    L[:10, 100:150] = 98
    assert 1.2 < Levels.of(L).gain < 1.35 < Levels.of(faded(20, 80)).gain


@pytest.mark.parametrize("off", [0, 1e-4, -1e-4])
def test_a_photo_of_full_contrast_is_seen_as_it_is(off: float) -> None:
    """Even if rounding has taken its black or white out of the range."""
    ramp = np.linspace(-20, 120, 64 * 64, dtype=np.float32).reshape(64, 64).clip(0, 100) + off
    assert Levels.of(ramp).apply(ramp) is ramp


def test_few_pixels_end_as_black_or_white() -> None:
    L = np.random.default_rng(0).uniform(30, 70, (200, 300)).astype(np.float32)
    seen = Levels.of(L).apply(L)
    for end in (0, 100):
        assert (seen == end).mean() <= OUTSIDE
        assert (np.abs(seen - end) < 1).any()


def test_grain_on_an_empty_wall_stays_grain() -> None:
    wall = np.random.default_rng(0).normal(50, 1, (64, 64)).astype(np.float32)
    seen = Levels.of(wall).apply(wall)
    assert seen.std() == pytest.approx(LARGEST_GAIN * wall.std(), rel=1e-3)
    assert abs(seen.mean() - wall.mean()) < 5


@given(st.floats(0, 100, width=32), st.integers(1, 5), st.integers(1, 5))
@example(100, 1, 1)
@example(0, 1, 1)
def test_a_plain_picture_stays_nearly_so(value: float, height: int, width: int) -> None:
    plain = np.full((height, width), value, np.float32)
    seen = Levels.of(plain).apply(plain)
    assert np.abs(seen - plain).max() < 0.5


@pytest.mark.parametrize("size", ["auto", 128, "full"])
def test_a_faded_photo_gets_the_colours_of_the_fresh_one(
    lifelike: Colorizer, size: Literal["auto", "full"] | int
) -> None:
    fresh, old = (lifelike.predict(FloatL(L), size=size).grid for L in (PHOTO, faded(40, 90)))
    assert np.abs(fresh - old).mean() < 0.05 * np.abs(fresh).mean()


def test_a_detail_has_the_levels_of_its_scene(lifelike: Colorizer) -> None:
    """Of a wall in a photo of full contrast, the network must not see the grain."""
    scene = lifelike.for_scene_of(FloatL(PHOTO))
    wall = FloatL(faded(60, 70)[:128, :128].copy())
    seen: list[np.ndarray] = []
    watched = Colorizer(lifelike.model.watched(lambda _, feeds, __: seen.append(feeds.get("L"))))
    with_scene = Colorizer(watched.model, scene._scene)
    with_scene.predict(wall)
    watched.predict(wall)
    assert np.ptp(seen[0]) < 12
    assert np.ptp(seen[-1] if seen[-1] is not None else seen[-3]) > 25
