"""JPEG 2000: the boxes and the code stream (ISO/IEC 15444-1)."""

from __future__ import annotations

import struct

from colorcli.photo import exif
from colorcli.photo.boxes import box, walk
from colorcli.photo.header import Header, MalformedError
from colorcli.photo.image import Metadata

SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
CODE_STREAM = b"\xff\x4f\xff\x51"
END = b"\xff\xd9"
"""Ends a code stream, and so a file that was written completely."""
_COD, _SOT = 0xFF52, 0xFF90
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
# Colour spaces by number (annex M of part 2) that OpenCV mistakes for others or cannot read.
_UNREAD = {12: "CMYK", 14: "CIELAB", 18: "sYCC", 24: "e-sYCC"}
_TIP = "save it as gray or sRGB, or in another format"


def inspect(data: bytes) -> Header:
    """Read the boxes of a JP2, or the bare code stream of a J2K.

    Raises:
        MalformedError: it is cut off, has no size, or its pixels are of an unsupported kind.
    """
    if data.startswith(CODE_STREAM):
        return _code_stream(data, 0, len(data))
    header: Header | None = None
    metadata = Metadata()
    space = None
    unread = False
    for name, start, stop in walk(data):
        if name == b"jp2c" and header is None:
            header = _code_stream(data, start, stop)
        elif name == b"jp2h":
            for inner, at, end in walk(data, start, stop):
                if inner == b"colr" and data[at : at + 1] == b"\2":
                    metadata.icc = data[at + 3 : end]
                elif inner == b"colr" and data[at : at + 1] == b"\1":
                    (space,) = struct.unpack_from(">I", data, at + 3)
                elif inner == b"res ":
                    metadata.dpi = _resolution(data, at, end) or metadata.dpi
        elif name == b"uuid" and data[start : start + 16] == _XMP:
            metadata.xmp = data[start + 16 : stop]
        elif name == b"uuid" and data[start : start + 16] == _EXIF:
            metadata.exif = exif.strip_prefix(data[start + 16 : stop])
        elif name == b"uuid" and data[start : start + 16] == _IPTC:
            metadata.iptc = data[start + 16 : stop] or None
        elif name in (b"uuid", b"xml "):
            unread = True
    if header is None:
        raise MalformedError("it has no size")
    if space in _UNREAD:
        raise MalformedError(
            f"its colours are stored as {_UNREAD[space]}, which is not supported", tip=_TIP
        )
    if unread:
        header.warnings.append("unsupported metadata (XML, GeoJP2, …): dropped")
    header.metadata = metadata
    header.orientation = exif.orientation(metadata.exif)
    metadata.dpi = metadata.dpi or exif.dpi(metadata.exif)
    return header


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded JP2.

    Args:
        encoded: a JP2 as the encoder made it.
        metadata: to be written.

    Returns:
        The file, and no warnings: everything fits.
    """
    parts = []
    for name, start, stop in walk(encoded):
        body = encoded[start:stop]
        if name == b"jp2h":
            body = _renewed_header(encoded, start, stop, metadata)
        parts.append(box(name, body))
    if metadata.exif is not None:
        parts.append(box(b"uuid", _EXIF + metadata.exif))
    if metadata.xmp is not None:
        parts.append(box(b"uuid", _XMP + metadata.xmp))
    if metadata.iptc is not None:
        parts.append(box(b"uuid", _IPTC + metadata.iptc))
    return b"".join(parts), []


def _code_stream(data: bytes, start: int, stop: int) -> Header:
    """Size and depth from the SIZ segment; channels that the decoder does not take are refused."""
    if data[start : start + 4] != CODE_STREAM:
        raise MalformedError("it has no code stream")
    if data[stop - 2 : stop] != END:
        raise MalformedError("the file is cut off")
    right, bottom, left, top = struct.unpack_from(">IIII", data, start + 8)
    channels, depth = struct.unpack_from(">HB", data, start + 40)
    if right <= left or bottom <= top:
        raise MalformedError("it has no size")
    if left or top:
        raise MalformedError(
            "it does not begin at the corner of its canvas, which is not supported", tip=_TIP
        )
    if channels not in (1, 3, 4):
        said = "is gray with transparency" if channels == 2 else f"has {channels} channels"
        raise MalformedError(f"it {said}, which is not supported", tip=_TIP)
    header = Header(right - left, bottom - top, depth=(depth & 0x7F) + 1)
    header.lossless = _is_reversible(data, start + 2, stop)
    if header.depth not in (8, 16) and header.depth is not None:
        header.maximum = (1 << header.depth) - 1
    return header


def _is_reversible(data: bytes, at: int, stop: int) -> bool:
    """Whether the COD segment names the reversible wavelet (5-3)."""
    while at + 14 <= stop:
        marker, length = struct.unpack_from(">HH", data, at)
        if marker == _COD:
            return data[at + 13] == 1
        if marker == _SOT or marker < 0xFF00 or length < 2:
            break
        at += 2 + length
    return False


def _renewed_header(data: bytes, start: int, stop: int, metadata: Metadata) -> bytes:
    parts = []
    for name, at, end in walk(data, start, stop):
        if name == b"colr" and metadata.icc is not None:
            parts.append(box(b"colr", b"\2\0\0" + metadata.icc))
        elif name != b"res ":
            parts.append(box(name, data[at:end]))
    if metadata.dpi is not None:
        across, down = (value / 0.0254 for value in metadata.dpi)
        power = 0
        while max(across, down) / 10**power > 65535:
            power += 1
        # Numerator, denominator and decimal exponent of samples per metre, down before across.
        numerators = [max(1, round(value / 10**power)) for value in (down, across)]
        sizes = struct.pack(">HHHHbb", numerators[0], 1, numerators[1], 1, power, power)
        parts.append(box(b"res ", box(b"resc", sizes)))
    return b"".join(parts)


def _resolution(data: bytes, start: int, stop: int) -> tuple[float, float] | None:
    for name, at, _ in walk(data, start, stop):
        if name in (b"resc", b"resd"):
            down, below, across, beside, down_power, across_power = struct.unpack_from(
                ">HHHHbb", data, at
            )
            if down and below and across and beside:
                return (
                    across / beside * 10.0**across_power * 0.0254,
                    down / below * 10.0**down_power * 0.0254,
                )
    return None
