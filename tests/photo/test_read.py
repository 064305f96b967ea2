"""Every family of photo files is read completely and upright."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.photo import Limits, png, read_photo

from . import samples
from .samples import COLOUR, GRAY, off


@pytest.mark.parametrize(
    ("family", "options", "bound"),
    [
        ("JPEG", {"quality": 100}, 2),
        ("JPEG", {"quality": 100, "progressive": True}, 2),
        ("PNG", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0),
        ("TIFF", {"compression": "packbits"}, 0),
        ("TIFF", {"big_tiff": True}, 0),
        ("AVIF", {"quality": 100}, 1),
        ("JPEG2000", {}, 0),
        ("JPEG2000", {"no_jp2": True}, 0),
        ("BMP", {}, 0),
        ("PPM", {}, 0),
    ],
)
def test_gray_of_8_bits_stays_as_it_is(family: str, options: dict, bound: float) -> None:
    photo = read_photo(samples.saved(GRAY, family, **options))
    assert photo.gray.dtype == np.uint8
    assert photo.depth == 8
    assert photo.alpha is None
    assert photo.warnings == ()
    assert photo.format in (family.lower(), {"PPM": "pnm"}.get(family))
    assert off(photo.gray, GRAY) <= bound


@pytest.mark.parametrize(
    ("family", "options", "bound"),
    [
        ("JPEG", {"quality": 100, "subsampling": 0}, 3),
        ("JPEG", {"quality": 100, "subsampling": 1}, 12),
        ("JPEG", {"quality": 100, "subsampling": 2}, 18),
        ("PNG", {}, 0.01),
        ("TIFF", {}, 0.01),
        ("WEBP", {"lossless": True}, 0.01),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, 3),
        ("JPEG2000", {}, 0.01),
        ("BMP", {}, 0.01),
        ("PPM", {}, 0.01),
    ],
)
def test_colour_becomes_the_gray_of_equal_lightness(
    family: str, options: dict, bound: float
) -> None:
    photo = read_photo(samples.saved(COLOUR, family, **options))
    assert photo.gray.dtype == np.uint16
    assert photo.depth == 8
    assert off(photo.gray, lab.gray_from_rgb(COLOUR) / 257) <= bound


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jp2", ".pgm"])
@pytest.mark.parametrize("colour", [False, True])
def test_16_bits_are_read_exactly(suffix: str, colour: bool) -> None:
    gray = samples.camera16()
    image = np.dstack([gray] * 3) if colour else gray
    parameters = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000] if suffix == ".jp2" else []
    suffix = ".ppm" if colour and suffix == ".pgm" else suffix
    photo = read_photo(cv2.imencode(suffix, image, parameters)[1].tobytes())
    assert (photo.depth, photo.gray.dtype) == (16, np.uint16)
    assert (photo.gray == gray).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_few_bits(bits: int) -> None:
    levels = (1 << bits) - 1
    stored = GRAY >> (8 - bits)
    image = Image.fromarray(stored)
    image.putpalette([value * 255 // levels for value in range(levels + 1) for _ in range(3)])
    photo = read_photo(samples.saved(image, "PNG", bits=bits))
    assert off(photo.gray, stored * (255 // levels)) == 0


def test_bilevel_png_tiff_bmp_and_pbm() -> None:
    picture = GRAY > 100
    for family in ("PNG", "TIFF", "BMP", "PPM"):
        assert off(read_photo(samples.saved(picture, family)).gray, picture * 255.0) == 0


def test_palette_of_colours() -> None:
    image = Image.fromarray(COLOUR).quantize(64)
    expected = lab.gray_from_rgb(np.asarray(image.convert("RGB")))
    for family in ("PNG", "TIFF", "BMP"):
        assert off(read_photo(samples.saved(image, family)).gray, expected / 257) < 0.01


@pytest.mark.parametrize("family", ["PNG", "TIFF", "WEBP", "JPEG2000", "AVIF"])
def test_alpha_is_read_and_hides_no_gray(family: str) -> None:
    alpha = np.linspace(0, 255, COLOUR[..., 0].size).astype(np.uint8).reshape(COLOUR.shape[:2])
    options = {"WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100}}
    data_ = samples.saved(np.dstack([COLOUR, alpha]), family, **options.get(family, {}))
    photo = read_photo(data_)
    assert photo.alpha is not None
    assert off(photo.alpha, alpha) <= (1 if family == "AVIF" else 0)
    if family != "AVIF":
        assert off(photo.gray, lab.gray_from_rgb(COLOUR) / 257) < 0.01


def test_gray_with_alpha() -> None:
    alpha = GRAY[::-1].copy()
    image = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(alpha)])
    for family, options in (
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_lzw", "tiffinfo": {317: 2}}),
    ):
        photo = read_photo(samples.saved(image, family, **options))
        assert photo.alpha is not None
        assert (photo.gray == GRAY).all()
        assert (photo.alpha == alpha).all()
        assert photo.gray.dtype == np.uint8


def test_a_transparent_value_of_png_becomes_alpha() -> None:
    value = int(GRAY[0, 0])
    photo = read_photo(samples.saved(GRAY, "PNG", transparency=value))
    assert photo.alpha is not None
    assert (photo.gray == GRAY).all()
    assert ((photo.alpha == 0) == (value == GRAY)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("family", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_orientation_is_applied(family: str, orientation: int) -> None:
    upright = np.zeros((48, 64), np.uint8)
    upright[:24, :32], upright[:24, 32:], upright[24:, :32] = 250, 150, 80
    # How a camera held that way stores the upright picture: the inverse of displaying it.
    stored = upright.T if orientation >= 5 else upright
    if orientation in (3, 4, 6, 7):
        stored = stored[::-1]
    if orientation in (2, 3, 7, 8):
        stored = stored[:, ::-1]
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100}}
    data_ = samples.saved(stored, family, exif=samples.exif(orientation), **options.get(family, {}))
    assert off(read_photo(data_).gray, upright) <= 3


def test_the_resolution_is_turned_with_the_photo() -> None:
    for orientation in range(1, 9):
        for family, options in (
            ("JPEG", {"exif": samples.exif(orientation)}),
            ("PNG", {"exif": samples.exif(orientation)}),
            ("TIFF", {"tiffinfo": {274: orientation}}),
        ):
            photo = read_photo(samples.saved(GRAY, family, dpi=(204, 98), **options))
            assert photo.shape == (GRAY.shape if orientation < 5 else GRAY.shape[::-1])
            expected = (204, 98) if orientation < 5 else (98, 204)
            assert photo.metadata.dpi == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_stated_in_xmp_alone_counts(orientation: int) -> None:
    packet = samples.only_in_xmp(orientation)
    element = packet.replace(
        b'tiff:Orientation="%d" dc:source="attic"/>' % orientation,
        b"><tiff:Orientation>%d</tiff:Orientation></rdf:Description>" % orientation,
    )
    by_exif = read_photo(samples.saved(GRAY, "PNG", exif=samples.exif(orientation))).gray
    plain = samples.saved(GRAY, "PNG")
    for xmp in (packet, element):
        chunk = png.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)
        assert (read_photo(plain[:33] + chunk + plain[33:]).gray == by_exif).all()
        tagged = samples.saved(GRAY, "TIFF", tiffinfo={700: xmp})
        assert (read_photo(tagged).gray == by_exif).all()
    # EXIF is what cameras and viewers agree on.
    both = samples.saved(GRAY, "WEBP", lossless=True, exif=samples.exif(1), xmp=packet)
    assert read_photo(both).shape == GRAY.shape


def test_exif_of_a_png_may_begin_like_that_of_a_jpeg() -> None:
    plain = samples.saved(GRAY, "PNG")
    chunk = png.chunk(b"eXIf", b"Exif\0\0" + samples.exif(6).tobytes()[6:])
    photo = read_photo(plain[:33] + chunk + plain[33:])
    assert photo.warnings == ()
    assert photo.shape == GRAY.shape[::-1]
    assert b"Kodak" in (photo.metadata.exif or b"")


@pytest.mark.parametrize("family", ["JPEG", "WEBP", "AVIF"])
def test_xmp_may_end_like_a_c_string(family: str) -> None:
    photo = read_photo(samples.saved(GRAY, family, xmp=samples.only_in_xmp(1) + b"\0\0"))
    assert photo.warnings == ()
    assert photo.metadata.xmp == samples.only_in_xmp(1)


@pytest.mark.parametrize("family", ["JPEG", "TIFF"])
def test_ink_without_a_profile(family: str) -> None:
    options = {"quality": 100} if family == "JPEG" else {}
    photo = read_photo(samples.saved(Image.fromarray(COLOUR).convert("CMYK"), family, **options))
    assert photo.alpha is None
    assert "CMYK" in photo.warnings[0]
    assert np.abs(photo.gray / 257 - lab.gray_from_rgb(COLOUR) / 257).mean() < 3


def test_metadata_is_read() -> None:
    fields = samples.exif().tobytes()
    options = {"exif": fields, "icc_profile": samples.srgb_profile(), "dpi": (300, 300)}
    for family, more in (
        ("JPEG", {"xmp": samples.XMP}),
        ("PNG", {}),
        ("TIFF", {}),
        ("WEBP", {"xmp": samples.XMP}),
        ("AVIF", {"xmp": samples.XMP}),
    ):
        metadata = read_photo(samples.saved(GRAY, family, **options, **more)).metadata
        assert metadata.exif is not None
        assert b"Kodak" in metadata.exif
        assert b"1955:06:01" in metadata.exif
        assert metadata.icc == samples.srgb_profile()
        assert metadata.dpi == pytest.approx((300, 300), abs=0.01)
        assert metadata.xmp == more.get("xmp")


def test_garbage_beside_the_pixels_is_dropped_with_a_warning() -> None:
    junk = b"\xde\xad\xbe\xef" * 20
    whole = samples.saved(GRAY, "JPEG", icc_profile=junk, exif=b"Exif\0\0" + junk, xmp=junk)
    photo = read_photo(whole)
    assert photo.shape == GRAY.shape
    assert photo.gray.dtype == np.uint8
    assert photo.metadata.exif is photo.metadata.xmp is photo.metadata.icc is None
    assert [name for name in ("ICC", "EXIF", "XMP") if name in " ".join(photo.warnings)] == [
        "ICC", "EXIF", "XMP",
    ]  # fmt: skip


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 3)])
@pytest.mark.parametrize("family", ["JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM"])
def test_any_shape(family: str, shape: tuple[int, int]) -> None:
    photo = read_photo(samples.saved(np.full(shape, 77, np.uint8), family))
    assert photo.shape == shape
    assert off(photo.gray, np.full(shape, 77)) <= 2


def test_a_limit_beyond_all_memory_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(samples.saved(GRAY, "PNG"))
    assert (read_photo(path, limits=Limits(bytes=10**30)).gray == GRAY).all()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_read_to_its_end_or_to_the_limit(tmp_path: Path) -> None:
    path, content = tmp_path / "pipe", samples.saved(data.camera(), "PPM")

    def written() -> threading.Thread:
        thread = threading.Thread(target=path.write_bytes, args=(content,))
        thread.start()
        return thread

    os.mkfifo(path)
    thread = written()
    assert (read_photo(path).gray == data.camera()).all()
    thread.join()
    thread = written()
    with pytest.raises(PhotoError, match=f"limit of {len(content) - 1:,}"):
        read_photo(path, limits=Limits(bytes=len(content) - 1))
    thread.join()


def test_the_other_pictures_of_a_jpeg_are_a_warning() -> None:
    plain = samples.saved(samples.camera(), "JPEG")
    body = b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0"
    several = plain[:2] + b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]
    assert read_photo(several).warnings == ("several pictures: only the first is read",)
    assert "another JPEG after the picture" in read_photo(plain + plain).warnings[0]
