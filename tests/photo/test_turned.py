"""Regions in metadata are converted to the upright picture."""

from __future__ import annotations

import re
import struct
import time

import numpy as np
import pytest

from colorcli.photo import exif, ifd, read_photo
from colorcli.photo.turn import place, upright
from colorcli.photo.xmp import renewed, turned

from . import samples

WIDE = samples.camera(64, 96)
FACE = (0.25, 0.75, 0.125, 0.25)  # x, y of its centre, width, height: shares of the stored picture

ATTRIBUTES = (
    '<mwg-rs:AppliedToDimensions stDim:w="{width}" stDim:h="{height}" stDim:unit="pixel"/>'
    "<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name='Ada'>"
    '<mwg-rs:Area stArea:x="0.25" stArea:y="0.75" stArea:w="0.125" stArea:h="0.25"/>'
    "</rdf:Description></rdf:li></rdf:Bag></mwg-rs:RegionList>"
)
ELEMENTS = (
    "<mwg-rs:AppliedToDimensions rdf:parseType='Resource'><stDim:w>{width}</stDim:w>"
    "<stDim:h>{height}</stDim:h></mwg-rs:AppliedToDimensions><mwg-rs:Area rdf:parseType='Resource'>"
    "<stArea:h>0.25</stArea:h><stArea:w>0.125</stArea:w><stArea:x>0.25</stArea:x>"
    "<stArea:y>0.75</stArea:y></mwg-rs:Area>"
)


def packet(regions: str, width: int = 96, height: int = 64) -> bytes:
    """XMP with regions for a picture of this size."""
    body = regions.format(width=width, height=height)
    before, after = samples.XMP.split(b"</rdf:RDF>")
    named = f"<rdf:Description rdf:about=''>{body}</rdf:Description>"
    return before + named.encode() + b"</rdf:RDF>" + after


def stated(xmp: bytes, prefix: str, keys: str) -> list[float]:
    """The numbers in a packet, in either form."""
    found = (re.search(rf"{prefix}:{key}[=>\"']+([\d.]+)", xmp.decode()) for key in keys)
    return [float(match[1]) for match in found if match]


def read(orientation: int, xmp: bytes) -> bytes:
    """The packet of a JPEG with this orientation, after reading."""
    file = samples.saved(WIDE, "JPEG", exif=samples.exif(orientation), xmp=xmp)
    found = read_photo(file).metadata.xmp
    assert found is not None
    return found


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_place_goes_where_its_pixel_goes(orientation: int) -> None:
    pixels = np.zeros((6, 8), np.uint8)
    pixels[4, 1] = 1
    shown = upright(pixels, orientation)
    row, column = (int(axis[0]) for axis in np.nonzero(shown))
    across, down = place(1.5 / 8, 4.5 / 6, orientation)
    assert (across * shown.shape[1], down * shown.shape[0]) == (column + 0.5, row + 0.5)


@pytest.mark.parametrize("regions", [ATTRIBUTES, ELEMENTS], ids=["attributes", "elements"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_names_stay_at_their_faces(orientation: int, regions: str) -> None:
    xmp = read(orientation, packet(regions))
    across, down, width, height = FACE
    lies = orientation >= 5
    sizes = [height, width] if lies else [width, height]
    assert stated(xmp, "stArea", "xywh") == [*place(across, down, orientation), *sizes]
    assert stated(xmp, "stDim", "wh") == ([64, 96] if lies else [96, 64])


def test_regions_of_the_upright_picture_stay() -> None:
    xmp = packet(ATTRIBUTES, width=64, height=96)
    assert stated(read(6, xmp), "stArea", "xywh") == list(FACE)


def test_the_subject_and_an_uneven_resolution_are_turned() -> None:
    fields = samples.exif(6)
    fields[0x011A], fields[0x011B] = 300.0, 200.0
    fields.get_ifd(0x8769)[0x9214] = (24, 48, 12, 16)  # of 96 × 64: the same face
    photo = read_photo(samples.saved(WIDE, "JPEG", exif=fields))
    data = photo.metadata.exif
    assert data is not None
    assert any(struct.pack(f"{order}4H", 15, 24, 16, 12) in data for order in "<>")
    assert exif.dpi(data) == (200.0, 300.0)


def test_faces_as_windows_states_them_turn_too() -> None:
    regions = (
        '<rdf:Description MPReg:Rectangle="0.1, 0.2, 0.3, 0.4" MPReg:PersonDisplayName="Ada"/>'
    )
    xmp = read(6, packet(regions))
    assert b'MPReg:Rectangle="0.4, 0.1, 0.4, 0.3"' in xmp


@pytest.mark.parametrize(
    "piece",
    [
        b"<Container:Directory>",
        b"<GCamera:a>",
        b"<mwg-rs:Area ",
        b"<xmp:Thumbnails>",
        b" GCamera:a=",
    ],
)
def test_a_packet_made_to_keep_a_search_busy_does_not(piece: bytes) -> None:
    before, after = samples.XMP.split(b"</rdf:RDF>")
    hostile = before + piece * (2_000_000 // len(piece)) + b"</rdf:RDF>" + after
    began = time.process_time()
    turned(hostile, 6, (96, 64))
    renewed(hostile, mark=None)
    assert time.process_time() - began < 30  # a quadratic search would take hours


@pytest.mark.parametrize("offset", [0, 8, 10])
def test_offsets_that_lead_into_the_structure_itself_are_left_alone(offset: int) -> None:
    fields = {0x0112: ifd.short(6, "<"), 0x011A: ifd.rational(300, "<")}
    fields[0x011B] = ifd.rational(200, "<")
    data = bytearray(b"II*\0\x08\0\0\0" + ifd.write(fields, 8, "<"))
    struct.pack_into("<I", data, 8 + 2 + 12 + 8, offset)
    assert exif.turned(bytes(data), 6, (96, 64)) == bytes(data)


@pytest.mark.parametrize("pointer", [ifd.ascii_("no offset", "<"), ifd.long(60_000, "<")])
def test_a_broken_pointer_costs_no_photo(pointer: ifd.Entry) -> None:
    fields = {0x0112: ifd.short(6, "<"), ifd.EXIF: pointer}
    broken = b"Exif\0\0II*\0\x08\0\0\0" + ifd.write(fields, 8, "<")
    photo = read_photo(samples.saved(WIDE, "JPEG", exif=broken))
    assert photo.shape == WIDE.shape[::-1]
