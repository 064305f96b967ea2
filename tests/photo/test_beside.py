"""Metadata as scanners, cameras and other programs store it: kept, or its loss reported."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from colorcli.errors import PhotoError
from colorcli.photo import Photo, encode_photo, exif, ifd, iptc, jpeg, png, read_photo

from . import samples
from .samples import Tint, camera

CAPTIONS = b"\x1c\x02\x19\x00\x06attic " * 3


def written(photo: Photo, family: str) -> tuple[Photo, list[str]]:
    """The coloured photo read back, and its warnings."""
    said: list[str] = []
    file = encode_photo(photo, Tint(), format=family, warn=said.append)
    return read_photo(file), said


def with_segments(file: bytes, *segments: bytes) -> bytes:
    """A JPEG with application segments after its JFIF segment."""
    end = 4 + struct.unpack_from(">H", file, 4)[0]
    return file[:end] + b"".join(segments) + file[end:]


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def test_captions_in_two_segments_are_one() -> None:
    captions = CAPTIONS * 2000
    resources = iptc.resources(captions)
    halves = (resources[:60000], resources[60000:])
    parts = (segment(0xED, iptc.PREFIX + half) for half in halves)
    photo = read_photo(with_segments(samples.saved(camera(), "JPEG"), *parts))
    assert photo.metadata.iptc == captions


def test_captions_of_a_tiff_may_stand_among_photoshop_s_resources() -> None:
    resources = iptc.resources(CAPTIONS)
    file = samples.tiff(camera(), extratags=[(34377, 1, len(resources), resources, True)])
    assert read_photo(file).metadata.iptc == CAPTIONS


def test_captions_go_into_JPEG_2000_and_back() -> None:
    photo = read_photo(samples.saved(camera(), "JPEG"))
    photo.metadata.iptc = CAPTIONS
    back, said = written(photo, "jpeg2000")
    assert (back.metadata.iptc, said) == (CAPTIONS, [])


def test_a_motion_photo_loses_its_video_and_its_promise() -> None:
    xmp = samples.XMP.replace(
        b'dc:source="attic"',
        b'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" '
        b"GCamera:MicroVideoOffset='5000' dc:source=\"attic\"",
    )
    video = b"\0\0\0\x18ftypmp42" + bytes(5000)
    photo = read_photo(samples.saved(camera(), "JPEG", xmp=xmp) + video)
    assert [line for line in photo.warnings if "video" in line]
    back, _ = written(photo, "jpeg")
    assert back.metadata.xmp is not None
    assert b"GCamera:M" not in back.metadata.xmp
    assert b'dc:source="attic"' in back.metadata.xmp


def test_EXIF_keeps_an_uneven_resolution_of_its_own() -> None:
    fields = samples.exif()
    fields[0x011A], fields[0x011B] = 300.0, 200.0
    photo = read_photo(samples.saved(camera(), "JPEG", exif=fields, dpi=(72, 72)))
    back, _ = written(photo, "jpeg")
    assert exif.dpi(back.metadata.exif) == (300.0, 200.0)
    assert back.metadata.dpi == (72.0, 72.0)


def test_a_resolution_without_a_unit_stays_in_a_TIFF() -> None:
    file = samples.tiff(camera(), resolution=(204, 196), resolutionunit=1)
    said: list[str] = []
    coloured = encode_photo(read_photo(file), Tint(), format="tiff", warn=said.append)
    how = ifd.structure(coloured)
    fields, _ = ifd.read(coloured, how, how.first)
    assert (fields[282].rational(), fields[283].rational()) == (204, 196)
    assert (fields[296].integer(), said) == (1, [])


def test_what_a_microscope_notes_stays_and_what_nobody_knows_is_missed_aloud() -> None:
    notes = b'{"Exposure-ms": 10}\0'
    tags = [(51123, 2, len(notes), notes, True), (65123, 3, 1, 7, True)]
    photo = read_photo(samples.tiff(camera(), extratags=tags))
    assert photo.warnings == ("unknown fields (65123): dropped",)
    assert notes in (photo.metadata.exif or b"")
    back, _ = written(photo, "tiff")
    assert notes in (back.metadata.exif or b"")


def test_maker_notes_stay_where_their_offsets_hold() -> None:
    fields = samples.exif()
    fields.get_ifd(ExifTags.IFD.Exif)[exif.MAKER_NOTE] = b"Kodak\0" + bytes(range(200))
    photo = read_photo(samples.saved(camera(), "JPEG", exif=fields))
    same, said = written(photo, "png")
    assert (b"Kodak\0\0\1\2" in (same.metadata.exif or b""), said) == (True, [])
    moved, said = written(photo, "tiff")
    assert b"Kodak\0\0\1\2" not in (moved.metadata.exif or b"")
    assert [line for line in said if "maker notes" in line]


def test_the_name_of_Adobe_RGB_does_not_stay() -> None:
    fields = samples.exif()
    fields[0x013F] = [0.64, 0.33, 0.21, 0.71, 0.15, 0.06]
    details = fields.get_ifd(ExifTags.IFD.Exif)
    details[0xA001] = 65535
    details[ExifTags.IFD.Interop] = {1: "R03"}
    photo = read_photo(samples.saved(camera(), "JPEG", exif=fields))
    assert b"R03" in (photo.metadata.exif or b"")
    back, _ = written(photo, "jpeg")
    assert back.metadata.exif is not None
    assert (b"R98\0" in back.metadata.exif, b"R03" in back.metadata.exif) == (True, False)
    image = Image.Exif()
    image.load(b"Exif\0\0" + back.metadata.exif)
    assert 0x013F not in image


def bmp_with_profile(image: np.ndarray, profile: bytes) -> bytes:
    """A 24-bit BMP whose version 5 header points to its profile."""
    height, width = image.shape
    row = np.zeros((height, (width * 3 + 3) // 4 * 4), np.uint8)
    row[:, : width * 3] = np.repeat(image[::-1], 3, axis=1)
    start = 14 + 124
    head = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 24, 0, row.size, 0, 0, 0, 0)
    head += bytes(16) + b"DEBM" + bytes(48) + struct.pack("<4I", 4, 124 + row.size, len(profile), 0)
    total = start + row.size + len(profile)
    return struct.pack("<2sIHHI", b"BM", total, 0, 0, start) + head + row.tobytes() + profile


def test_a_BMP_is_read_through_its_profile() -> None:
    profile = samples.srgb_profile()
    assert read_photo(bmp_with_profile(camera(), profile)).metadata.icc == profile


def cicp(transfer: int) -> bytes:
    """A 16-bit PNG whose transfer function is stated by a code point and, wrongly, by gAMA."""
    file = samples.saved(samples.camera16(), "PNG")
    chunks = b""
    for name, body in ((b"cICP", bytes((1, transfer, 0, 1))), (b"gAMA", struct.pack(">I", 45455))):
        sum_ = zlib.crc32(name + body)
        chunks += struct.pack(">I", len(body)) + name + body + struct.pack(">I", sum_)
    end = len(png.SIGNATURE) + 25
    return file[:end] + chunks + file[end:]


def test_a_PNG_s_code_point_of_tones_is_obeyed() -> None:
    linear = read_photo(cicp(8)).L()
    Y = samples.camera16() / 65535
    expected = np.where(Y > (6 / 29) ** 3, 116 * np.cbrt(Y) - 16, Y * (29 / 3) ** 3)
    assert np.abs(linear - expected).max() < 0.01
    assert np.array_equal(read_photo(cicp(13)).gray, samples.camera16())
    with pytest.raises(PhotoError, match="PQ"):
        read_photo(cicp(16))


def test_a_compression_that_is_not_read_is_named() -> None:
    file = bytearray(samples.tiff(camera()))
    how = ifd.structure(bytes(file))
    fields, _ = ifd.read(bytes(file), how, how.first)
    struct.pack_into(how.order + "H", file, fields[TiffImagePlugin.COMPRESSION].at, 50000)
    with pytest.raises(PhotoError, match="zstd") as refused:
        read_photo(bytes(file))
    assert "LZW" in (refused.value.tip or "")


def test_a_second_picture_of_a_PNM_is_missed_aloud() -> None:
    one = b"P5 2 2 255\n" + bytes((1, 2, 3, 4))
    assert read_photo(one + one).warnings == ("several pictures: only the first is read",)
    assert read_photo(one).warnings == ()


def test_twelve_bits_of_a_JPEG_are_named() -> None:
    file = bytearray(samples.saved(camera(), "JPEG"))
    at = file.index(b"\xff\xc0")
    file[at + 4] = 12
    with pytest.raises(PhotoError, match="12 bits"):
        read_photo(bytes(file))
    assert jpeg.inspect(samples.saved(camera(), "JPEG")).width == camera().shape[1]
