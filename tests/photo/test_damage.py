"""Damage that only a C library notices raises our error and prints nothing on standard error."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from colorcli.errors import PhotoError
from colorcli.photo import png, read_photo
from colorcli.photo.overhear import overhear

from . import samples

linux = pytest.mark.skipif(sys.platform != "linux", reason="descriptors of a thread are Linux's")
JPEG = samples.saved(samples.camera(), "JPEG")


def said_by_c(words: bytes) -> None:
    """Print as a C library does, bypassing Python's standard error."""
    ctypes.CDLL(None).write(2, words, len(words))


def without_rows() -> bytes:
    """A valid PNG whose pixel data ends too early."""
    whole = samples.saved(samples.camera(), "PNG")
    parts = (whole[start:stop] for name, start, stop in png._chunks(whole) if name == b"IDAT")
    rows = zlib.compress(zlib.decompress(b"".join(parts))[:-2000])
    return whole[:33] + png.chunk(b"IDAT", rows) + png.chunk(b"IEND", b"")


@linux
def test_a_jpeg_damaged_in_the_middle_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    damaged = bytearray(JPEG)
    middle = len(damaged) // 2
    damaged[middle : middle + 200] = bytes(200)
    with pytest.raises(PhotoError, match="damaged"):
        read_photo(bytes(damaged))
    assert capfd.readouterr().err == ""


@linux
@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "group4"])
def test_a_tiff_damaged_in_the_middle_is_an_error(
    compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    image = Image.fromarray(samples.camera(400, 400))
    image = image.convert("1") if compression == "group4" else image
    whole = samples.saved(image, "TIFF", compression=compression)
    assert read_photo(whole).warnings == ()
    damaged, middle = bytearray(whole), len(whole) // 2
    noise = np.random.default_rng(0).integers(0, 256, len(whole) // 20, np.uint8)
    damaged[middle : middle + len(noise)] = noise.tobytes()
    with pytest.raises(PhotoError, match=r"damaged|cannot be decoded"):
        read_photo(bytes(damaged))
    assert capfd.readouterr().err == ""


@linux
def test_bytes_too_many_in_a_jpeg_are_a_warning(capfd: pytest.CaptureFixture[str]) -> None:
    photo = read_photo(JPEG[:-2] + bytes(40) + JPEG[-2:])
    assert (photo.gray == read_photo(JPEG).gray).all()
    assert "may be damaged" in photo.warnings[0]
    assert capfd.readouterr().err == ""


@linux
def test_a_png_without_its_last_rows_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PhotoError, match="cannot be decoded"):
        read_photo(without_rows())
    assert capfd.readouterr().err == ""


@linux
def test_what_others_print_meanwhile_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    inside, printed = threading.Event(), threading.Event()

    def work() -> int:
        said_by_c(b"caught")
        inside.set()
        assert printed.wait(10)
        return 7

    def other() -> None:
        inside.wait(10)
        said_by_c(b"shown")
        printed.set()

    thread = threading.Thread(target=other)
    thread.start()
    assert overhear(work) == (7, "caught")
    thread.join()
    said_by_c(b" and after")
    assert capfd.readouterr().err == "shown and after"


@linux
def test_what_others_close_meanwhile_is_closed() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    inside, closed = threading.Event(), threading.Event()

    def work() -> None:
        inside.set()
        assert closed.wait(10)

    thread = threading.Thread(target=overhear, args=(work,))
    thread.start()
    assert inside.wait(10)
    os.close(writing)
    # A copy of the write end anywhere would make this BlockingIOError, not end of file.
    assert os.read(reading, 1) == b""
    closed.set()
    thread.join()
    os.close(reading)


def test_opencv_is_silent_again_after_a_photo() -> None:
    read_photo(samples.tiff(samples.camera()))
    assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_SILENT


def test_errors_come_through() -> None:
    def work() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        overhear(work)


@linux
def test_where_the_kernel_refuses_nothing_is_caught(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("colorcli.photo.overhear._leave_descriptors", lambda: False)
    assert overhear(lambda: said_by_c(b"shown")) == (None, None)
    assert capfd.readouterr().err == "shown"
