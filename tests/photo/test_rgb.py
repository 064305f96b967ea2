"""`read_rgb`: the colours used in training and evaluation are those that L is computed from."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.metrics import mean_chroma
from colorcli.photo import Limits, png, read_photo, read_rgb
from tests.photo import samples
from tests.photo.test_icc import COLOUR, matrix_profile


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".avif"])
def test_every_format_gives_rgb(suffix: str) -> None:
    red = np.full((8, 10, 3), (20, 30, 220), np.uint8)
    rgb = read_rgb(bytes(cv2.imencode(suffix, red)[1]))
    assert rgb.dtype == np.uint8
    assert rgb.shape == (8, 10, 3)
    assert np.abs(rgb.astype(int) - (220, 30, 20)).max() < 12


def test_gray_and_16_bits_become_8_bit_rgb() -> None:
    ramp = np.linspace(0, 65535, 50).astype(np.uint16).reshape(5, 10)
    rgb = read_rgb(bytes(cv2.imencode(".png", ramp)[1]))
    assert rgb.shape == (5, 10, 3)
    assert rgb.dtype == np.uint8
    assert np.ptp(rgb, axis=2).max() == 0
    assert (rgb[..., 0] == np.rint(ramp / 257)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_colours_are_upright_as_l_is(orientation: int) -> None:
    data = samples.saved(COLOUR, "PNG", exif=samples.exif(orientation))
    assert (read_photo(data).gray == lab.gray_from_rgb(read_rgb(data))).all()


@pytest.mark.parametrize("name", ["Adobe RGB", "Display P3"])
def test_a_profile_of_another_space_counts(name: str) -> None:
    muted = (COLOUR.astype(int) // 2 + 64).astype(np.uint8)
    data = samples.saved(muted, "PNG", icc_profile=matrix_profile(name))
    seen, as_srgb = lab.rgb_to_lab(read_rgb(data)), lab.rgb_to_lab(muted)
    assert np.abs(seen[..., 0] - read_photo(data).L()).mean() < 0.5
    # Both spaces are wider than sRGB: the same numbers mean stronger colours.
    assert mean_chroma(seen[..., 1:]) > 1.1 * mean_chroma(as_srgb[..., 1:])


def test_png_gamma_without_a_profile_counts() -> None:
    plain = samples.saved(COLOUR, "PNG")
    linear = plain[:33] + png.chunk(b"gAMA", struct.pack(">I", 100000)) + plain[33:]
    L = lab.rgb_to_lab(read_rgb(linear))[..., 0]
    assert np.abs(L - read_photo(linear).L()).max() < 0.6


def test_what_is_over_a_limit_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PhotoError, match="over the limit of 100"):
        read_rgb(samples.saved(COLOUR, "PNG"), limits=Limits(pixels=100))


@pytest.mark.parametrize("data", [b"", b"text", samples.saved(COLOUR, "PNG")[:40]])
def test_what_is_no_photo_is_a_photo_error(data: bytes) -> None:
    with pytest.raises(PhotoError, match=r"^(not a photo|png file cannot be read)"):
        read_rgb(data)


@pytest.mark.parametrize("family", ["JPEG", "PNG"])
def test_a_file_cut_short_is_refused(family: str) -> None:
    whole = samples.saved(COLOUR, family)
    assert (read_rgb(whole) == read_rgb(whole + b"\0" * 20)).all()
    for cut in (40, len(whole) // 2):
        with pytest.raises(PhotoError, match="cut off"):
            read_rgb(whole[:-cut])


def test_a_preview_inside_a_jpeg_is_not_its_end() -> None:
    whole, preview = samples.saved(COLOUR, "JPEG"), samples.saved(COLOUR[::4, ::4], "JPEG")
    block = b"\xff\xe1" + (len(preview) + 2).to_bytes(2, "big") + preview
    assert read_rgb(whole[:2] + block + whole[2:]).shape == COLOUR.shape
    with pytest.raises(PhotoError, match="cut off"):
        read_rgb(whole[:2] + block + whole[2 : len(whole) // 2])
