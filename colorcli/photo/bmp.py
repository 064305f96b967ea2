"""BMP: its header (Microsoft BITMAPINFOHEADER and older)."""

from __future__ import annotations

import struct

from colorcli.photo.header import Header, MalformedError, Packed
from colorcli.photo.image import Metadata

# The compression (BI_BITFIELDS) with a mask per colour after the first 40 bytes of the header, and
# the header size from which alpha has one as well.
_MASKED, _WITH_ALPHA = 3, 56
# Header size from which the header may point to an ICC profile.
_WITH_PROFILE = 124
_USUAL = [0xFF0000, 0xFF00, 0xFF]
_FIVE_BITS = (0x7C00, 0x3E0, 0x1F)


def inspect(data: bytes) -> Header:
    """Read the header of a BMP.

    Raises:
        MalformedError: it is cut off, has no size, or its pixels are of an unsupported kind.
    """
    pixels_at, size = struct.unpack_from("<II", data, 10)
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return _checked(data, Header(width, height), bits, 0, pixels_at)
    width, height, _, bits, packing, _, across, down = struct.unpack_from("<iiHHIIii", data, 18)
    metadata = Metadata()
    if across > 0 and down > 0:
        metadata.dpi = (across * 0.0254, down * 0.0254)
    header = Header(width, abs(height), metadata)
    if bits == 32 and packing == _MASKED:
        *colours, alpha = struct.unpack_from("<4I", data, 54)
        if size < _WITH_ALPHA and colours != _USUAL:
            # OpenCV reads the masks only in larger headers.
            raise MalformedError(
                "its colour masks are unusual, which is not supported", tip="save it as PNG"
            )
        header.opaque = size < _WITH_ALPHA or not alpha
    elif bits == 16 and packing in (0, _MASKED):
        masks = struct.unpack_from("<3I", data, 54) if packing == _MASKED else _FIVE_BITS
        header.layout = Packed(pixels_at, masks, upright=height < 0)
        if any(map(_is_odd, masks)):
            raise MalformedError(
                "its colour masks are unusual, which is not supported", tip="save it as PNG"
            )
        if packing == _MASKED and size >= _WITH_ALPHA and struct.unpack_from("<I", data, 66)[0]:
            header.warnings.append("transparency of a 16-bit BMP is not supported: dropped")
    if size >= _WITH_PROFILE:
        kind, (start, length) = data[70:74], struct.unpack_from("<II", data, 126)
        if kind == b"DEBM":  # "MBED", as a little-endian number
            metadata.icc = data[14 + start : 14 + start + length] or None
    return _checked(data, header, bits, packing, pixels_at)


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put the resolution into an encoded BMP, which holds no other metadata.

    Args:
        encoded: a BMP as the encoder made it.
        metadata: to be written.

    Returns:
        The file, and no warnings: what BMP cannot hold has been removed already.
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


def _is_odd(mask: int) -> bool:
    """Whether a colour's mask is empty, has gaps, or exceeds 16 bits."""
    whole = mask >> ((mask & -mask).bit_length() - 1) if mask else 0
    return not whole or bool(whole & (whole + 1)) or mask > 0xFFFF
