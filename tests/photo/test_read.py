"""Every family of photo files is read completely and upright."""

from __future__ import annotations

import io
import os
import struct
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.photo import Limits, ifd, png, read_photo

from . import samples
from .samples import tiff

GRAY = samples.camera()
COLOUR = data.astronaut()[:90, 100:250]


def off(photo_gray: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference in 8-bit levels."""
    scale = 257 if photo_gray.dtype == np.uint16 else 1
    return float(np.abs(photo_gray / scale - expected).max())


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


def test_16_bit_tiff_is_turned_as_well() -> None:
    image = Image.fromarray(samples.camera16())
    photo = read_photo(samples.saved(image, "TIFF", tiffinfo={274: 6}))
    assert (photo.gray == np.rot90(samples.camera16(), -1)).all()


@pytest.mark.parametrize(
    ("kind", "turns"), [(3, True), (1, True), (8, True), (9, True), (12, False)]
)
def test_an_orientation_of_an_odd_type_loses_no_scan(kind: int, turns: bool) -> None:
    scan = samples.tiff(
        GRAY, photometric="minisblack", resolution=(204, 98), extratags=[(274, kind, 1, 6, True)]
    )
    photo = read_photo(scan)
    assert photo.shape == (GRAY.shape[::-1] if turns else GRAY.shape)
    assert photo.metadata.dpi == pytest.approx((98, 204) if turns else (204, 98), abs=0.1)


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


@pytest.mark.parametrize(
    "options",
    [
        {"byteorder": ">"},
        {"byteorder": ">", "compression": "zlib", "predictor": True},
        {"tile": (32, 32)},
        {"bigtiff": True},
    ],
)
def test_tiffs_of_every_layout_at_16_bits(options: dict) -> None:
    gray, alpha = samples.camera16(), samples.camera16()[::-1]
    assert (read_photo(tiff(gray, **options)).gray == gray).all()
    assert (read_photo(tiff(65535 - gray, photometric="miniswhite")).gray == gray).all()
    if "tile" not in options:
        options = {**options, "photometric": "minisblack", "extrasamples": ["unassalpha"]}
        photo = read_photo(tiff(np.dstack([gray, alpha]), **options))
        assert (photo.gray == gray).all()
        assert photo.alpha is not None
        assert (photo.alpha == alpha).all()


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("compression", [{}, {"compression": "zlib", "predictor": True}])
def test_colours_multiplied_by_alpha_are_divided_again(
    colour: bool, depth: int, compression: dict
) -> None:
    whole = (1 << depth) - 1
    gray = samples.camera() if depth == 8 else samples.camera16()
    image = np.dstack([gray] * 3) if colour else gray[..., None]
    alpha = np.linspace(0, whole, gray.size).astype(gray.dtype).reshape(gray.shape)
    multiplied = np.rint(image * (alpha[..., None] / whole)).astype(gray.dtype)
    photo = read_photo(
        tiff(
            np.dstack([multiplied, alpha]),
            photometric="rgb" if colour else "minisblack",
            extrasamples=["assocalpha"],
            planarconfig="contig",
            **compression,
        )
    )
    assert photo.alpha is not None
    assert (photo.alpha == alpha).all()
    seen = photo.gray if photo.gray.dtype == gray.dtype else photo.gray / 257
    # A premultiplied value is rounded to half a step, a larger error the smaller alpha is.
    error = np.abs(seen.astype(float) - gray) - 0.5 * whole / np.maximum(alpha, 1)
    assert error[alpha > whole // 64].max() <= 0.51


@pytest.mark.parametrize("depth", [8, 16])
def test_a_channel_of_unknown_meaning_is_no_transparency(depth: int) -> None:
    gray = samples.camera() if depth == 8 else samples.camera16()
    for image, photometric in (
        (np.dstack([gray] * 3 + [gray[::-1]]), "rgb"),
        (np.dstack([gray, gray[::-1]]), "minisblack"),
        (np.dstack([gray, gray[::-1], gray]), "minisblack"),
    ):
        beside = ["unspecified"] * (2 if image.shape[2] == 3 else 1)
        options = {"photometric": photometric, "extrasamples": beside, "planarconfig": "contig"}
        photo = read_photo(tiff(image, **options))
        assert photo.alpha is None
        assert "unknown meaning" in photo.warnings[0]
        assert off(photo.gray, gray if depth == 8 else gray / 257) < 0.01


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}])
def test_the_pages_of_a_tiff_are_counted(options: dict) -> None:
    def pages(*kinds: int) -> tuple[str, ...]:
        file = io.BytesIO()
        with tifffile.TiffWriter(file, **options) as writer:
            for kind in kinds:
                writer.write(samples.camera(), subfiletype=kind, metadata=None)
        return read_photo(file.getvalue()).warnings

    assert pages(0) == ()
    assert pages(0, 1, 1) == (), "previews of the first"
    assert pages(*[0] * 30)[0].startswith("30 pages: only the first is read")


def test_a_page_that_follows_itself_is_one() -> None:
    file = bytearray(samples.tiff(samples.camera()))
    how = ifd.structure(bytes(file))
    (count,) = struct.unpack_from(how.order + "H", file, how.first)
    struct.pack_into(how.order + "I", file, how.first + 2 + 12 * count, how.first)
    assert read_photo(bytes(file)).warnings == ()


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"predictor": True, "bigtiff": True}])
def test_alpha_is_found_among_more_channels(depth: int, options: dict) -> None:
    gray = samples.camera() if depth == 8 else samples.camera16()
    alpha, other = gray[::-1], gray[:, ::-1]
    kinds = ["unspecified", "unassalpha", "unspecified"]
    for colours, photometric in (([gray], "minisblack"), ([gray] * 3, "rgb")):
        photo = read_photo(
            tiff(
                np.dstack([*colours, other, alpha, other]),
                photometric=photometric,
                planarconfig="contig",
                extrasamples=kinds,
                compression="zlib",
                **options,
            )
        )
        assert photo.alpha is not None
        assert (photo.alpha == alpha).all()
        assert "unknown meaning" in photo.warnings[0]
        assert off(photo.gray, gray if depth == 8 else gray / 257) < 0.01


def test_a_width_of_16_bits_whose_channels_need_more_is_read() -> None:
    """The decoder sees two grays per pixel: 65,536 of them side by side."""
    gray = np.tile(np.arange(32768, dtype=np.uint16).astype(np.uint8), (2, 1))
    file = bytearray(
        tiff(np.dstack([gray, gray[:, ::-1]]), photometric="minisblack", extrasamples=[2])
    )
    how = ifd.structure(bytes(file))
    entry = how.first + 2
    while struct.unpack_from("<H", file, entry) != (256,):
        entry += 12
    struct.pack_into("<HHIHH", file, entry, 256, 3, 1, 32768, 0)  # ImageWidth, a SHORT
    photo = read_photo(bytes(file))
    assert (photo.gray == gray).all()
    assert (photo.alpha == gray[:, ::-1]).all()


def test_tiffs_whose_channels_lie_apart() -> None:
    planes = COLOUR.transpose(2, 0, 1)
    photo = read_photo(tiff(planes, planarconfig="separate", photometric="rgb"))
    assert (photo.gray == lab.gray_from_rgb(COLOUR)).all()
    # OpenCV misreads these: better no photo than a wrong one.
    wide = planes.astype(np.uint16) * 257
    with pytest.raises(PhotoError, match="separate planes"):
        read_photo(tiff(wide, planarconfig="separate", photometric="rgb"))
    pair = np.dstack([GRAY, GRAY])
    with pytest.raises(PhotoError, match="transparency"):
        read_photo(tiff(pair, photometric="minisblack", extrasamples=["unassalpha"], tile=(32, 32)))


def test_only_the_first_page_of_a_tiff_is_read() -> None:
    pages = [Image.fromarray(GRAY), Image.fromarray(255 - GRAY)]
    photo = read_photo(samples.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert (photo.gray == GRAY).all()
    assert "first" in photo.warnings[0]


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


@pytest.mark.parametrize("kind", ["P2", "P3"])
def test_a_text_file_of_numbers_may_end_with_the_last(kind: str) -> None:
    numbers = "0 50 100 150 200 255" if kind == "P2" else " ".join(["7"] * 17 + ["255"])
    photo = read_photo(f"{kind}\n3 2\n255\n{numbers}".encode())
    assert photo.shape == (2, 3)
    assert photo.gray[0, 0] < photo.gray[1, 2]


def test_the_other_pictures_of_a_jpeg_are_a_warning() -> None:
    plain = samples.saved(samples.camera(), "JPEG")
    body = b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0"
    several = plain[:2] + b"\xff\xe2" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]
    assert read_photo(several).warnings == ("several pictures: only the first is read",)
    assert "another JPEG after the picture" in read_photo(plain + plain).warnings[0]
