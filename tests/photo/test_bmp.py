"""BMPs: 16 bits, masks and alpha."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.photo import read_photo

from .samples import COLOUR, GRAY


def bmp(image: np.ndarray, size: int, masks: tuple[int, ...]) -> bytes:
    """A 32-bit BMP with channel masks and a header of this size."""
    height, width, _ = image.shape
    body = image[::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", size, width, height, 1, 32, 3, len(body), 0, 0, 0, 0)
    head = (head + struct.pack(f"<{len(masks)}I", *masks)).ljust(size, b"\0")
    at = 14 + len(head)
    return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + head + body


@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize(
    ("size", "masks"),
    [
        (40, ()),
        (40, (0x7C00, 0x3E0, 0x1F)),
        (40, (0xF800, 0x7E0, 0x1F)),
        (108, (0xF800, 0x7E0, 0x1F)),
        (124, (0xF00, 0xF0, 0xF, 0)),
        (40, (0x1F, 0x7E0, 0xF800)),
    ],
)
def test_bmps_of_16_bits_are_spread_to_white(
    size: int, masks: tuple[int, ...], upside_down: bool
) -> None:
    """31 of 31 is white; OpenCV reads it as 248 of 255."""
    colours = masks[:3] or (0x7C00, 0x3E0, 0x1F)
    packed = np.zeros(COLOUR.shape[:2], np.uint16)
    expected = np.zeros_like(COLOUR)
    for place, mask in enumerate(colours):
        low = (mask & -mask).bit_length() - 1
        whole = mask >> low
        values = np.rint(COLOUR[..., place] / 255 * whole).astype(np.uint16)
        packed |= values << low
        expected[..., place] = np.rint(values / whole * 255)
    height, width = packed.shape
    rows = np.pad(packed, ((0, 0), (0, width % 2)))
    body = (rows if upside_down else rows[::-1]).tobytes()
    high = -height if upside_down else height
    packing = 3 if masks else 0
    head = struct.pack("<IiiHHIIiiII", size, width, high, 1, 16, packing, len(body), 0, 0, 0, 0)
    head = (head + struct.pack(f"<{len(masks)}I", *masks)).ljust(size, b"\0")
    at = 14 + len(head)
    file = b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + head + body
    np.testing.assert_array_equal(read_photo(file).gray, lab.gray_from_rgb(expected))


def test_the_fourth_byte_of_a_bmp_is_alpha_only_where_a_mask_says_so() -> None:
    usual, spare = (0xFF0000, 0xFF00, 0xFF), GRAY[:90, :97]
    image = np.dstack([COLOUR[:, :97, ::-1], spare])
    expected = lab.gray_from_rgb(COLOUR[:, :97])
    for size, masks in ((40, usual), (52, usual), (56, (*usual, 0)), (108, (*usual, 0))):
        photo = read_photo(bmp(image, size, masks))
        assert photo.alpha is None
        assert (photo.gray == expected).all()
    for size in (56, 108, 124):
        alpha = read_photo(bmp(image, size, (*usual, 0xFF000000))).alpha
        assert alpha is not None
        assert (alpha == spare).all()
    with pytest.raises(PhotoError, match="colour masks"):
        read_photo(bmp(image, 40, usual[::-1]))
