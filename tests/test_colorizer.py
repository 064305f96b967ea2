"""L of any size becomes ab of that size, whole or in tiles, always the same."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import pytest
from skimage import data

import colorcli.colorizer
from colorcli.colorizer import BYTES_PER_PIXEL, SMALLEST_TILE, Colorizer, FloatL, Scene
from colorcli.errors import ModelError, PhotoError, UsageError
from colorcli.lab import rgb_to_lab
from colorcli.levels import Levels
from colorcli.model.sessions import Features
from colorcli.photo import Photo


@pytest.fixture(scope="module")
def colorizer(model_folder: Path) -> Colorizer:
    return Colorizer.load(str(model_folder), device="cpu")


@pytest.fixture(scope="module")
def L() -> np.ndarray:
    return np.ascontiguousarray(rgb_to_lab(data.astronaut())[..., 0])


def seen_by_the_low_level_network(
    colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[int, int]]:
    """The shapes `(H, W)` of its inputs from now on."""
    shapes: list[tuple[int, int]] = []
    low_level = colorizer.model.low_level

    def watched(L: np.ndarray) -> Features:
        shapes.append(L.shape[2:])
        return low_level(L)

    monkeypatch.setattr(colorizer.model, "low_level", watched)
    return shapes


@pytest.mark.parametrize("size", ["auto", "full", 64])
@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 700), (700, 1), (3, 3), (7, 9), (224, 224), (225, 223), (100, 333)]
)
def test_every_shape_comes_back_in_its_own_shape(colorizer, shape, size) -> None:
    L = np.random.default_rng(0).uniform(0, 100, shape).astype(np.float32)
    ab = colorizer.predict_L(L, size=size)
    assert ab.shape == (*shape, 2)
    assert ab.dtype == np.float32
    assert np.isfinite(ab).all()


@pytest.mark.parametrize("kind", ["float64", "float16", ">f4", "int32", "uint8"])
@pytest.mark.parametrize("side", [40, 400])
def test_L_may_be_of_any_numbers(colorizer, kind, side) -> None:
    L = np.random.default_rng(0).integers(20, 70, (side, side))
    expected = colorizer.predict_L(L.astype(np.float32))
    np.testing.assert_array_equal(colorizer.predict_L(L.astype(kind)), expected)


@pytest.mark.parametrize("tile", [256, 300, 400])
def test_tiled_equals_whole(colorizer, L, tile) -> None:
    L = np.pad(L, ((0, 205), (0, 331)), mode="reflect")
    whole = colorizer.predict(FloatL(L), size="full", tile=4096)
    tiled = colorizer.predict(FloatL(L), size="full", tile=tile)
    np.testing.assert_allclose(tiled.grid, whole.grid, atol=1e-4)
    np.testing.assert_allclose(tiled.whole(L), whole.whole(L), atol=1e-3)


def test_tiling_really_shows_the_network_small_pieces_only(colorizer, L, monkeypatch) -> None:
    seen = seen_by_the_low_level_network(colorizer, monkeypatch)
    colorizer.predict(FloatL(L), size="full", tile=320)
    assert len(seen) > 2
    assert max(map(prod, seen)) <= 320**2


@pytest.mark.parametrize(("size", "seen_as"), [(160, (160, 96)), (165, (160, 96)), (44, (40, 24))])
def test_the_network_sees_at_most_the_size_asked_for(
    colorizer, L, monkeypatch, size, seen_as
) -> None:
    seen = seen_by_the_low_level_network(colorizer, monkeypatch)
    colorizer.predict(FloatL(L[:, :300]), size=size)
    side = colorizer.model.global_size
    assert sorted(seen) == sorted([seen_as, (side, side)])


def test_a_photo_of_the_global_size_is_passed_through_the_low_level_network_once(
    colorizer, monkeypatch
) -> None:
    seen = seen_by_the_low_level_network(colorizer, monkeypatch)
    colorizer.predict_L(np.full((224, 224), 50, np.float32), size="full")
    assert seen == [(224, 224)]


@pytest.mark.parametrize(
    ("shape", "size", "seen_as"),
    [
        ((200, 4000), "auto", (64, 1280)),
        ((4000, 200), "auto", (1280, 64)),
        ((200, 4000), 320, (16, 320)),
        ((1000, 4000), "auto", (80, 320)),
        ((40, 4000), "auto", (40, 4000)),
    ],
)
def test_a_panorama_keeps_a_short_side_that_things_can_be_seen_on(
    colorizer, monkeypatch, shape, size, seen_as
) -> None:
    seen = seen_by_the_low_level_network(colorizer, monkeypatch)
    colorizer.predict(FloatL(np.full(shape, 50, np.float32)), size=size)
    assert seen_as in seen


@pytest.mark.parametrize(
    ("shape", "size", "passes"),
    [
        ((192, 256), "auto", [(192, 256)]),
        ((256, 256), "full", [(256, 256)]),
        ((375, 500), "auto", [(192, 256)]),
        ((224, 100), "full", [(224, 128)]),
        ((375, 500), 320, [(256, 320), (224, 224)]),
        ((100, 133), "full", [(128, 160), (224, 224)]),
    ],
)
def test_a_photo_about_as_large_as_its_rescale_is_seen_once_by_a_network_that_averages(
    monkeypatch, shape, size, passes
) -> None:
    averaging = Colorizer.load("lifelike", device="cpu")
    # Or a photo in tiles would get other global features than in one pass.
    assert averaging.model.spec.global_.pools_to <= SMALLEST_TILE
    seen = seen_by_the_low_level_network(averaging, monkeypatch)
    averaging.predict(FloatL(np.full(shape, 50, np.float32)), size=size)
    assert seen == passes


def test_such_a_photo_has_the_global_features_of_itself() -> None:
    averaging = Colorizer.load("lifelike", device="cpu")
    L = np.ascontiguousarray(rgb_to_lab(data.astronaut())[::2, ::2, 0][:192])
    levels = Levels.of(L)
    view = levels.apply(L)[None, None]
    own = averaging.model.global_features(view, averaging.model.low_level(view))
    rescaled = averaging.model.global_features(levels.apply(FloatL(L).L_at(224, 224))[None, None])
    scenes = (None, Scene(levels, own), Scene(levels, rescaled))
    grids = [
        Colorizer(averaging.model, scene).predict(FloatL(L), size="full").grid for scene in scenes
    ]
    np.testing.assert_array_equal(grids[0], grids[1])
    assert np.abs(grids[0] - grids[2]).max() > 0.1


def test_padding_changes_nothing_far_from_it(colorizer, L) -> None:
    """A photo one row short of a multiple of 8 gets the colours of the complete one."""
    of_one_scene = colorizer.for_scene_of(FloatL(L))
    full = of_one_scene.predict(FloatL(L), size="full").whole(L)
    cut = L[:-1]
    short = of_one_scene.predict(FloatL(cut), size="full").whole(cut)
    np.testing.assert_allclose(short[:400], full[:400], atol=1e-3)


def test_the_scene_of_another_photo_changes_the_colours_and_its_own_does_not(colorizer, L) -> None:
    bright, itself = FloatL(np.full((300, 400), 90, np.float32)), FloatL(L)
    own = colorizer.predict(itself, size=224).grid
    np.testing.assert_array_equal(
        colorizer.for_scene_of(itself).predict(itself, size=224).grid, own
    )
    assert np.abs(colorizer.for_scene_of(bright).predict(itself, size=224).grid - own).max() > 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_array_is_coloured_in_its_own_depth_with_its_own_L(colorizer, dtype) -> None:
    scale = np.iinfo(dtype).max // 255
    gray = data.camera().astype(dtype) * dtype(scale)
    rgb = colorizer.colorize(gray)
    assert rgb.shape == (*gray.shape, 3)
    assert rgb.dtype == dtype
    before = rgb_to_lab(np.repeat(gray[..., None], 3, -1))[..., 0]
    difference = np.abs(rgb_to_lab(rgb)[..., 0] - before)
    assert difference.mean() <= 0.25 / scale
    assert difference.max() <= 1.5 / scale + 0.05


def test_alpha_of_an_array_is_carried_untouched(colorizer) -> None:
    rgba = np.dstack([data.astronaut(), data.camera()])
    coloured = colorizer.colorize(rgba)
    assert coloured.shape == rgba.shape
    np.testing.assert_array_equal(coloured[..., 3], rgba[..., 3])


def test_vividness_scales_the_chroma_of_a_regression(colorizer, L) -> None:
    ab, vivid = (colorizer.predict_L(L, vividness=v) for v in (1.0, 1.5))
    assert colorizer.model.spec.temperature is None
    np.testing.assert_allclose(vivid, 1.5 * ab, atol=1e-3)


def test_a_vividness_of_nothing_is_a_wrong_usage(colorizer, L) -> None:
    with pytest.raises(UsageError, match="vividness"):
        colorizer.predict_L(L, vividness=0)


def test_a_size_that_cannot_be_is_a_wrong_usage(colorizer, L) -> None:
    with pytest.raises(UsageError, match="too small"):
        colorizer.predict_L(L, size=4)


def test_memory_that_runs_out_is_met_with_smaller_tiles(colorizer, L, monkeypatch) -> None:
    low_level = colorizer.model.low_level

    def scarce(L: np.ndarray) -> np.ndarray:
        if L.size > 400**2:
            raise MemoryError
        return low_level(L)

    whole = colorizer.predict(FloatL(L), size="full").grid
    monkeypatch.setattr(colorizer.model, "low_level", scarce)
    np.testing.assert_allclose(colorizer.predict(FloatL(L), size="full").grid, whole, atol=1e-4)


def test_memory_that_never_suffices_is_said_never_hidden(colorizer, L, monkeypatch) -> None:
    def none(L: np.ndarray) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(colorizer.model, "low_level", none)
    with pytest.raises(PhotoError, match="even for the smallest tiles"):
        colorizer.predict(FloatL(L), size="full")


def test_what_did_not_fit_into_memory_is_not_tried_again(colorizer, L, monkeypatch) -> None:
    tried: list[tuple[int, int]] = []

    def none(L: np.ndarray) -> np.ndarray:
        tried.append(L.shape[2:])
        raise MemoryError

    monkeypatch.setattr(colorizer.model, "low_level", none)
    with pytest.raises(PhotoError, match="even for the smallest tiles"):
        colorizer.predict(FloatL(L), size="full", tile=8192)
    assert len(tried) == len(set(tried)) > 1


def test_little_free_memory_means_tiles(colorizer, L, monkeypatch) -> None:
    seen = seen_by_the_low_level_network(colorizer, monkeypatch)
    monkeypatch.setattr(
        colorcli.colorizer, "available_memory", lambda: 4 * BYTES_PER_PIXEL * 300**2
    )
    colorizer.predict(FloatL(L), size="full")
    assert len(seen) > 2
    assert max(map(prod, seen)) <= 300**2, "a quarter of the memory is for the network"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e35])
def test_a_model_that_gives_no_colours_is_an_error_never_a_black_photo(
    colorizer, L, monkeypatch, value
) -> None:
    ab = colorizer.model.ab
    monkeypatch.setattr(colorizer.model, "ab", lambda *a, **k: ab(*a, **k) * np.float32(value))
    with pytest.raises(ModelError, match="are not colours"):
        colorizer.predict_L(L)


@pytest.mark.parametrize(
    "broken", [np.full((9, 9), np.nan, np.float32), np.empty((0, 9), np.float32), np.ones(3)]
)
def test_what_is_no_lightness_is_not_the_models_fault(colorizer, broken) -> None:
    with pytest.raises(PhotoError, match="must be 2-D, not empty, and finite"):
        colorizer.predict_L(broken)


def test_a_grid_of_another_shape_than_described_is_an_error(colorizer, L, monkeypatch) -> None:
    ab = colorizer.model.ab
    monkeypatch.setattr(colorizer.model, "ab", lambda *a, **k: ab(*a, **k)[..., ::2])
    with pytest.raises(ModelError, match="where its description says"):
        colorizer.predict_L(L)


def test_a_tile_smaller_than_its_halo_is_a_wrong_usage(colorizer, L) -> None:
    with pytest.raises(UsageError, match="tile 8 is too small"):
        colorizer.predict(FloatL(L), tile=8)


def test_a_size_of_another_name_is_a_wrong_usage(colorizer, L) -> None:
    with pytest.raises(UsageError, match="no size is called 'huge'"):
        colorizer.predict_L(L, size="huge")


@pytest.mark.parametrize("asked", [{"size": 256.5}, {"size": None}, {"tile": 3000.5}])
def test_parts_of_a_pixel_are_a_wrong_usage(colorizer, L, asked) -> None:
    with pytest.raises(UsageError, match="not a whole number"):
        colorizer.predict_L(L, **asked) if "size" in asked else colorizer.check(**asked)


def test_whole_numbers_of_numpy_are_whole_numbers(colorizer, L) -> None:
    same = colorizer.predict_L(L, size=64)
    assert (colorizer.predict_L(L, size=np.int64(64)) == same).all()


@pytest.mark.parametrize("threads", [0, -1, "2", 1.5])
def test_threads_that_cannot_be_are_a_wrong_usage(model_folder, threads) -> None:
    with pytest.raises(UsageError, match="threads"):
        Colorizer.load(str(model_folder), device="cpu", threads=threads)


def test_what_is_no_image_is_an_error(colorizer) -> None:
    with pytest.raises(PhotoError):
        colorizer.colorize([[1.5, 2.5]])


@pytest.mark.parametrize("size", [(224, 224), (100, 400), (300, 60), (400, 500)])
def test_l_of_an_array_is_rescaled_as_that_of_a_photo(size: tuple[int, int]) -> None:
    """Along each axis separately, so that evaluation measures what users get."""
    photo = Photo.from_array(np.random.default_rng(0).integers(0, 256, (180, 420), np.uint8))
    assert np.abs(FloatL(photo.L()).L_at(*size) - photo.L_at(*size)).max() < 1e-3
