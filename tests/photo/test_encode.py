"""Whatever a photo contains is kept in the coloured file, in every format."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from colorcli import lab
from colorcli.errors import PhotoError
from colorcli.photo import (
    Metadata,
    Photo,
    encode_photo,
    iptc,
    read_photo,
)
from colorcli.photo.formats import FAMILIES

from . import samples
from .samples import Tint

LOSSLESS = ("png", "tiff", "webp", "jpeg2000", "bmp", "pnm")
DEEP = ("png", "tiff", "jpeg2000", "pnm")


def coloured(photo: Photo, family: str, **options: object) -> tuple[Photo, list[str]]:
    """The photo encoded and read again, and the warnings raised."""
    said: list[str] = []
    quality = 100 if family in LOSSLESS else 95
    file = encode_photo(photo, Tint(), format=family, quality=quality, warn=said.append, **options)
    return read_photo(file), said


@pytest.mark.parametrize("family", LOSSLESS)
def test_lightness_survives_at_8_bits(family: str) -> None:
    photo = Photo.from_array(samples.camera())
    back, said = coloured(photo, family)
    difference = np.abs(back.L() - photo.L())
    assert difference.mean() <= 0.25
    assert difference.max() <= 1.5
    assert (back.format, back.depth, back.shape, said) == (family, 8, photo.shape, [])


def test_a_tiff_is_no_larger_than_its_samples() -> None:
    """As LZW would make the grain of a 16-bit scan."""
    noise = np.random.default_rng(0).normal(0, 2000, samples.camera16().shape)
    scan = np.clip(samples.camera16() + noise, 0, 65535).astype(np.uint16)
    for gray in (scan, (scan >> 8).astype(np.uint8)):
        file = encode_photo(Photo.from_array(gray), Tint(), format="tiff")
        assert len(file) < 3 * gray.nbytes + 4000


@pytest.mark.parametrize("family", DEEP)
def test_lightness_survives_at_16_bits(family: str) -> None:
    photo = Photo.from_array(samples.camera16())
    back, said = coloured(photo, family)
    assert (back.depth, said) == (16, [])
    assert np.abs(back.L() - photo.L()).max() < 0.006


def test_lightness_survives_jpeg_as_far_as_jpeg_goes() -> None:
    photo = Photo.from_array(data.camera())
    back, _ = coloured(photo, "jpeg")
    assert np.abs(back.L() - photo.L()).mean() < 1


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([8, 16]),
    st.booleans(),
    st.sampled_from(["png", "tiff", "pnm"]),
    st.integers(0, 2**32 - 1),
)
def test_size_depth_alpha_and_lightness_survive(
    height: int, width: int, depth: int, transparent: bool, family: str, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 1 << depth, (height, width, 1 + transparent))
    photo = Photo.from_array(values.astype(np.uint8 if depth == 8 else np.uint16))
    back, said = coloured(photo, family)
    assert (back.shape, back.depth, said) == (photo.shape, depth, [])
    assert np.abs(back.L() - photo.L()).max() <= (1.5 if depth == 8 else 0.006)
    if photo.alpha is None:
        assert back.alpha is None
    else:
        assert back.alpha is not None
        assert (back.alpha == photo.alpha).all()


def test_colouring_a_coloured_photo_again_changes_nothing() -> None:
    photo = Photo.from_array(samples.camera16())
    once = encode_photo(photo, Tint(), format="png")
    again = encode_photo(read_photo(once), Tint(), format="png")
    first, second = (lab_of(file) for file in (once, again))
    assert np.abs(first - second).max() < 0.02


def lab_of(file: bytes) -> np.ndarray:
    import cv2

    bgr = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    return lab.rgb_to_lab(bgr[..., ::-1])


@pytest.mark.parametrize("family", LOSSLESS)
@pytest.mark.parametrize("value", [0, 1, 128, 254, 255])
def test_a_flat_field_stays_flat(family: str, value: int) -> None:
    photo = Photo.from_array(np.full((40, 33), value, np.uint8))
    file = encode_photo(photo, Tint(0, 0), format=family, quality=100)
    assert (lab_of(file)[..., 1:] == 0).all()
    assert (read_photo(file).L() == photo.L()).all()


@pytest.mark.parametrize("family", [name for name, holds in FAMILIES.items() if holds.alpha])
def test_alpha_survives(family: str) -> None:
    alpha = samples.camera()[::-1]
    photo = Photo.from_array(np.dstack([samples.camera(), alpha]))
    back, said = coloured(photo, family)
    assert said == []
    assert back.alpha is not None
    assert np.abs(back.alpha.astype(int) - alpha).max() <= (4 if family == "avif" else 0)
    assert np.abs(back.L() - photo.L()).mean() < 1


def test_what_jpeg_cannot_hold_is_said() -> None:
    deep = samples.camera16()
    back, said = coloured(Photo.from_array(np.dstack([deep, deep])), "jpeg")
    assert (back.depth, back.alpha) == (8, None)
    assert ["transparency" in said[0], "16" in said[1], len(said)] == [True, True, 2]


@pytest.mark.parametrize(("family", "bound"), [("webp", 0.25), ("bmp", 0.25), ("avif", 0.5)])
def test_16_bits_are_rounded_where_they_do_not_fit(family: str, bound: float) -> None:
    deep = samples.camera16()
    photo = Photo.from_array(np.dstack([deep, deep]))
    back, said = coloured(photo, family)
    assert "16" in said[0]
    assert back.depth == (16 if family == "avif" else 8)
    assert back.alpha is not None
    assert np.abs(back.L() - photo.L()).mean() < bound


def everything(orientation: int = 6) -> Photo:
    return read_photo(
        samples.saved(
            samples.camera(),
            "JPEG",
            exif=samples.exif(orientation),
            xmp=samples.XMP,
            icc_profile=samples.srgb_profile(),
            dpi=(300, 300),
        )
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_metadata_survives_or_its_loss_is_said(family: str) -> None:
    photo = everything()
    back, said = coloured(photo, family)
    carries = FAMILIES[family].carries
    assert len(said) == 4 - len(carries - {"iptc"})
    found = back.metadata
    if "exif" in carries:
        assert found.exif is not None
        assert b"Kodak" in found.exif
        assert b"1955:06:01" in found.exif
    if "xmp" in carries:
        assert found.xmp is not None
        assert b"attic" in found.xmp
    if "icc" in carries:
        assert found.icc == photo.metadata.icc
    if "dpi" in carries:
        assert found.dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("family", ["jpeg", "png", "tiff", "webp", "avif"])
def test_other_programs_see_the_metadata_and_an_upright_photo(family: str) -> None:
    photo = everything()
    file = encode_photo(photo, Tint(), format=family, model="fusion 1")
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        seen = image.getexif()
        assert image.size == photo.shape[::-1]
        assert seen.get(0x0112, 1) == 1
        assert seen[0x010F] == "Kodak"
        assert seen[0x011A] == pytest.approx(300, abs=0.01)
        assert seen.get_ifd(0x8769)[0x9003] == "1955:06:01 12:00:00"
        assert seen.get_ifd(0x8769)[0xA002] == photo.shape[1]
        assert image.info["icc_profile"] == photo.metadata.icc
        assert b'tiff:Orientation="1"' in image.info["xmp"]


TITLE, STARS, KEYWORDS = 0x9C9B, 0x4746, 0x9C9E


@pytest.mark.parametrize("source", ["JPEG", "TIFF"])
def test_titles_keywords_and_stars_go_on_into_a_tiff(source: str) -> None:
    fields = samples.exif(1)
    title, keywords = "Großmutter\0".encode("utf-16-le"), "wedding\0".encode("utf-16-le")
    fields[TITLE], fields[KEYWORDS], fields[STARS] = title, keywords, 5
    photo = read_photo(samples.saved(samples.camera(), source, exif=fields))
    file = encode_photo(photo, Tint(), format="tiff")
    with Image.open(io.BytesIO(file)) as image:
        seen = image.getexif()
        assert (bytes(seen[TITLE]), bytes(seen[KEYWORDS]), seen[STARS]) == (title, keywords, 5)


def test_a_map_keeps_its_place_on_the_earth_unless_it_is_turned() -> None:
    scale, corner, keys = (1.0, 2.0, 0.0), (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), (1, 1, 0, 0)
    places = [(33550, 12, 3, scale, True), (33922, 12, 6, corner, True), (34735, 3, 4, keys, True)]
    places.append((42113, 2, 2, "7", True))
    for orientation in (1, 6):
        turn = [(274, 3, 1, orientation, True)]
        scan = samples.tiff(samples.camera(), photometric="minisblack", extratags=places + turn)
        photo = read_photo(scan)
        assert any("GeoTIFF" in line for line in photo.warnings) == (orientation == 6)
        file = encode_photo(photo, Tint(), format="tiff")
        with tifffile.TiffFile(io.BytesIO(file)) as written:
            tags = written.pages[0].tags  # type: ignore[union-attr]
            found = [tags[tag].value for tag in (33550, 33922, 34735) if tag in tags]
            assert found == ([scale, corner, keys] if orientation == 1 else [])
            assert tags[42113].value == "7"


@pytest.mark.parametrize("quality", [95, 100])
@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.alpha])
def test_lightness_is_kept_where_nobody_sees_it(family: str, quality: int) -> None:
    gray = samples.camera()
    alpha = np.zeros_like(gray)
    alpha[:40] = 255
    photo = Photo.from_array(np.dstack([gray, alpha]))
    back = read_photo(encode_photo(photo, Tint(), format=family, quality=quality))
    assert back.alpha is not None
    assert np.abs(back.alpha - alpha.astype(int)).mean() < 1
    assert np.abs(back.L() - photo.L()).mean() < 1.5


@pytest.mark.parametrize(("filling", "is_marked"), [("padding", True), ("words", False)])
def test_the_mark_takes_no_room_from_what_the_user_wrote(filling: str, is_marked: bool) -> None:
    """A packet nearly at JPEG's limit: its padding is dropped first, then the mark."""
    head, end, tail = samples.XMP.partition(b"<?xpacket end")
    room = 65450 - len(samples.XMP)
    if filling == "padding":
        packet = head + b" " * room + end + tail
    else:
        packet = head.replace(b"attic", b"attic" + b"x" * room) + end + tail
    assert len(packet) == 65450
    photo = Photo.from_array(samples.camera())
    photo.metadata.xmp = packet
    warnings: list[str] = []
    found = read_photo(encode_photo(photo, Tint(), format="jpeg", warn=warnings.append))
    assert warnings == []
    assert found.metadata.xmp is not None
    assert (b"ColorsPredictedBy" in found.metadata.xmp) == is_marked
    assert b"attic" in found.metadata.xmp
    assert filling == "padding" or b"x" * room in found.metadata.xmp


def test_transparency_that_was_multiplied_is_written_as_separate() -> None:
    gray, alpha = samples.camera(), np.full((120, 97), 128, np.uint8)
    stored = np.dstack([np.rint(gray * (128 / 255)).astype(np.uint8)] * 3 + [alpha])
    photo = read_photo(samples.tiff(stored, photometric="rgb", extrasamples=["assocalpha"]))
    back, _ = coloured(photo, "tiff")
    assert back.alpha is not None
    assert (back.alpha == alpha).all()
    assert np.abs(back.L() - Photo.from_array(gray).L()).max() < 2
    with tifffile.TiffFile(io.BytesIO(encode_photo(photo, Tint(), format="tiff"))) as written:
        assert written.pages[0].extrasamples == (2,)  # type: ignore[union-attr]


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "bmp"])
def test_the_mark_says_that_colours_are_predicted(family: str) -> None:
    photo = Photo.from_array(samples.camera())
    marked = encode_photo(photo, Tint(), format=family, model="fusion 1")
    assert b"predicted by colorize fusion 1" in marked
    if FAMILIES[family].carries:
        assert b"compositeWithTrainedAlgorithmicMedia" in marked
    plain = encode_photo(photo, Tint(), format=family, mark=False)
    assert b"colorize" not in plain
    assert read_photo(plain).metadata == Metadata()


def test_captions_survive_where_they_can() -> None:
    captions = b"\x1c\x02\x78\x00\x0bGrandmother"
    photo = Photo.from_array(samples.camera())
    photo.metadata.iptc = captions
    assert (
        iptc.of_resources(b"8BIM\x04\x25\x03abc\0\0\0\x01x\0" + iptc.resources(captions))
        == captions
    )
    for family in ("jpeg", "tiff"):
        back, said = coloured(photo, family)
        assert (back.metadata.iptc, said) == (captions, [])
    back, said = coloured(photo, "png")
    assert back.metadata.iptc is None
    assert "IPTC" in said[0]


@pytest.mark.parametrize(
    ("family", "kept", "lossy"),
    [
        ("WEBP", {"lossless": True}, {"quality": 80}),
        ("JPEG2000", {}, {"irreversible": True, "quality_layers": [20]}),
    ],
)
def test_what_was_kept_without_loss_stays_so(
    family: str, kept: dict[str, object], lossy: dict[str, object]
) -> None:
    gray = samples.camera()
    for options, lossless in ((kept, True), (lossy, False)):
        photo = read_photo(samples.saved(gray, family, **options))
        assert photo.lossless is lossless
        other = {"webp": "jpeg2000", "jpeg2000": "webp"}[photo.format]
        for chosen, quality in ((photo.format, 100 if lossless else 95), (other, 95)):
            own = encode_photo(photo, Tint(), format=chosen)
            assert own == encode_photo(photo, Tint(), format=chosen, quality=quality)
            assert own != encode_photo(photo, Tint(), format=chosen, quality=5)


def test_jpeg_2000_is_made_where_nobody_else_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenCV by itself writes it to a world-readable file in /tmp and leaves it there."""
    seen: list[tuple[Path, int]] = []
    write = cv2.imwrite

    def imwrite(path: str, *rest: object) -> bool:
        folder = Path(path).parent
        seen.append((folder.parent, folder.stat().st_mode & 0o777))
        return bool(write(path, *rest))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cv2, "imwrite", imwrite)
    file = encode_photo(Photo.from_array(samples.camera()), Tint(), format="jpeg2000")
    assert read_photo(file).shape == samples.camera().shape
    assert seen == [(tmp_path, 0o700)]
    with pytest.raises(PhotoError, match="below the encoder's limit"):
        encode_photo(Photo.from_array(np.zeros((9, 9), np.uint8)), Tint(), format="jpeg2000")
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_scratch_files_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = Photo.from_array(samples.camera())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(PhotoError, match="no place for scratch files") as caught:
        encode_photo(photo, Tint(), format="jpeg2000")
    assert "TMPDIR" in str(caught.value.tip)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cv2, "imwrite", lambda *_: False)
    with pytest.raises(PhotoError, match="the encoder failed"):
        encode_photo(photo, Tint(), format="jpeg2000")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(PhotoError, match="the disk is full") as caught:
        encode_photo(photo, Tint(), format="jpeg2000")
    assert "TMPDIR" in str(caught.value.tip)


def test_jpeg_is_written_without_thinning_colour() -> None:
    photo = Photo.from_array(samples.camera())
    with Image.open(io.BytesIO(encode_photo(photo, Tint(), format="jpeg"))) as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


def test_metadata_too_large_for_jpeg_is_said() -> None:
    photo = everything()
    photo.metadata.xmp = samples.XMP.replace(b"attic", b"attic" * 20000)
    back, said = coloured(photo, "jpeg")
    assert back.metadata.xmp is None
    assert "XMP" in said[0]
    photo.metadata.icc = None
    assert coloured(photo, "png")[0].metadata.xmp is not None


@pytest.mark.parametrize(
    ("family", "shape"), [("jpeg", (1, 65501)), ("webp", (16384, 1)), ("jpeg2000", (3, 3))]
)
def test_sizes_a_format_cannot_hold_are_said(family: str, shape: tuple[int, int]) -> None:
    photo = Photo.from_array(np.zeros(shape, np.uint8))
    with pytest.raises(PhotoError, match="limit of"):
        encode_photo(photo, Tint(), format=family)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "jpeg2000"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (3, 3)])
def test_any_shape(family: str, shape: tuple[int, int]) -> None:
    photo = Photo.from_array(np.full(shape, 90, np.uint8))
    assert coloured(photo, family)[0].shape == shape
