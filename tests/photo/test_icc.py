"""Profiles: curves and primaries, checked against LittleCMS."""

from __future__ import annotations

import io
import struct
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from colorcli import lab
from colorcli.photo import Photo, encode_photo, icc, managed, read_photo

from . import samples

GRAY = samples.camera()
COLOUR = data.astronaut()[:90, 100:250]
# Primaries (x, y) of R, G, B under D65, and the gamma of the curve.
SPACES = {
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), 2.19921875),
    "Display P3": ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), 2.2),
    "ProPhoto-like": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), 1.8),
}


def profile(tags: dict[bytes, bytes], space: bytes, connection: bytes = b"XYZ ") -> bytes:
    """An ICC profile of version 2 with these tags."""
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = bytearray(128)
    struct.pack_into(
        ">I4sI4s4s4s", head, 0, at + len(body), b"", 0x02400000, b"mntr", space, connection
    )
    head[36:40] = b"acsp"
    struct.pack_into(">3i", head, 68, 63190, 65536, 54061)
    return bytes(head) + struct.pack(">I", len(tags)) + table + body


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">4xIH2x", 1, round(gamma * 256))


def table_curve(values: np.ndarray) -> bytes:
    return b"curv" + struct.pack(f">4xI{len(values)}H", len(values), *values.tolist())


def white() -> dict[bytes, bytes]:
    return {b"wtpt": b"XYZ " + struct.pack(">4x3i", 63190, 65536, 54061)}


def gray_profile(curve: bytes) -> bytes:
    return profile({**white(), b"kTRC": curve}, b"GRAY")


def matrix_profile(name: str) -> bytes:
    *primaries, gamma = SPACES[name]
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    columns = columns * np.linalg.solve(columns, icc._D65)
    adapted = (icc._D50_FROM_D65 @ columns).T
    tags = white()
    for letter, column in zip((b"r", b"g", b"b"), adapted, strict=True):
        tags[letter + b"XYZ"] = b"XYZ " + struct.pack(">4x3i", *np.rint(column * 65536).astype(int))
        tags[letter + b"TRC"] = gamma_curve(gamma)
    return profile(tags, b"RGB ")


def through_littlecms(image: Image.Image, data_: bytes) -> np.ndarray:
    """L from LittleCMS's own conversion to 8-bit Lab."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(data_))
    target = ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(image, source, target, outputMode="LAB")
    return np.asarray(converted)[..., 0] / 2.55


def read_with(image: np.ndarray, data_: bytes) -> Photo:
    return read_photo(samples.saved(image, "PNG", icc_profile=data_))


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2, 2.4])
def test_gray_of_another_gamma(gamma: float) -> None:
    photo = read_with(GRAY, gray_profile(gamma_curve(gamma)))
    Y = (GRAY / 255) ** (round(gamma * 256) / 256)
    assert (photo.depth, photo.gray.dtype, photo.warnings) == (8, np.uint16, ())
    assert np.abs(lab.Y_from_L(photo.L().astype(np.float64)) - Y).max() < 2e-4


def test_gray_by_a_table_of_dot_gain() -> None:
    values = np.rint(65535 * np.linspace(0, 1, 256) ** 1.75).astype(int)
    photo = read_with(GRAY, gray_profile(table_curve(values)))
    assert (
        np.abs(
            photo.L() - through_littlecms(Image.fromarray(GRAY), gray_profile(table_curve(values)))
        ).max()
        < 0.6
    )


@pytest.mark.parametrize("name", SPACES)
def test_colour_of_another_space_has_the_lightness_littlecms_sees(name: str) -> None:
    data_ = matrix_profile(name)
    photo = read_with(COLOUR, data_)
    difference = np.abs(photo.L() - through_littlecms(Image.fromarray(COLOUR), data_))
    # LittleCMS gives L under D50; the same colour under D65 differs by up to about a unit.
    assert difference.mean() < 0.5
    assert difference.max() < 2.5
    neutral = np.dstack([GRAY] * 3)
    expected = through_littlecms(Image.fromarray(neutral), data_)
    assert np.abs(read_with(neutral, data_).L() - expected).max() < 0.6


def test_16_bits_are_read_through_the_profile_at_16_bits() -> None:
    import cv2

    plain = cv2.imencode(".png", samples.camera16())[1].tobytes()
    from colorcli.photo import Metadata, png

    tagged, _ = png.embed(plain, Metadata(icc=gray_profile(gamma_curve(2.2))))
    photo = read_photo(tagged)
    expected = (samples.camera16() / 65535) ** (round(2.2 * 256) / 256)
    assert photo.depth == 16
    assert np.abs(lab.Y_from_L(photo.L().astype(np.float64)) - expected).max() < 2e-5


@pytest.mark.parametrize("make", [samples.srgb_profile, icc.srgb])
def test_srgb_by_any_other_name_changes_nothing(make: object) -> None:
    data_ = make()  # type: ignore[operator]
    assert (read_with(COLOUR, data_).gray == lab.gray_from_rgb(COLOUR)).all()
    photo = read_with(GRAY, data_)
    assert photo.gray.dtype == np.uint8
    assert (photo.gray == GRAY).all()


@pytest.mark.parametrize("kind", range(5))
def test_parametric_curves_mean_what_littlecms_says(kind: int) -> None:
    g, a, b, c, d, e, f = 2.4, 0.948, 0.052, 0.0774, 0.0405, 0.01, 0.01
    numbers = [[g], [g, a, b], [g, a, b, 0.02], [g, a, b, c, d], [g, a, b, c, d, e, f]][kind]
    curve = b"para" + struct.pack(
        f">4xHH{len(numbers)}i", kind, 0, *(round(n * 65536) for n in numbers)
    )
    data_ = gray_profile(curve)
    ramp = np.arange(256, dtype=np.uint8)[None].repeat(4, 0)
    expected = through_littlecms(Image.fromarray(ramp), data_)
    assert np.abs(read_with(ramp, data_).L() - expected).max() < 0.6


def test_the_profile_we_write_is_srgb_to_littlecms() -> None:
    own = ImageCms.ImageCmsProfile(io.BytesIO(icc.srgb()))
    assert ImageCms.getProfileDescription(own).strip() == "sRGB"
    image = Image.fromarray(data.astronaut())
    converted = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"))
    assert (np.asarray(converted) == data.astronaut()).all()


def test_a_tagged_photo_is_written_as_tagged_srgb() -> None:
    for data_, expected in (
        (samples.srgb_profile(), samples.srgb_profile()),
        (gray_profile(gamma_curve(2.2)), icc.srgb()),
        (matrix_profile("Adobe RGB"), icc.srgb()),
        (None, None),
    ):
        photo = read_photo(samples.saved(GRAY, "TIFF", icc_profile=data_ or b""))
        for family in ("jpeg", "png", "tiff", "webp", "avif"):
            file = encode_photo(photo, samples.Tint(), format=family)
            assert read_photo(file).metadata.icc == expected


def test_a_profile_of_gray_does_not_fit_colours() -> None:
    gray = gray_profile(gamma_curve(2.2))
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    photo = read_with(red, gray)
    assert photo.L() == pytest.approx(53.24, abs=0.01)
    assert "does not fit" in photo.warnings[0]
    # Gray that is stored as colours is still gray.
    photo = read_with(np.dstack([GRAY] * 3), gray)
    assert (photo.gray == read_with(GRAY, gray).gray).all()
    assert photo.warnings == ()


def test_tags_that_share_bytes_take_no_more_memory_than_the_profile() -> None:
    size, count = 1 << 20, 256
    tags = b"".join(struct.pack(">4sII", b"t%03d" % i, 4, size - 4) for i in range(count))
    head = profile({}, b"RGB ")[:128] + struct.pack(">I", count)
    whole = (head + tags).ljust(size, b"\0")
    tracemalloc.start()
    try:
        assert icc.response(whole) is None
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def test_a_profile_cut_anywhere_never_breaks_a_photo() -> None:
    whole = matrix_profile("Adobe RGB")
    for length in range(1, len(whole), 17):
        photo = read_with(COLOUR, whole[:length])
        assert photo.shape == COLOUR.shape[:2]
        assert photo.metadata.icc is None
        assert "ICC" in photo.warnings[0]


def test_without_pillow_a_table_profile_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    table = profile({**white(), b"A2B0": b"mft2" + bytes(60)}, b"RGB ")
    monkeypatch.setitem(sys.modules, "PIL", None)
    photo = read_with_bytes(table)
    assert "profiles" in photo.warnings[0]
    assert (photo.gray == lab.gray_from_rgb(COLOUR)).all()


def read_with_bytes(data_: bytes) -> Photo:
    import cv2

    from colorcli.photo import Metadata, png

    plain = cv2.imencode(".png", np.ascontiguousarray(COLOUR[..., ::-1]))[1].tobytes()
    return read_photo(png.embed(plain, Metadata(icc=data_))[0])


def test_a_broken_table_profile_is_a_warning() -> None:
    photo = read_with_bytes(profile({**white(), b"A2B0": b"mft2" + bytes(60)}, b"RGB "))
    assert "ICC" in photo.warnings[0]
    assert (photo.gray == lab.gray_from_rgb(COLOUR)).all()


def table_profile(space: bytes, lightness: object) -> bytes:
    """A profile with one look-up table (lut8Type): neutral, with the given lightness per corner."""
    channels = {b"RGB ": 3, b"CMYK": 4}[space]
    corners = np.indices((2,) * channels).reshape(channels, -1).T
    grid = b"".join(bytes((round(lightness(c) * 2.55), 128, 128)) for c in corners)  # type: ignore[operator]
    ramp = bytes(range(256))
    table = b"mft1" + struct.pack(
        ">4xBBBx9i", channels, 3, 2, *(65536 * np.eye(3, dtype=int)).ravel()
    )
    return profile({**white(), b"A2B0": table + ramp * channels + grid + ramp * 3}, space, b"Lab ")


def test_a_table_profile_is_applied_by_littlecms() -> None:
    data_ = table_profile(b"RGB ", lambda corner: 100 * corner.mean())
    photo = read_with_bytes(data_)
    assert photo.warnings == ()
    assert np.abs(photo.L() - COLOUR.mean(axis=-1) / 2.55).mean() < 1


def test_16_bits_are_rounded_to_the_eight_that_a_table_profile_takes() -> None:
    data_ = table_profile(b"RGB ", lambda corner: 100 * corner.mean())
    expected = managed.srgb_of_pixels(COLOUR, data_)
    for off in (-120, 120):
        near = np.clip(COLOUR.astype(np.int32) * 257 + off, 0, 65535).astype(np.uint16)
        assert np.array_equal(managed.srgb_of_pixels(near, data_), expected)


def test_tables_go_before_the_curves_of_a_profile_that_has_both() -> None:
    """As in LittleCMS; at 16 bits, where it would truncate to 8, the curves are used."""
    tables = table_profile(b"RGB ", lambda corner: 100 * corner.mean() ** 2)
    both = with_tags_of(matrix_profile("Adobe RGB"), tables)
    photo = read_with_bytes(both)
    assert np.abs(photo.L() - read_with_bytes(tables).L()).max() < 0.5
    curves = read_with(COLOUR, matrix_profile("Adobe RGB"))
    assert np.abs(photo.L() - curves.L()).mean() > 2


def with_tags_of(first: bytes, second: bytes) -> bytes:
    tags = {name: bytes(tag) for one in (first, second) for name, tag in icc._tags(one).items()}
    return profile(tags, b"RGB ", second[20:24])


@pytest.mark.parametrize("family", ["JPEG", "TIFF"])
def test_ink_is_read_through_its_profile(family: str) -> None:
    data_ = table_profile(b"CMYK", lambda corner: 100 * (1 - corner[3]) * (1 - corner[:3].mean()))
    ink = Image.fromarray(COLOUR).convert("CMYK")
    options = {"quality": 100} if family == "JPEG" else {}
    photo = read_photo(samples.saved(ink, family, icc_profile=data_, **options))
    assert photo.warnings == ()
    assert photo.alpha is None
    assert np.abs(photo.L() - COLOUR.mean(axis=-1) / 2.55).mean() < 1.5


@pytest.mark.parametrize("stored", [0, 1, 2**31])
def test_png_gamma_that_makes_no_sense_does_not_count(stored: int) -> None:
    from colorcli.photo import png

    plain = samples.saved(GRAY, "PNG")
    odd = plain[:33] + png.chunk(b"gAMA", struct.pack(">I", stored)) + plain[33:]
    assert (read_photo(odd).gray == GRAY).all()


def test_png_gamma_without_a_profile_counts() -> None:
    from colorcli.photo import png

    plain = samples.saved(GRAY, "PNG")
    linear = plain[:33] + png.chunk(b"gAMA", struct.pack(">I", 100000)) + plain[33:]
    assert np.abs(lab.Y_from_L(read_photo(linear).L().astype(np.float64)) - GRAY / 255).max() < 1e-4
    usual = plain[:33] + png.chunk(b"gAMA", struct.pack(">I", 45455)) + plain[33:]
    assert (read_photo(usual).gray == GRAY).all()
