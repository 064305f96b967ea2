"""Tiles cover a photo once, fit the given memory, and waste as little as possible on halos."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from colorcli.colorizer import Colorizer
from colorcli.errors import UsageError
from colorcli.model.spec import model_folders
from colorcli.tiling import tile_shape, tiles

SHAPES = [(2048, 2048), (6000, 8000), (320, 4000), (4000, 320), (264, 1000)]
SIDES = [256, 512, 1024, 1400]


@pytest.mark.parametrize(("padded", "side"), [*itertools.product(SHAPES, SIDES), ((64, 96), 8)])
def test_they_cover_each_pixel_once(padded: tuple[int, int], side: int) -> None:
    covered = np.zeros([edge // 8 for edge in padded], np.uint8)
    for (top, bottom), (left, right) in tiles(padded, side**2, 64, 8):
        assert (top % 8, left % 8, bottom % 8, right % 8) == (0, 0, 0, 0)
        covered[top // 8 : bottom // 8, left // 8 : right // 8] += 1
    assert (covered == 1).all()


@pytest.mark.parametrize("padded", SHAPES)
@pytest.mark.parametrize("side", SIDES)
def test_with_their_halos_they_fit(padded: tuple[int, int], side: int) -> None:
    height, width = tile_shape(padded, side**2, 64, 8)
    window = min(padded[0], height + 128) * min(padded[1], width + 128)
    assert window <= side**2


@pytest.mark.parametrize("name", sorted(model_folders()))
def test_the_smallest_tiles_of_a_model_are_worth_their_halos(name: str) -> None:
    """12 megapixels in tiles of 1056 with a halo of 512 took 900 times the work, and hours."""
    colorizer = Colorizer.load(name, device="cpu")
    spec, side = colorizer.model.spec, colorizer.smallest_tile
    with pytest.raises(UsageError, match="too small"):
        colorizer.check(tile=side - 1)
    colorizer.check(tile=side)
    padded = (3008, 4000)
    seen = 0
    for (top, bottom), (left, right) in tiles(padded, side**2, spec.halo, spec.multiple):
        rows = min(padded[0], bottom + spec.halo) - max(0, top - spec.halo)
        columns = min(padded[1], right + spec.halo) - max(0, left - spec.halo)
        assert rows * columns <= side**2
        seen += rows * columns
    assert seen < 9 * padded[0] * padded[1]


@pytest.mark.parametrize("padded", SHAPES)
@pytest.mark.parametrize("side", [768, 1024, 1400])
def test_they_look_at_no_more_pixels_than_the_largest_squares_would(
    padded: tuple[int, int], side: int
) -> None:
    def seen(height: int, width: int) -> int:
        down, across = (
            padded[0] + 128 * ((padded[0] - 1) // height),
            padded[1] + 128 * ((padded[1] - 1) // width),
        )
        return down * across

    square = side - 128
    assert seen(*tile_shape(padded, side**2, 64, 8)) <= seen(square, square)


def test_neither_strips_nor_squares_are_preferred_blindly() -> None:
    """With memory for two thirds of a square photo strips are best, with less they are not."""
    assert tile_shape((2048, 2048), 1400**2, 64, 8)[1] == 2048
    assert tile_shape((2048, 2048), 768**2, 64, 8)[1] < 2048


def test_a_model_without_reach_has_no_halo() -> None:
    height, width = tile_shape((64, 64), 32 * 32, 0, 8)
    assert height * width <= 32 * 32
