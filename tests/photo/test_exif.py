"""EXIF of the coloured photo: the user's fields stay, fields no longer true are removed."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from colorcli.photo import (
    Photo,
    encode_photo,
    ifd,
    read_photo,
)
from colorcli.photo import exif as exif_
from colorcli.photo.formats import FAMILIES

from . import samples
from .samples import Tint
from .test_encode import coloured


@pytest.mark.parametrize("family", ["jpeg", "png", "tiff", "webp"])
def test_what_exif_says_of_the_pixels_is_true_of_the_coloured_ones(family: str) -> None:
    fields = samples.exif(6)
    height, width = samples.camera().shape
    fields[0x0100], fields[0x0101] = width, height
    fields[0x011A], fields[0x011B] = 204.0, 98.0
    below = fields.get_ifd(0x8769)
    below[0xA001], below[0xA002], below[0xA003] = 65535, width, height
    photo = read_photo(samples.saved(samples.camera(), "JPEG", exif=fields, dpi=(204, 98)))
    file = encode_photo(photo, Tint(), format=family)
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        seen = image.getexif()
        below = seen.get_ifd(0x8769)
        assert image.size == (height, width)
        assert (seen[0x0100], seen[0x0101]) == (below[0xA002], below[0xA003]) == image.size
        assert (seen[0x011A], seen[0x011B]) == pytest.approx((98, 204), abs=0.01)
        assert below[0xA001] == 1


@pytest.mark.parametrize("dpi", [72, 300, 2400, 4800, 12000])
@pytest.mark.parametrize(
    "family", [name for name, family in FAMILIES.items() if "dpi" in family.carries]
)
def test_resolutions_of_prints_and_of_film_come_back(family: str, dpi: int) -> None:
    photo = Photo.from_array(samples.camera())
    photo.metadata.dpi = (dpi, dpi / 2)
    found = read_photo(encode_photo(photo, Tint(), format=family)).metadata.dpi
    assert found == pytest.approx((dpi, dpi / 2), rel=1e-3)


def test_exif_and_jfif_may_state_two_resolutions() -> None:
    fields = samples.exif(1)
    fields[0x011A], fields[0x011B], fields[0x0128] = 300.0, 300.0, 2
    photo = read_photo(samples.saved(samples.camera(), "JPEG", exif=fields, dpi=(72, 72)))
    with Image.open(io.BytesIO(encode_photo(photo, Tint(), format="jpeg"))) as image:
        assert image.info["dpi"] == (72, 72)
        assert image.getexif()[0x011A] == 300


def test_the_mark_leaves_the_users_own_words_alone() -> None:
    fields = samples.exif()
    fields[0x010E], fields[0x0131] = "Grandmother, 1955", "VueScan"
    photo = read_photo(samples.saved(samples.camera(), "JPEG", exif=fields))
    found = exif_.renewed(
        photo.metadata.exif, width=1, height=1, dpi=None, mark="predicted", software="colorize"
    )
    seen = Image.Exif()
    seen.load(b"Exif\0\0" + (found or b""))
    assert (seen[0x010E], seen[0x0131]) == ("Grandmother, 1955", "VueScan")


def exif_fields(*fields: tuple[int, int, bytes]) -> bytes:
    """A little-endian TIFF structure with one directory: tag, type and value of each field."""
    sizes = {2: 1, 3: 2, 7: 1, 129: 1}
    return b"II*\0\x08\0\0\0" + ifd.write(
        {
            tag: ifd.Entry(kind, len(value) // sizes[kind], value, "<")
            for tag, kind, value in fields
        },
        8,
        "<",
    )


def test_words_in_utf_8_are_words_too() -> None:
    """EXIF 3.0 has a separate type for them."""
    words = "Großmutter Käthe, 1931\0".encode()
    exif = exif_fields((0x010E, 129, words), (0x013B, 129, words))
    found = exif_.renewed(exif, width=1, height=1, dpi=None, mark="predicted", software="colorize")
    assert found is not None
    how = ifd.structure(found)
    fields, _ = ifd.read(found, how, how.first)
    assert fields[0x010E].value == fields[0x013B].value == words


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_comment_in_utf_16_stays_readable(order: str) -> None:
    """It has the byte order of the file, and a TIFF written here is little-endian."""
    words = "Käthe, Ω".encode("utf-16-le" if order == "<" else "utf-16-be")
    comment = ifd.Entry(7, 8 + len(words), b"UNICODE\0" + words, order)
    tree = ifd.write_tree({}, {ifd.EXIF: {0x9286: comment}}, 8, order)
    head = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    photo = read_photo(samples.saved(samples.camera(), "JPEG", exif=b"Exif\0\0" + head + tree))
    for family in ("tiff", "jpeg"):
        file = encode_photo(photo, Tint(), format=family)
        with Image.open(io.BytesIO(file)) as image:
            exif = image.getexif()
            found = exif.get_ifd(ifd.EXIF)[0x9286]
            ending = "le" if exif.endian == "<" else "be"
        assert found[8:].decode(f"utf-16-{ending}") == "Käthe, Ω"


def test_exif_that_fitted_into_a_jpeg_fits_again() -> None:
    exif = exif_fields((0x010E, 2, b"Grandma\0"), (0x9C9D, 7, b"x" * 64900))
    data = samples.saved(samples.camera(), "JPEG", exif=b"Exif\0\0" + exif)
    photo = read_photo(data)
    back = read_photo(encode_photo(photo, Tint(), format="jpeg"))
    assert back.warnings == ()
    assert back.metadata.exif is not None
    assert b"Grandma" in back.metadata.exif
    assert back.metadata.exif.count(b"x" * 64900) == 1


def test_nothing_says_any_more_that_the_photo_is_gray() -> None:
    short = [(tag, 3, value.to_bytes(2, "little")) for tag, value in ((258, 8), (262, 1), (277, 1))]
    xmp = samples.XMP.replace(
        b"dc:source=",
        b'photoshop:ColorMode="1" tiff:PhotometricInterpretation="1" dc:source=',
    )
    photo = read_photo(
        samples.saved(samples.camera(), "JPEG", exif=b"Exif\0\0" + exif_fields(*short), xmp=xmp)
    )
    found = read_photo(encode_photo(photo, Tint(), format="jpeg")).metadata
    assert found.exif is not None
    how = ifd.structure(found.exif)
    assert not {258, 262, 277} & set(ifd.read(found.exif, how, how.first)[0])
    assert found.xmp is not None
    assert b'photoshop:ColorMode="3" tiff:PhotometricInterpretation="2"' in found.xmp


def test_the_gray_thumbnail_is_gone() -> None:
    thumbnail = samples.saved(samples.camera()[:30, :30], "JPEG")
    fields = bytearray(samples.exif().tobytes()[6:])
    start = len(fields)
    # The last four bytes of the first directory are the offset of the next.
    count = int.from_bytes(fields[8:10], "little")
    order = "little" if fields[:2] == b"II" else "big"
    count = int.from_bytes(fields[8:10], order)
    fields[10 + 12 * count : 14 + 12 * count] = start.to_bytes(4, order)
    second = (2).to_bytes(2, order)
    for tag, value in ((0x0201, start + 30), (0x0202, len(thumbnail))):
        second += tag.to_bytes(2, order) + (4).to_bytes(2, order)
        second += (1).to_bytes(4, order) + value.to_bytes(4, order)
    whole = bytes(fields) + second + bytes(4) + thumbnail
    photo = read_photo(samples.saved(samples.camera(), "JPEG", exif=b"Exif\0\0" + whole))
    assert photo.metadata.exif is not None
    assert thumbnail[20:] in photo.metadata.exif
    back, _ = coloured(photo, "jpeg")
    assert back.metadata.exif is not None
    assert thumbnail[20:60] not in back.metadata.exif
    assert b"Kodak" in back.metadata.exif
