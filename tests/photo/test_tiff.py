"""TIFFs of every layout: channels, planes, predictors, alpha, pages and turns."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.photo import encode_photo, ifd, read_photo

from . import samples
from .samples import COLOUR, GRAY, Tint, off, tiff


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


def test_a_description_is_kept_unless_it_states_the_shape_of_the_gray_array() -> None:
    def described(text: str | None) -> str | None:
        file = encode_photo(read_photo(tiff(GRAY, description=text)), Tint(), format="tiff")
        with tifffile.TiffFile(io.BytesIO(file)) as written:
            return written.pages[0].description

    assert described("Oma, 1910") == "Oma, 1910"
    assert described('{"shape": [64, 64]}') != '{"shape": [64, 64]}'
