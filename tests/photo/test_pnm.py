"""PNM and PAM, in bytes and in letters."""

from __future__ import annotations

import numpy as np
import pytest

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.photo import read_photo

from .samples import COLOUR, GRAY, off


def test_pnm_is_spread_from_its_own_maximum() -> None:
    assert read_photo(b"P5 2 2 100\n" + bytes([0, 50, 100, 200])).gray.tolist() == [
        [0, 128],
        [255, 255],
    ]
    wide = np.array([0, 500, 1000, 1000], ">u2").tobytes()
    assert read_photo(b"P5\n# note\n2 2\n1000\n" + wide).gray.tolist() == [
        [0, 32768],
        [65535, 65535],
    ]
    assert read_photo(b"P2 3 1 255\n0 7 255\n").gray.tolist() == [[0, 7, 255]]


@pytest.mark.parametrize("maximum", [1, 15, 100, 254, 255, 256, 1023, 65535])
@pytest.mark.parametrize("kind", [2, 3])
def test_pnm_in_letters_is_spread_like_one_in_bytes(kind: int, maximum: int) -> None:
    stored = GRAY[:8, :9].astype(int) * maximum // 255
    samples_ = np.dstack([stored] * 3) if kind == 3 else stored
    words = " ".join(str(value) for value in samples_.ravel())
    letters = read_photo(f"P{kind} 9 8\n# of old\n0{maximum}\n{words}\n".encode())
    dtype = ">u2" if maximum > 255 else "u1"
    head = f"P{kind + 3} 9 8\n{maximum}\n".encode()
    assert (letters.gray == read_photo(head + samples_.astype(dtype).tobytes()).gray).all()
    assert letters.depth == (16 if maximum > 255 else 8)


def pam(kind: str, image: np.ndarray) -> bytes:
    height, width, channels = image.shape
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL 255\n{kind}ENDHDR\n"
    return head.encode() + image.tobytes()


def test_channels_of_a_pam_are_what_it_says_they_are() -> None:
    four = np.dstack([COLOUR, COLOUR[..., 0]])
    gray, opaque = GRAY[..., None], np.dstack([GRAY, GRAY])
    for kind, image in (
        ("", four),
        ("TUPLTYPE RGB_ALPHA\n", four),
        ("TUPLTYPE RGB\n", COLOUR),
        ("TUPLTYPE GRAYSCALE\n", gray),
        ("TUPLTYPE GRAYSCALE_ALPHA\n", opaque),
    ):
        photo = read_photo(pam(kind, image))
        assert (photo.alpha is not None) == (image.shape[2] in (2, 4))
        expected = GRAY if image.shape[2] < 3 else lab.gray_from_rgb(COLOUR) / 257
        assert off(photo.gray, expected) < 0.01
    for kind, image in (("CMYK", four), ("RGB", four), ("GRAYSCALE", opaque), ("RGB_ALPHA", gray)):
        with pytest.raises(PhotoError, match=f"'{kind}'") as caught:
            read_photo(pam(f"TUPLTYPE {kind}\n", image))
        assert "RGB" in (caught.value.tip or "")


def test_a_line_of_a_pam_that_looks_like_its_end_is_none() -> None:
    file = pam("TUPLTYPE GRAYSCALE\n", GRAY[..., None])
    assert (read_photo(file.replace(b"DEPTH", b"ENDHDR 3\nDEPTH")).gray == GRAY).all()


@pytest.mark.parametrize("kind", ["P2", "P3"])
def test_a_text_file_of_numbers_may_end_with_the_last(kind: str) -> None:
    numbers = "0 50 100 150 200 255" if kind == "P2" else " ".join(["7"] * 17 + ["255"])
    photo = read_photo(f"{kind}\n3 2\n255\n{numbers}".encode())
    assert photo.shape == (2, 3)
    assert photo.gray[0, 0] < photo.gray[1, 2]
