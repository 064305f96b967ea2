"""Limits are enforced before any pixel is decoded."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorcli.errors import PhotoError
from colorcli.photo import Limits, ifd, png, read_photo
from colorcli.photo import read as read_
from colorcli.photo.boxes import box

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
    size = png.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packed = zlib.compress(bytes(10_000_000), 9)
    return png.SIGNATURE + size + png.chunk(b"IDAT", packed) + png.chunk(b"IEND", b"")


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
    profile = png.chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(64 * 1024**2), 9))
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
    size = png.chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0))
    rest = png.chunk(b"IDAT", zlib.compress(b"")) + png.chunk(b"IEND", b"")
    with pytest.raises(PhotoError, match="cut off"):
        read_photo(png.SIGNATURE + size + rest)


def test_the_emptiest_png_there_is_has_bytes_enough() -> None:
    rows = np.zeros((4000, 4000), np.uint8)
    packed = zlib.compress(bytes(4001 * 4000), 9)
    size = png.chunk(b"IHDR", struct.pack(">IIBBBBB", 4000, 4000, 8, 0, 0, 0, 0))
    file = png.SIGNATURE + size + png.chunk(b"IDAT", packed) + png.chunk(b"IEND", b"")
    assert (read_photo(file).gray == rows).all()


@pytest.mark.parametrize(
    ("stated", "pixels"),
    [
        (None, 1 << 30),
        ("", 1 << 30),
        ("a lot", 1 << 30),
        ("12", 12),
        ("2000MB", 2000 * 1024**2),
        ("5kb", 5 * 1024),
    ],
)
def test_opencvs_own_limit_is_understood_as_opencv_does(stated: str | None, pixels: int) -> None:
    assert read_._opencv_pixels(stated) == pixels


def cost(file: bytes) -> int:
    """Memory in bytes used to find out that a file cannot be read."""
    tracemalloc.start()
    try:
        with pytest.raises(PhotoError):
            read_photo(file)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def avif(kind: bytes, items: int, pieces: int, length: int | None, size: int) -> bytes:
    """An AVIF of `size` bytes, each of whose items has this number of pieces of this length."""
    extent = b"" if length is None else struct.pack(">I", length)
    places = struct.pack(">4xBBH", 0 if length is None else 4, 0, items)
    kinds = struct.pack(">4xH", items)
    for item in range(items):
        places += struct.pack(">HHH", item, 0, pieces) + extent * pieces
        kinds += box(b"infe", struct.pack(">4sHH4s", b"\2\0\0\0", item, 0, kind))
    properties = box(b"iprp", box(b"ipco", box(b"ispe", struct.pack(">4xII", 8, 8))))
    meta = box(b"meta", bytes(4) + box(b"iinf", kinds) + properties + box(b"iloc", places))
    file = box(b"ftyp", b"avif\0\0\0\0avif") + meta
    return file + box(b"free", bytes(max(0, size - len(file) - 8)))


@pytest.mark.parametrize("kind", [b"av01", b"Exif", b"mime"])
def test_an_avif_in_pieces_without_end_is_refused(kind: bytes) -> None:
    """Reading all of them would take hours."""
    assert cost(avif(kind, 300, 65535, None, 10_000)) < 1 << 23


@pytest.mark.parametrize("kind", [b"Exif", b"mime"])
def test_pieces_of_an_avif_that_share_bytes_do_not_multiply(kind: bytes) -> None:
    size = 1 << 18
    memory = cost(avif(kind, 50, 50, size // 2, size))
    assert memory < 4 * size


def overlapping(whole: bytes, size: int) -> bytes:
    """A TIFF structure of `size` bytes with 1000 more fields, each covering nearly all of it."""
    (at,) = struct.unpack_from("<I", whole, 4)
    (count,) = struct.unpack_from("<H", whole, at)
    more = (struct.pack("<HHII", tag, 7, size - 64, 64) for tag in range(60000, 61000))
    fields = whole[at + 2 : at + 2 + 12 * count] + b"".join(more)
    directory = struct.pack("<H", count + 1000) + fields + bytes(4)
    moved = whole[:4] + struct.pack("<I", len(whole)) + whole[8:]
    return (moved + directory).ljust(size, b"\0")


def test_fields_that_share_bytes_do_not_multiply() -> None:
    size = 1 << 18
    plain = samples.tiff(samples.camera(), photometric="minisblack", byteorder="<")
    memory = cost(overlapping(plain, size))
    assert memory < 4 * size
    # In EXIF they cost the EXIF, not the photo.
    fields = b"II*\0\x08\0\0\0" + ifd.write({0x010F: ifd.ascii_("Kodak", "<")}, 8, "<")
    exif = b"Exif\0\0" + overlapping(fields, 60_000)
    photo = read_photo(samples.saved(samples.camera(), "JPEG", exif=exif))
    assert photo.metadata.exif is None
    assert "EXIF" in photo.warnings[0]


def test_chains_that_only_look_long_cost_nothing() -> None:
    """Overlapping directories, each as long as the file; a code stream whose header never ends."""
    count, step, chain = 65_535, 12, 2000
    tiff = bytearray(samples.tiff(samples.camera()))
    how = ifd.structure(bytes(tiff))
    (fields,) = struct.unpack_from("<H", tiff, how.first)
    start = len(tiff)
    struct.pack_into("<I", tiff, how.first + 2 + 12 * fields, start)
    tiff += bytes(step * chain + 2 + 12 * count + 4)
    for number in range(chain):
        at = start + step * number
        struct.pack_into("<H", tiff, at, count)
        struct.pack_into("<I", tiff, at + 2 + 12 * count, at + step)
    before = time.process_time()
    assert ifd.pages(bytes(tiff), how) > chain
    assert time.process_time() - before < 30, "each is not read whole"

    plain = samples.saved(samples.camera(), "JPEG2000")
    at = plain.index(b"\xff\x4f\xff\x51")
    (length,) = struct.unpack_from(">H", plain, at + 4)
    zeros = plain[: at + 4 + length] + bytes(1 << 20) + b"\xff\xd9"
    with pytest.raises(PhotoError):
        read_photo(zeros)


def test_a_side_over_opencvs_own_limit_is_said_not_called_damage(no_decoder: None) -> None:
    with pytest.raises(PhotoError, match="a side is over OpenCV's own limit of 1,048,576"):
        read_photo(bomb(1_100_000, 1))


def test_samples_that_the_decoder_is_shown_as_pixels_count_towards_its_limit(
    no_decoder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gray = samples.camera()
    file = samples.tiff(np.dstack([gray, gray]), photometric="minisblack", extrasamples=[2])
    monkeypatch.setattr(read_, "_OPENCV_PIXELS", 2 * gray.size - 1)
    with pytest.raises(PhotoError, match="OpenCV's own limit of 11,639"):
        read_photo(file)
