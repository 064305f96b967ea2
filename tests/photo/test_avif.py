"""AVIFs as other programs write them: high bit depths, gray only, and metadata."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from colorcli.errors import PhotoError
from colorcli.photo import Photo, encode_photo, read_photo

from .samples import Tint, camera, camera16

OF_LIBVIPS = Path(__file__).with_name("libvips.avif")


def avif(image: np.ndarray, depth: int = 8) -> bytes:
    """As OpenCV writes it, lossless except for rounding to `depth` bits."""
    values = image if depth == 8 else image >> (16 - depth)
    options = [cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_DEPTH, depth]
    done, encoded = cv2.imencode(".avif", values, options)
    assert done
    return encoded.tobytes()


def stated(file: bytes, *, transfer: int | None = None, full_range: bool | None = None) -> bytes:
    """The file with a different `colr` box (type nclx)."""
    at = file.index(b"colrnclx") + 8
    patched = bytearray(file)
    if transfer is not None:
        patched[at + 2 : at + 4] = transfer.to_bytes(2, "big")
    if full_range is not None:
        patched[at + 6] = full_range << 7
    return bytes(patched)


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("depth", [10, 12])
def test_every_depth_keeps_L(depth: int, colours: bool) -> None:
    gray = camera16()
    image = np.dstack([gray] * 3) if colours else gray
    photo = read_photo(avif(image, depth))
    assert photo.depth == 16
    expected = Photo.from_array(gray).L()
    assert np.abs(photo.L() - expected).max() < (0.6 if colours else 0.2)


def test_deep_transparency_comes_back() -> None:
    gray = camera16()
    alpha = np.linspace(0, 65535, gray.size).astype(np.uint16).reshape(gray.shape)
    back = read_photo(avif(np.dstack([gray, gray, gray, alpha]), 10)).alpha
    assert back is not None
    assert np.abs(back.astype(int) - alpha).max() <= 128


def test_what_stands_beside_the_picture_is_kept_from_the_decoder() -> None:
    photo = read_photo(OF_LIBVIPS)  # its EXIF follows its picture, which OpenCV refuses
    expected = cv2.resize(data.camera(), (96, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(photo.gray / 257 - expected).mean() < 2
    assert photo.metadata.exif is not None


def test_gray_of_a_video_s_range_is_spread() -> None:
    limited = np.linspace(16, 235, 64 * 64).round().astype(np.uint8).reshape(64, 64)
    gray = read_photo(stated(avif(limited), full_range=False)).gray
    assert (gray.min(), gray.max()) == (0, 255)
    assert np.abs(gray - (limited - 16.0) * 255 / 219).max() <= 0.5


@pytest.mark.parametrize(("transfer", "gamma"), [(8, 1.0), (4, 2.2), (5, 2.8)])
def test_stated_tones_are_obeyed(transfer: int, gamma: float) -> None:
    file = stated(avif(camera()), transfer=transfer)
    light = (camera() / 255.0) ** gamma
    expected = Photo.from_array(_encoded(light)).L()
    assert np.abs(read_photo(file).L() - expected).max() < 0.1


def _encoded(light: np.ndarray) -> np.ndarray:
    """Linear light as 16-bit sRGB (IEC 61966-2-1)."""
    low, high = 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055
    return np.rint(np.where(light <= 0.0031308, low, high) * 65535).astype(np.uint16)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_tones_of_HDR_are_refused_by_name(transfer: int, name: str) -> None:
    with pytest.raises(PhotoError, match=name) as refused:
        read_photo(stated(avif(camera()), transfer=transfer))
    assert refused.value.tip


def test_where_opencv_lacks_avif_the_photo_is_not_called_damaged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = avif(camera())
    photo = read_photo(file)
    monkeypatch.setattr(cv2, "haveImageWriter", lambda name: not name.endswith(".avif"))
    with pytest.raises(PhotoError, match="built without AVIF"):
        read_photo(file)
    with pytest.raises(PhotoError, match="cannot be written as avif: this OpenCV is built without"):
        encode_photo(photo, Tint(), format="avif", model="m")
