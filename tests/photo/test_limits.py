"""Limits are kept before a pixel is decoded."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorcli.errors import PhotoError
from colorcli.photo import Limits, png, read_photo

from . import samples

FAMILIES = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "PPM"]


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the decoder was called")

    monkeypatch.setattr(cv2, "imdecode", refuse)


@pytest.mark.parametrize("family", FAMILIES)
def test_pixels_are_counted_before_decoding(family: str, no_decoder: None) -> None:
    file = samples.saved(samples.camera(120, 97), family)
    with pytest.raises(PhotoError, match="97 × 120 pixels are over the limit of 11,639") as caught:
        read_photo(file, limits=Limits(pixels=97 * 120 - 1))
    assert caught.value.tip is not None
    assert "--max-pixels" in caught.value.tip


@pytest.mark.parametrize("family", FAMILIES)
def test_the_limit_itself_is_allowed(family: str) -> None:
    file = samples.saved(samples.camera(), family)
    assert read_photo(file, limits=Limits(pixels=120 * 97, bytes=len(file))).shape == (120, 97)


def test_bytes_are_counted_before_reading(tmp_path: Path, no_decoder: None) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(samples.saved(samples.camera(), "PNG"))
    for source in (path, path.read_bytes()):
        with pytest.raises(PhotoError, match="over the limit of 100") as caught:
            read_photo(source, limits=Limits(bytes=100))
        assert "--max-bytes" in (caught.value.tip or "")


def bomb(width: int, height: int) -> bytes:
    size = png._chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packed = zlib.compress(bytes(10_000_000), 9)
    return png.SIGNATURE + size + png._chunk(b"IDAT", packed) + png._chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30000, 30000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused(size: tuple[int, int], no_decoder: None) -> None:
    with pytest.raises(PhotoError, match="limit of 500,000,000"):
        read_photo(bomb(*size))


def test_more_than_opencv_takes_is_said(no_decoder: None) -> None:
    with pytest.raises(PhotoError, match="OpenCV") as caught:
        read_photo(bomb(40000, 40000), limits=Limits(pixels=10**10))
    assert "OPENCV_IO_MAX_IMAGE_PIXELS" in (caught.value.tip or "")


def test_a_profile_that_unpacks_without_end_is_dropped() -> None:
    plain = samples.saved(samples.camera(), "PNG")
    profile = png._chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 * 1024**2), 9))
    photo = read_photo(plain[:33] + profile + plain[33:])
    assert photo.metadata.icc is None
    assert "ICC" in photo.warnings[0]
    assert (photo.gray == samples.camera()).all()


def test_a_header_that_lies_about_the_size_is_an_error() -> None:
    plain = bytearray(cv2.imencode(".bmp", np.zeros((20, 20), np.uint8))[1].tobytes())
    struct.pack_into("<i", plain, 22, 4000)
    with pytest.raises(PhotoError):
        read_photo(bytes(plain))


def test_too_few_bytes_for_the_pixels_are_told_before_decoding(no_decoder: None) -> None:
    size = png._chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0))
    rest = png._chunk(b"IDAT", zlib.compress(b"")) + png._chunk(b"IEND", b"")
    with pytest.raises(PhotoError, match="cut off"):
        read_photo(png.SIGNATURE + size + rest)


def test_the_emptiest_png_there_is_has_bytes_enough() -> None:
    rows = np.zeros((4000, 4000), np.uint8)
    packed = zlib.compress(bytes(4001 * 4000), 9)
    size = png._chunk(b"IHDR", struct.pack(">IIBBBBB", 4000, 4000, 8, 0, 0, 0, 0))
    file = png.SIGNATURE + size + png._chunk(b"IDAT", packed) + png._chunk(b"IEND", b"")
    assert (read_photo(file).gray == rows).all()
