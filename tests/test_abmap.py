"""Predicted colours become colours of any rows of the photo, smoothly and in place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorcli.abmap import AbMap

shapes = st.tuples(st.integers(1, 70), st.integers(1, 70))


def random_map(grid: tuple[int, int], shape: tuple[int, int]) -> AbMap:
    values = np.random.default_rng(0).uniform(-80, 80, (*grid, 2)).astype(np.float32)
    return AbMap(values, extent=shape, shape=shape)


@settings(max_examples=40, deadline=None)
@given(grid=shapes, shape=shapes, height=st.integers(1, 40))
def test_any_strip_equals_the_same_rows_of_the_whole(grid, shape, height) -> None:
    ab = random_map(grid, shape)
    whole = ab.whole()
    assert whole.shape == (*shape, 2)
    assert whole.dtype == np.float32
    starts = range(0, shape[0], height)
    strips = [ab.rows(start, min(start + height, shape[0])) for start in starts]
    np.testing.assert_array_equal(np.vstack(strips), whole)


@settings(max_examples=20, deadline=None)
@given(grid=shapes, shape=shapes)
def test_interpolation_invents_no_colour(grid, shape) -> None:
    ab = random_map(grid, shape)
    whole = ab.whole()
    assert whole.min() >= ab.grid.min() - 1e-4
    assert whole.max() <= ab.grid.max() + 1e-4


def test_one_colour_stays_exactly_that_colour() -> None:
    ab = AbMap(np.full((5, 7, 2), 12.345, np.float32), extent=(41, 57), shape=(41, 57))
    np.testing.assert_allclose(ab.whole(), np.float32(12.345), rtol=1e-6)


def test_colours_do_not_shift_a_ramp_stays_where_it_was() -> None:
    cells = (np.arange(16, dtype=np.float32) + 0.5) * 4 - 0.5
    grid = np.stack(np.broadcast_arrays(cells[:, None], cells[None, :]), -1)
    whole = AbMap(np.ascontiguousarray(grid), extent=(64, 64), shape=(64, 64)).whole()
    pixels = np.arange(64, dtype=np.float32)
    inside = slice(2, 62)
    np.testing.assert_allclose(whole[inside, 30, 0], pixels[inside], atol=1e-3)
    np.testing.assert_allclose(whole[30, inside, 1], pixels[inside], atol=1e-3)


def test_neighbouring_pixels_never_jump_as_nearest_neighbours_would() -> None:
    grid = np.zeros((2, 2, 2), np.float32)
    grid[:, 1] = 80
    whole = AbMap(grid, extent=(64, 64), shape=(64, 64)).whole()
    assert np.abs(np.diff(whole, axis=1)).max() == pytest.approx(80 / 32, rel=1e-3)


def test_padding_beyond_the_photo_is_cut_off_not_squeezed_in() -> None:
    values = np.random.default_rng(1).uniform(-9, 9, (8, 8, 2)).astype(np.float32)
    padded = AbMap(values, extent=(16, 16), shape=(16, 16)).whole()
    np.testing.assert_array_equal(
        AbMap(values, extent=(16, 16), shape=(13, 11)).whole(), padded[:13, :11]
    )
