"""sRGB ⇄ CIELAB, checked against scikit-image and its own guarantees."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color, data

from colorcli import lab, srgb

DTYPES = (np.uint8, np.uint16)


def every_value(dtype: type) -> np.ndarray:
    """Gray `(1, N)`: each value once."""
    return np.arange(np.iinfo(dtype).max + 1, dtype=dtype)[None]


def random_rgb(dtype: type, size: int = 150) -> np.ndarray:
    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (size, size, 3))
    return values.astype(dtype)


def lab_of(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    converted = lab.rgb_to_lab(rgb)
    return converted[..., 0], converted[..., 1:]


@pytest.mark.parametrize("dtype", DTYPES)
def test_without_colour_every_gray_value_comes_back_exactly(dtype: type) -> None:
    gray = every_value(dtype)
    rgb = lab.lab_to_rgb(lab.L_from_gray(gray), np.zeros((*gray.shape, 2), np.float32), dtype)
    assert rgb.dtype == dtype
    assert (rgb == gray[..., None]).all()


@pytest.mark.parametrize(("dtype", "scale"), [(np.uint8, 257), (np.uint16, 1)])
def test_gray_stored_as_rgb_is_that_gray(dtype: type, scale: int) -> None:
    gray = every_value(dtype)
    assert (lab.gray_from_rgb(np.dstack([gray] * 3)) == gray.astype(int) * scale).all()


def test_gray_of_a_colour_has_its_lightness() -> None:
    rgb = data.astronaut()
    L, _ = lab_of(rgb)
    assert np.abs(lab.L_from_gray(lab.gray_from_rgb(rgb)) - L).max() < 0.01


@pytest.mark.parametrize("depth", [8, 16])
def test_the_table_runs_from_black_to_white_and_always_up(depth: int) -> None:
    table = lab.L_table(depth)
    assert (table.dtype, table.shape) == (np.float32, (1 << depth,))
    assert (table[0], table[-1]) == (0, 100)
    assert (np.diff(table) > 0).all()
    assert lab.L_table(depth) is table
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


def test_lab_is_that_of_scikit_image() -> None:
    rgb = data.astronaut()
    difference = np.abs(lab.rgb_to_lab(rgb) - color.rgb2lab(rgb))
    # scikit-image's white differs from the sum of its own matrix in the fifth digit.
    assert difference[..., 0].max() < 1e-4
    assert difference.max() < 0.01


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_every_kind_of_number_gives_the_same_lab(dtype: type) -> None:
    rgb = random_rgb(np.uint8, 50)
    scale = {np.uint8: 1, np.uint16: 257}.get(dtype, 1 / 255)
    converted = lab.rgb_to_lab((rgb.astype(np.float64) * scale).astype(dtype))
    assert converted.dtype == np.float32
    np.testing.assert_allclose(converted, lab.rgb_to_lab(rgb), atol=2e-4)


def test_a_photograph_comes_back_from_lab_exactly() -> None:
    rgb = data.astronaut()
    assert (lab.lab_to_rgb(*lab_of(rgb)) == rgb).all()


def test_16_bits_come_back_from_lab_to_one_level() -> None:
    rgb = random_rgb(np.uint16)
    back = lab.lab_to_rgb(*lab_of(rgb), np.uint16)
    assert np.abs(back.astype(int) - rgb).max() <= 1


def test_rgb_is_that_of_scikit_image() -> None:
    rng = np.random.default_rng(1)
    L = rng.uniform(5, 95, (100, 100)).astype(np.float32)
    ab = rng.normal(0, 15, (100, 100, 2)).astype(np.float32)
    ab = lab.clamp_to_gamut(L, ab)
    expected = color.lab2rgb(np.dstack([L, ab]))
    assert np.abs(lab.lab_to_rgb(L, ab) - 255 * expected).max() < 0.6
    assert np.abs(lab.lab_to_rgb(L, ab, np.uint16) - 65535 * expected).max() < 8


def test_bgr_is_rgb_backwards() -> None:
    L, ab = lab_of(data.astronaut()[:20])
    assert (lab.lab_to_rgb(L, ab, bgr=True) == lab.lab_to_rgb(L, ab)[..., ::-1]).all()


def test_strips_make_the_whole() -> None:
    L, ab = lab_of(data.astronaut())
    ab = ab * 2
    strips = [lab.lab_to_rgb(L[i : i + 100], ab[i : i + 100]) for i in range(0, len(L), 100)]
    assert (np.concatenate(strips) == lab.lab_to_rgb(L, ab)).all()


def test_lightness_survives_colours_far_outside_the_gamut() -> None:
    rng = np.random.default_rng(2)
    L = rng.uniform(0, 100, (200, 200)).astype(np.float32)
    ab = rng.normal(0, 80, (200, 200, 2)).astype(np.float32)
    for dtype, bound in ((np.uint8, 0.3), (np.uint16, 0.02)):
        assert np.abs(lab_of(lab.lab_to_rgb(L, ab, dtype))[0] - L).max() < bound


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0, 100, width=32),
    st.floats(-128, 127, width=32),
    st.floats(-128, 127, width=32),
)
def test_the_clamp_keeps_hue_and_never_adds_chroma(L: float, a: float, b: float) -> None:
    given_ab = np.array([[a, b]], np.float32)
    clamped = lab.clamp_to_gamut(np.array([L]), given_ab)
    assert clamped.shape == (1, 2)
    scale = np.hypot(*clamped[0]) / max(np.hypot(a, b), 1e-9)
    assert scale <= 1 + 1e-5
    np.testing.assert_allclose(clamped[0], given_ab[0] * scale, atol=1e-3)
    # Idempotent.
    np.testing.assert_allclose(lab.clamp_to_gamut(np.array([L]), clamped), clamped, atol=0.05)


def test_the_clamp_leaves_what_is_in_gamut_alone() -> None:
    L, ab = lab_of(random_rgb(np.uint8))
    inside = np.clip(ab, -30, 30) * 0.2
    middle = (L > 30) & (L < 70)
    assert (lab.clamp_to_gamut(L, inside)[middle] == inside[middle]).all()


def test_the_clamp_takes_no_more_than_it_must() -> None:
    rng = np.random.default_rng(3)
    L = rng.uniform(10, 90, 2000).astype(np.float32)
    ab = rng.normal(0, 1, (2000, 2)).astype(np.float32)
    ab *= 100 / np.hypot(*ab.T)[:, None]
    clamped = lab.clamp_to_gamut(L, ab)
    rgb = color.lab2rgb(np.column_stack([L, clamped * 1.02])[None])
    touches = ((rgb <= 1e-4) | (rgb >= 1 - 1e-4)).any(axis=-1)
    moved = (clamped != ab).any(axis=-1)
    assert touches[0, moved].all()


def test_black_and_white_take_no_colour() -> None:
    L = np.array([[0, 100]], np.float32)
    ab = np.full((1, 2, 2), 40, np.float32)
    assert lab.lab_to_rgb(L, ab).tolist() == [[[0, 0, 0], [255, 255, 255]]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 3), (0, 4)])
def test_any_shape(shape: tuple[int, int]) -> None:
    gray = np.full(shape, 100, np.uint8)
    L = lab.L_from_gray(gray)
    rgb = lab.lab_to_rgb(L, np.zeros((*shape, 2), np.float32))
    assert (rgb == 100).all()
    assert rgb.shape == (*shape, 3)
    assert lab.rgb_to_lab(rgb).shape == (*shape, 3)
    assert lab.gray_from_rgb(rgb).shape == shape


def test_luminance_of_lightness() -> None:
    L = lab.L_table(8).astype(np.float64)
    np.testing.assert_allclose(lab.Y_from_L(L), srgb.decode(np.linspace(0, 1, 256)), atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [500, 2000, 1e10, 1e18, 1e38])
def test_any_finite_colour_is_clamped_without_a_warning(scale: float) -> None:
    L = np.array([[0, 20, 50, 80, 100]], np.float32)
    hues = np.array([[[1, -1], [1, 0], [-1, 1], [0.3, 0.5], [0, -1]]], np.float32)
    expected = lab.lab_to_rgb(L, hues * 200)
    for dtype in DTYPES:
        rgb = lab.lab_to_rgb(L, hues * np.float32(scale), dtype)
        assert np.abs(rgb / (257 if dtype == np.uint16 else 1) - expected).max() <= 1.5
    clamped = lab.clamp_to_gamut(L, hues * np.float32(scale))
    np.testing.assert_allclose(clamped, lab.clamp_to_gamut(L, hues * 200), atol=0.05)
