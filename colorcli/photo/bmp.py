"""BMP: its header (Microsoft BITMAPINFOHEADER and older)."""

from __future__ import annotations

import struct

from colorcli.photo.header import Header, MalformedError
from colorcli.photo.image import Metadata


def inspect(data: bytes) -> Header:
    """Read the header of a BMP.

    Raises:
        MalformedError: it is cut off, or has no size.
    """
    pixels_at, size = struct.unpack_from("<II", data, 10)
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return _checked(data, Header(width, height), bits, 0, pixels_at)
    width, height, _, bits, packing, _, across, down = struct.unpack_from("<iiHHIIii", data, 18)
    metadata = Metadata()
    if across > 0 and down > 0:
        metadata.dpi = (across * 0.0254, down * 0.0254)
    return _checked(data, Header(width, abs(height), metadata), bits, packing, pixels_at)


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put the resolution into an encoded BMP; it holds nothing else.

    Args:
        encoded: a BMP as the encoder made it.
        metadata: to be written.

    Returns:
        The file, and no lines: what BMP cannot hold was taken out before.
    """
    if metadata.dpi is None:
        return encoded, []
    data = bytearray(encoded)
    struct.pack_into("<ii", data, 38, *(round(value / 0.0254) for value in metadata.dpi))
    return bytes(data), []


def _checked(data: bytes, header: Header, bits: int, packing: int, pixels_at: int) -> Header:
    if header.width <= 0 or header.height <= 0 or bits not in (1, 4, 8, 16, 24, 32):
        raise MalformedError("it has no size")
    stride = (header.width * bits + 31) // 32 * 4
    if packing in (0, 3) and pixels_at + stride * header.height > len(data):
        raise MalformedError("the file is cut off")
    return header
