"""A photo in memory: L of any rows, at any size."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from skimage import data

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.photo import Photo, render

from . import samples


def test_pixels_of_either_byte_order_are_taken() -> None:
    gray = samples.camera().astype(np.uint16) * 257
    photo = Photo.from_array(gray.astype(">u2" if gray.dtype.byteorder != ">" else "<u2"))
    assert photo.depth == 16
    assert np.array_equal(photo.gray, gray)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_layout_of_channels_is_taken(dtype: type) -> None:
    gray = samples.camera().astype(dtype)
    depth = 8 * np.dtype(dtype).itemsize
    alpha = gray[::-1]
    for image in (gray, gray[..., None], np.dstack([gray, alpha])):
        photo = Photo.from_array(image)
        assert (photo.gray == gray).all()
        assert (photo.gray.dtype, photo.depth) == (dtype, depth)
    for image in (np.dstack([gray] * 3), np.dstack([gray] * 3 + [alpha])):
        photo = Photo.from_array(image)
        assert (photo.gray == gray * np.uint16(257 if depth == 8 else 1)).all()
        assert photo.depth == depth
    assert photo.alpha is not None
    assert (photo.alpha == alpha).all()
    assert photo.alpha.dtype == dtype


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((3, 3)),
        np.zeros((0, 3), np.uint8),
        np.zeros((2, 2, 5), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(PhotoError):
        Photo.from_array(image)


def test_lightness_of_some_rows_is_that_of_the_whole() -> None:
    photo = Photo.from_array(data.astronaut())
    assert photo.L().dtype == np.float32
    assert (photo.L(slice(100, 230)) == photo.L()[100:230]).all()
    assert np.abs(photo.L() - lab.rgb_to_lab(data.astronaut())[..., 0]).max() < 0.01


@pytest.mark.parametrize("size", [(224, 224), (100, 333), (37, 512), (512, 200), (1, 1), (511, 3)])
@pytest.mark.parametrize("depth", [8, 16])
def test_shrinking_averages_the_area(size: tuple[int, int], depth: int) -> None:
    gray = data.camera() if depth == 8 else data.camera().astype(np.uint16) * 257
    small = Photo.from_array(gray).L_at(*size)
    assert (small.dtype, small.shape) == (np.float32, size)
    L = lab.L_from_gray(data.camera()).astype(np.float64)
    expected = cv2.resize(L, size[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small - expected).max() < 0.001


def test_the_same_size_is_the_photo_itself() -> None:
    photo = Photo.from_array(samples.camera())
    assert (photo.L_at(*photo.shape) == photo.L()).all()


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 1), (224, 224)), ((3, 3), (64, 80)), ((1, 5000), (224, 224)), ((5000, 1), (320, 16))],
)
def test_growing_stays_between_the_neighbours(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    values = np.random.default_rng(0).integers(40, 200, shape).astype(np.uint8)
    photo = Photo.from_array(values)
    grown = photo.L_at(*size)
    assert grown.shape == size
    assert photo.L().min() - 1e-3 <= grown.min()
    assert grown.max() <= photo.L().max() + 1e-3


def test_rendering_asks_for_rows_once_each_with_their_L() -> None:
    photo = Photo.from_array(np.dstack([samples.camera(300, 50)] * 2))

    class Watched(samples.Tint):
        asked: list[tuple[int, int]] = []  # noqa: RUF012

        def rows(self, start: int, L: np.ndarray) -> np.ndarray:
            self.asked.append((start, start + len(L)))
            assert (photo.L(slice(*self.asked[-1])) == L).all()
            return super().rows(start, L)

    ab = Watched()
    pixels = render(photo, ab)
    assert ab.asked == [(0, 128), (128, 256), (256, 300)]
    assert (pixels[..., 3] == photo.alpha).all()
    assert (render(photo, ab, bgr=True)[..., :3] == pixels[..., 2::-1]).all()
    assert np.abs(lab.rgb_to_lab(pixels[..., :3])[..., 0] - photo.L()).mean() < 0.25


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("height", [300, 1400])
def test_one_thread_or_several_render_the_same(height: int, depth: int) -> None:
    gray = np.tile(samples.camera(100, 100), (height // 100, 10))
    photo = Photo.from_array(gray if depth == 8 else gray.astype(np.uint16) * 257)
    ab = samples.Tint()
    at_once = lab.lab_to_rgb(photo.L(), ab.rows(0, photo.L()), photo.gray.dtype.type)
    assert (render(photo, ab) == at_once).all()


def test_importing_the_package_imports_nothing_it_does_not_use() -> None:
    heavy = "{'PIL', 'skimage', 'torch', 'onnx', 'onnxruntime', 'scipy'}"
    program = f"import sys, colorcli.photo; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
