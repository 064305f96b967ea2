"""Unsupported files are refused by name rather than misread."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from colorcli.errors import PhotoError
from colorcli.photo import ifd, read_photo

from . import samples
from .samples import tiff
from .test_read import COLOUR, GRAY


def test_tiffs_whose_channels_the_decoder_mixes_up_are_refused_by_name() -> None:
    ink = np.dstack([GRAY] * 4)
    for image, options, said in (
        (ink.astype(np.uint16) * 257, {"photometric": "separated"}, "CMYK of 16 bits"),
        (
            np.dstack([ink, GRAY]),
            {"photometric": "separated", "extrasamples": [2]},
            "5 channels of ink",
        ),
        (
            np.dstack([ink, ink]),
            {"photometric": "rgb", "extrasamples": [0] * 5},
            "extra channels",
        ),
        (
            np.dstack([ink, GRAY]),
            {"photometric": "rgb", "extrasamples": [2, 0], "tile": (32, 32)},
            "transparency",
        ),
    ):
        with pytest.raises(PhotoError, match=said) as caught:
            read_photo(tiff(image, planarconfig="contig", **options))
        assert "save it as" in (caught.value.tip or "")


def test_jpeg_2000_that_the_decoder_mixes_up_is_refused_by_name() -> None:
    colour = Image.fromarray(COLOUR)
    gray = Image.merge("LA", [Image.fromarray(GRAY), Image.fromarray(GRAY)])
    for image, said in (
        (gray, "gray with transparency"),
        (colour.convert("YCbCr"), "sYCC"),
        (colour.convert("CMYK"), "CMYK"),
    ):
        with pytest.raises(PhotoError, match=said) as caught:
            read_photo(samples.saved(image, "JPEG2000"))
        assert "sRGB" in (caught.value.tip or "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"Dear diary, this is no photo.", "not a photo"),
        (b"\xff\xd8\xff", "cut off"),
        (b"\x89PNG\r\n\x1a\n", "cut off"),
        (b"BM", "damaged"),
        (b"P5\n", "no size"),
    ],
)
def test_what_is_no_photo_is_said_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "letter.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=said) as caught:
        read_photo(path)
    assert "letter.jpg" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_photo_errors(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"none\.png"):
        read_photo(tmp_path / "none.png")
    with pytest.raises(PhotoError):
        read_photo(tmp_path)
    with pytest.raises(PhotoError):
        read_photo(Path("nul\0.png"))


@pytest.mark.parametrize(
    "family", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "PPM"]
)
def test_a_cut_file_is_an_error_wherever_it_is_cut(family: str) -> None:
    whole = samples.saved(GRAY, family)
    for length in {*range(4, len(whole) - 2, len(whole) // 40), len(whole) - 40}:
        with pytest.raises(PhotoError):
            read_photo(whole[:length])


@pytest.mark.skipif(sys.platform != "linux", reason="what libjpeg says is overheard on Linux")
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_jpeg_that_lacks_nothing_but_its_end_is_read(options: dict[str, Any]) -> None:
    """As recovered from memory cards. Anything else missing, even one byte, is an error."""
    whole = samples.saved(GRAY, "JPEG", **options)
    expected = read_photo(whole)
    assert expected.warnings == ()
    read = 0
    for cut in range(1, 300):
        try:
            photo = read_photo(whole[:-cut])
        except PhotoError as error:
            assert "the file is cut off" in str(error)  # noqa: PT017
            continue
        read += 1
        np.testing.assert_array_equal(photo.gray, expected.gray)
        assert "its last bytes are missing" in photo.warnings[0]
    # No decoder reports a missing pass of a progressive JPEG.
    assert read == 0 if options.get("progressive") else read >= 2
    recovered = whole[:-2] + bytes(512)
    if not options.get("progressive"):
        np.testing.assert_array_equal(read_photo(recovered).gray, expected.gray)
    for share in (0.3, 0.5, 0.8, 0.95):
        kept = int(share * len(whole))
        for zeros in (len(whole) - kept, 4096, 1 << 20):
            with pytest.raises(PhotoError, match="the file is cut off"):
                read_photo(whole[:kept] + bytes(zeros))


def test_where_the_decoder_cannot_be_heard_a_jpeg_without_its_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = samples.saved(GRAY, "JPEG")
    monkeypatch.setattr("colorcli.photo.overhear._leave_descriptors", lambda: False)
    assert read_photo(whole).warnings == ()
    for cut in (2, len(whole) // 2):
        with pytest.raises(PhotoError, match="the file is cut off"):
            read_photo(whole[:-cut])


def test_a_thumbnail_does_not_hide_that_a_jpeg_is_cut() -> None:
    fields = samples.exif()
    thumbnail = samples.saved(GRAY[:20, :20], "JPEG")
    whole = samples.saved(GRAY, "JPEG", exif=fields.tobytes() + thumbnail)
    assert read_photo(whole).shape == GRAY.shape
    with pytest.raises(PhotoError, match="cut off"):
        read_photo(whole[:-500])


def test_floating_point_and_lab_tiffs_are_refused_by_name() -> None:
    with pytest.raises(PhotoError, match="floating-point"):
        read_photo(samples.saved(GRAY.astype(np.float32), "TIFF"))
    with pytest.raises(PhotoError, match="CIELAB"):
        read_photo(samples.saved(Image.fromarray(COLOUR).convert("LAB"), "TIFF"))


def test_a_preview_is_not_taken_for_the_photo() -> None:
    """The layout of raw files: the first directory is a thumbnail, another holds the photo."""
    preview = samples.tiff(samples.camera()[::4, ::4], subfiletype=1)
    with pytest.raises(PhotoError, match="only a preview") as caught:
        read_photo(preview)
    assert "raw" in str(caught.value.tip)


@pytest.mark.parametrize("bits", [2, 4])
def test_grays_of_two_and_four_bits_are_refused_by_name(bits: int) -> None:
    fields = {256: 8, 257: 4, 258: bits, 259: 1, 262: 1, 273: 200, 277: 1, 278: 4, 279: 4 * bits}
    directory = {tag: ifd.short(value, "<") for tag, value in fields.items()}
    stored = b"II*\0\x08\0\0\0" + ifd.write(directory, 8, "<")
    with pytest.raises(PhotoError, match=f"samples have {bits} bits") as caught:
        read_photo(stored.ljust(200, b"\0") + bytes(4 * bits))
    assert caught.value.tip == "save it with 8 bits"
