"""TIFF: the first directory, and what of it goes on into the coloured file (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import struct

from colorcli.photo import exif, ifd
from colorcli.photo.header import Header, MalformedError
from colorcli.photo.image import Metadata

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _EXTRA, _FORMAT = 274, 277, 338, 339
_PLANAR, _PREDICTOR = 284, 317
# No compression, LZW, deflate and PackBits know nothing of pixels: JPEG does.
_BYTEWISE = (1, 5, 8, 32773, 32946)
_STRIPS, _TILES = (273, 279), (324, 325)
_XMP, _IPTC, _ICC = 700, 33723, 34675
_CMYK, _LAB = 5, (8, 9, 10)
# Fields that describe a picture and not its storage: TIFF 6.0 section 8 and EXIF's IFD0.
_DESCRIPTIVE = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432)


def inspect(data: bytes) -> Header:
    """Read the first directory of a TIFF.

    Raises:
        MalformedError: it is cut off, or its pixels are of a kind that is not read.
    """
    how = ifd.structure(data)
    fields, following = ifd.read(data, how, how.first)
    metadata = Metadata()
    header = Header(_first(fields, _WIDTH), _first(fields, _HEIGHT), metadata)
    if following:
        header.warnings.append("several pages: only the first is read")
    bits = _first(fields, _BITS, 1)
    photometric = _first(fields, _PHOTOMETRIC, 1)
    samples = _first(fields, _SAMPLES, 1)
    if _first(fields, _FORMAT, 1) != 1:
        raise MalformedError("its samples are signed or floating-point numbers, which are not read")
    if photometric in _LAB:
        raise MalformedError("its pixels are stored as CIELAB, which is not read")
    if bits not in (1, 2, 4, 8, 16):
        raise MalformedError(f"its samples have {bits} bits, which are not read")
    if bits == 16 and samples > 1 and _first(fields, _PLANAR, 1) == 2:
        # OpenCV would mix the planes up without a word.
        raise MalformedError("its channels are stored apart at 16 bits, which is not read")
    _check_extent(data, fields)
    header.negative = bits == 16 and photometric == 0
    header.cmyk = photometric == _CMYK
    header.opaque = header.cmyk
    if samples == 2 and photometric in (0, 1):
        _pair(data, how, fields, header)
    if samples == 4 and bits == 8 and photometric == 2 and _first(fields, _EXTRA, 0) == 2:
        # OpenCV's 8-bit path multiplies colours by alpha that is declared separate, which would
        # lose the gray of transparent pixels; what is declared multiplied it leaves alone.
        header.decodable = _patched(data, how, {_EXTRA: 1})
    metadata.icc = fields[_ICC].value if _ICC in fields else None
    metadata.xmp = fields[_XMP].value.rstrip(b"\0") if _XMP in fields else None
    metadata.iptc = fields[_IPTC].value if _IPTC in fields else None
    metadata.dpi = exif.resolution(fields)
    # The orientation is the decoder's business: OpenCV turns TIFFs whatever it is asked.
    carried = {tag: fields[tag] for tag in _DESCRIPTIVE if tag in fields}
    below = exif.tree_of(data, how, fields)
    if carried or below:
        metadata.exif = _prefix(how.order) + ifd.write_tree(carried, below, 8, how.order)
    return header


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded TIFF: its directory is written anew behind the pixels.

    Args:
        encoded: a classic TIFF as the encoder made it.
        metadata: to be written.

    Returns:
        The file, and a line for each thing that did not fit.

    Raises:
        MalformedError: the encoder's file is too large for a classic TIFF.
    """
    how = ifd.structure(encoded)
    if how.big or len(encoded) > 0xF0000000:
        raise MalformedError("a TIFF holds at most 4 GB")
    order = how.order
    fields, _ = ifd.read(encoded, how, how.first)
    below: dict[int, ifd.Directory] = {}
    if metadata.exif is not None:
        source = ifd.structure(metadata.exif)
        found, _ = ifd.read(metadata.exif, source, source.first)
        fields |= {tag: found[tag] for tag in _DESCRIPTIVE if tag in found}
        below = exif.tree_of(metadata.exif, source, found)
    if metadata.icc is not None:
        fields[_ICC] = ifd.Entry(7, len(metadata.icc), metadata.icc, order)
    if metadata.xmp is not None:
        fields[_XMP] = ifd.Entry(1, len(metadata.xmp), metadata.xmp, order)
    if metadata.iptc is not None:
        fields[_IPTC] = ifd.Entry(7, len(metadata.iptc), metadata.iptc, order)
    if metadata.dpi is not None:
        fields[282], fields[283] = (ifd.rational(value, order) for value in metadata.dpi)
        fields[296] = ifd.short(2, order)
    if _first(fields, _SAMPLES, 1) == 4:
        fields[_EXTRA] = ifd.short(2, order)
    start = len(encoded) + len(encoded) % 2
    head = encoded[:4] + struct.pack(f"{order}I", start)
    directory = ifd.write_tree(fields, below, start, order)
    return b"".join((head, encoded[8:], b"\0" * (len(encoded) % 2), directory)), []


def _first(fields: ifd.Directory, tag: int, default: int | None = None) -> int:
    if tag in fields:
        return fields[tag].integer()
    if default is None:
        raise MalformedError("it has no size")
    return default


def _check_extent(data: bytes, fields: ifd.Directory) -> None:
    """Every strip or tile lies inside the file."""
    for offsets, counts in (_STRIPS, _TILES):
        if offsets in fields and counts in fields:
            pairs = zip(fields[offsets].integers(), fields[counts].integers(), strict=False)
            if any(at + count > len(data) for at, count in pairs):
                raise MalformedError("the file is cut off")
            return
    raise MalformedError("it has no pixels, or is cut off")


def _pair(data: bytes, how: ifd.Structure, fields: ifd.Directory, header: Header) -> None:
    """Show gray and alpha to the decoder as twice as many gray pixels; it would drop alpha."""
    plain = (
        _first(fields, _COMPRESSION, 1) in _BYTEWISE
        and _first(fields, _PLANAR, 1) == 1
        and _first(fields, _BITS, 1) in (8, 16)
        and _first(fields, _PHOTOMETRIC, 1) == 1
        and _first(fields, _ORIENTATION, 1) == 1
        and _TILES[0] not in fields
    )
    if not plain:
        # OpenCV would multiply gray by alpha without a word.
        raise MalformedError("transparency beside gray is not read as it is stored here")
    header.paired = True
    header.differences = _first(fields, _PREDICTOR, 1) == 2
    header.decodable = _patched(
        data, how, {_WIDTH: 2 * header.width, _SAMPLES: 1, _EXTRA: 0, _PREDICTOR: 1}
    )


def _patched(data: bytes, how: ifd.Structure, values: dict[int, int]) -> bytes:
    """The file with other values in some integer fields of its first directory."""
    head, entry = ("Q", 20) if how.big else ("H", 12)
    (count,) = struct.unpack_from(how.order + head, data, how.first)
    start = how.first + struct.calcsize(head)
    patched = bytearray(data)
    for at in range(start, start + count * entry, entry):
        tag, kind = struct.unpack_from(f"{how.order}HH", data, at)
        if tag in values:
            layout = how.order + {3: "H", 4: "I"}.get(kind, "I")
            struct.pack_into(layout, patched, at + entry - (8 if how.big else 4), values[tag])
    return bytes(patched)


def _prefix(order: str) -> bytes:
    return struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
