"""Predicted colours are upsampled to any rows of the photo, in place and along its edges."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from colorcli.abmap import AbMap
from colorcli.guided import EPSILON, RADIUS, cell_means, linear_in_L

shapes = st.tuples(st.integers(1, 70), st.integers(1, 70))


def random(shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


def even(shape: tuple[int, int]) -> np.ndarray:
    """A photo without edges."""
    return np.full(shape, 50, np.float32)


def over(grid: np.ndarray, L: np.ndarray) -> np.ndarray:
    """A grid's colours upsampled to a photo of lightness L, whose size is a multiple of its own."""
    means = cell_means(L, len(L) // len(grid))
    return AbMap(grid, means, extent=L.shape, shape=L.shape).whole(L)


@settings(max_examples=40, deadline=None)
@given(grid=shapes, shape=shapes, height=st.integers(1, 40))
def test_any_strip_equals_the_same_rows_of_the_whole(grid, shape, height) -> None:
    L = random(shape, 0, 100)
    ab = AbMap(random((*grid, 2), -80, 80), random(grid, 0, 100), extent=shape, shape=shape)
    whole = ab.whole(L)
    assert whole.shape == (*shape, 2)
    assert whole.dtype == np.float32
    strips = [ab.rows(start, L[start : start + height]) for start in range(0, shape[0], height)]
    np.testing.assert_array_equal(np.vstack(strips), whole)


@settings(max_examples=20, deadline=None)
@given(grid=shapes, shape=shapes)
def test_where_there_is_no_edge_no_colour_is_invented(grid, shape) -> None:
    values = random((*grid, 2), -80, 80)
    whole = AbMap(values, even(grid), extent=shape, shape=shape).whole(even(shape))
    assert whole.min() >= values.min() - 1e-3
    assert whole.max() <= values.max() + 1e-3


def test_one_colour_stays_that_colour_whatever_the_photo_shows() -> None:
    photo = skimage.data.camera()[::2, ::2] / np.float32(2.55)
    whole = over(np.full((128, 128, 2), 12.345, np.float32), photo.astype(np.float32))
    np.testing.assert_allclose(whole, np.float32(12.345), atol=1e-3)


def test_no_colour_stays_exactly_none() -> None:
    photo = skimage.data.camera().astype(np.float32)
    assert not over(np.zeros((64, 64, 2), np.float32), photo).any()


def test_colours_do_not_shift_a_ramp_stays_where_it_was() -> None:
    cells = (np.arange(32, dtype=np.float32) + 0.5) * 4 - 0.5
    grid = np.stack(np.broadcast_arrays(cells[:, None], cells[None, :]), -1)
    whole = over(np.ascontiguousarray(grid), even((128, 128)))
    pixels = np.arange(128, dtype=np.float32)
    inside = slice(9 * RADIUS, 128 - 9 * RADIUS)
    np.testing.assert_allclose(whole[inside, 60, 0], pixels[inside], atol=1e-2)
    np.testing.assert_allclose(whole[60, inside, 1], pixels[inside], atol=1e-2)


def test_neighbouring_pixels_never_jump_as_nearest_neighbours_would() -> None:
    grid = np.zeros((2, 2, 2), np.float32)
    grid[:, 1] = 80
    whole = over(grid, even((64, 64)))
    assert np.abs(np.diff(whole, axis=1)).max() <= 80 / 32 * 1.001


def test_colours_change_where_lightness_does_though_the_prediction_was_soft() -> None:
    sky = np.where(np.arange(256) < 131, np.float32(80), np.float32(30))
    L = np.tile(sky, (256, 1))
    soft = np.interp(np.arange(32), [11, 21], [-30, 10]).astype(np.float32)
    grid = np.broadcast_to(soft[None, :, None], (32, 32, 2)).copy()
    b = over(grid, L)[128, :, 1]
    step = b[131] - b[130]
    assert step > 10, "the edge of L carries most of the change over eight cells"
    plain = np.abs(np.diff(np.interp(np.arange(256), np.arange(32) * 8 + 3.5, soft))).max()
    assert step > 10 * plain


def test_a_scratch_the_network_never_saw_takes_the_colour_around_it() -> None:
    L = np.full((256, 256), 60, np.float32)
    grid = random((32, 32, 2), 8, 12)
    clean = over(grid, L)
    cells = AbMap(grid, cell_means(L, 8), extent=L.shape, shape=L.shape)
    L[:, 100] = 100
    np.testing.assert_allclose(cells.whole(L), clean, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(low=st.floats(0, 90), step=st.floats(0, 10))
def test_a_fit_never_gains_more_than_its_epsilon_allows(low, step) -> None:
    L = np.where(random((24, 24), 0, 1) < 0.5, low, low + step).astype(np.float32)
    slopes, _ = linear_in_L(random((24, 24, 2), -80, 80), L)
    # |cov| <= 80 s and the variance is s², so 80 s / (s² + ε) is at most 80 / (2 √ε).
    assert np.abs(slopes).max() <= 40 / EPSILON**0.5 + 0.1


def test_cells_have_the_same_bits_in_a_tile_and_in_the_whole() -> None:
    L = random((96, 160), 0, 100)
    whole = cell_means(L, 2)
    np.testing.assert_array_equal(cell_means(L[32:64, 64:], 2), whole[16:32, 32:])
    assert whole == pytest.approx(L.reshape(48, 2, 80, 2).mean((1, 3)), rel=1e-5)


def test_padding_beyond_the_photo_is_cut_off_not_squeezed_in() -> None:
    values, L = random((8, 8, 2), -9, 9), random((16, 16), 0, 100)
    means = cell_means(L, 2)
    padded = AbMap(values, means, extent=(16, 16), shape=(16, 16)).whole(L)
    cut = AbMap(values, means, extent=(16, 16), shape=(13, 11)).whole(L[:13, :11])
    np.testing.assert_array_equal(cut, padded[:13, :11])


def test_the_fit_is_the_guided_filter_of_its_source() -> None:
    """He, Sun and Tang 2013, equations 5, 6 and 8, window by window."""
    L, ab = random((23, 31), 0, 100), random((23, 31, 2), -80, 80)
    ab[:, 15:] += L[:, 15:, None] * 0.4

    def means(values: np.ndarray) -> np.ndarray:
        """Means over the window around each cell; outside, cells are mirrored, edges included."""
        padded = np.pad(values.astype(np.float64), RADIUS, mode="symmetric")
        side = 2 * RADIUS + 1
        return np.lib.stride_tricks.sliding_window_view(padded, (side, side)).mean((2, 3))

    slopes, offsets = linear_in_L(ab, L)
    for channel in range(2):
        p, mean_L = ab[..., channel], means(L)
        variance = means(L.astype(np.float64) ** 2) - mean_L**2
        a = (means(L.astype(np.float64) * p) - mean_L * means(p)) / (variance + EPSILON)
        b = means(p) - a * mean_L
        np.testing.assert_allclose(slopes[..., channel], means(a), atol=1e-3)
        np.testing.assert_allclose(offsets[..., channel], means(b), atol=5e-2)


def test_the_mean_of_a_windows_fits_has_no_seams() -> None:
    """Where windows begin to contain an edge, the fits of single cells would jump."""
    L = np.full((1, 60), 30, np.float32)
    L[:, 30:] = 80
    ab = np.repeat(((L - 30) * 0.6)[..., None], 2, -1).astype(np.float32)
    slopes = linear_in_L(ab, L)[0, 0, :, 0]
    steps = np.abs(np.diff(slopes))
    assert slopes.max() > 0.5
    # A single fit goes from 0 to its slope between two cells; the mean, over a window.
    assert steps.max() < 1.5 * slopes.max() / (2 * RADIUS + 1)
