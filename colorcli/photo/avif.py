"""AVIF: the properties and items of the picture (ISO/IEC 23008-12, AV1 Image File Format)."""

from __future__ import annotations

import struct

import cv2

from colorcli.photo import cicp, exif
from colorcli.photo.boxes import walk
from colorcli.photo.header import Header, MalformedError
from colorcli.photo.image import Metadata

# Limit on items and their extents together: a tiled picture has thousands.
_PIECES = 65536
# Types of metadata items: EXIF, and XMP.
_BESIDE = (b"Exif", b"mime")
# EXIF orientation of a picture rotated counter-clockwise by irot × 90°.
_TURNED = (1, 8, 3, 6)
# By high_bitdepth and twelve_bit of the AV1 configuration; twelve_bit alone is ignored.
_DEPTHS = (8, 8, 10, 12)
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


def refuse_without_codec() -> None:
    """Refuse AVIF where OpenCV cannot read and write it, as its wheels for Windows cannot.

    Raises:
        MalformedError: it cannot.
    """
    if not cv2.haveImageWriter("a.avif"):
        raise MalformedError(
            "this OpenCV is built without AVIF, as on Windows", tip="use PNG instead"
        )


def inspect(data: bytes) -> Header:
    """Read the properties and items of an AVIF.

    Raises:
        MalformedError: it is cut off, has no size, or is of an unsupported kind.
    """
    refuse_without_codec()
    top = list(walk(data))
    meta = next(((start, stop) for name, start, stop in top if name == b"meta"), None)
    if meta is None:
        raise MalformedError("it has no size")
    properties = _Properties()
    kinds: dict[int, bytes] = {}
    named: list[int] = []
    places: tuple[int, int] | None = None
    for name, start, stop in walk(data, meta[0] + 4, meta[1]):
        if name == b"iinf":
            kinds, named = _kinds(data, start, stop)
        elif name == b"iloc":
            places = start, stop
        elif name == b"iprp":
            for inner, from_, to in walk(data, start, stop):
                for property_, at, end in walk(data, from_, to) if inner == b"ipco" else ():
                    properties.take(property_, data[at:end])
    header = properties.header()
    metadata = header.metadata
    texts = {item for item, kind in kinds.items() if kind in _BESIDE}
    contents = {} if places is None else _contents(data, *places, texts)
    for item, content in contents.items():
        kind = kinds[item]
        if kind == b"Exif" and len(content) > 4:
            offset = 4 + struct.unpack_from(">I", content)[0]
            metadata.exif = exif.strip_prefix(content[offset:])
        elif kind == b"mime" and b"<x:xmpmeta" in content:
            metadata.xmp = content
    header.decodable = _alone(data, named)
    if any(name == b"moov" for name, _, _ in top):
        header.warnings.append("animated: only the first picture is read")
    # The picture's properties come first, then EXIF; without both, XMP does not count.
    header.orientation = properties.orientation or exif.orientation(metadata.exif) or 1
    metadata.dpi = exif.dpi(metadata.exif)
    return header


class _Properties:
    """Collects the properties of all items.

    The size is that of the largest picture: thumbnails are items of the same type.
    """

    def __init__(self) -> None:
        self._header = Header(0, 0, Metadata())
        self._turned: int | None = None
        self._mirrored: int | None = None
        self._transfer: int | None = None
        self._monochrome = self._transparent = self._limited = False

    def take(self, name: bytes, body: bytes) -> None:
        """Record one property."""
        header = self._header
        if name == b"ispe":
            width, height = struct.unpack_from(">II", body, 4)
            if width * height > header.width * header.height:
                header.width, header.height = width, height
        elif name == b"av1C" and header.depth is None:
            header.depth = _DEPTHS[body[2] >> 5 & 3]
            self._monochrome = bool(body[2] & 0x10)
        elif name == b"auxC":
            self._transparent |= body[4:].startswith(_ALPHA)
        elif name == b"colr" and body[:4] == b"nclx" and self._transfer is None:
            (self._transfer,) = struct.unpack_from(">H", body, 6)
            self._limited = not body[10] & 0x80
        elif name == b"colr" and body[:4] in (b"prof", b"rICC"):
            header.metadata.icc = body[4:]
        elif name == b"irot":
            self._turned = body[0] & 3
        elif name == b"imir":
            self._mirrored = body[0] & 1

    def header(self) -> Header:
        """The header of the picture.

        Raises:
            MalformedError: it has no size, or is of an unsupported kind.
        """
        header = self._header
        if not header.width or not header.height:
            raise MalformedError("it has no size")
        if self._monochrome and self._transparent:
            raise MalformedError(
                "it is gray with transparency, which is not supported", tip="save it as PNG"
            )
        if self._transfer is not None and header.metadata.icc is None:
            header.gamma = cicp.gamma(self._transfer)
        if header.depth in (10, 12):
            header.maximum = (1 << header.depth) - 1
        if self._monochrome and self._limited and header.depth is not None:
            # The decoder expands video range for colours, but not for gray.
            header.minimum, header.maximum = 16 << header.depth - 8, 235 << header.depth - 8
        return header

    @property
    def orientation(self) -> int | None:
        """Rotation, then mirror, as an EXIF orientation; None if there is neither."""
        if self._turned is None and self._mirrored is None:
            return None
        upright = _TURNED[self._turned or 0]
        if self._mirrored is None:
            return upright
        # imir 0 swaps top and bottom, 1 left and right.
        top_bottom = {1: 4, 8: 5, 3: 2, 6: 7}
        left_right = {1: 2, 8: 7, 3: 4, 6: 5}
        return (left_right if self._mirrored else top_bottom)[upright]


def _alone(data: bytes, named: list[int]) -> bytes | None:
    """The file without metadata items that could make the decoder fail.

    Args:
        data: the whole file.
        named: offsets of the metadata items' types. Each is overwritten with a type that decoders
            ignore.

    Returns:
        The changed file, or None if it has no such items.
    """
    if not named:
        return None
    patched = bytearray(data)
    for at in named:
        patched[at : at + 4] = b"skip"
    return bytes(patched)


def _kinds(data: bytes, start: int, stop: int) -> tuple[dict[int, bytes], list[int]]:
    """Item → its type (iinf), and the offsets of the metadata items' types."""
    start += 6 if data[start] == 0 else 8
    kinds, named = {}, []
    for name, at, end in walk(data, start, stop):
        version = data[at] if at < end else 0
        if name == b"infe" and version >= 2:
            layout = ">HH4s" if version == 2 else ">IH4s"
            item, _, kind = struct.unpack_from(layout, data, at + 4)
            kinds[item] = kind
            if kind in _BESIDE:
                named.append(at + 4 + struct.calcsize(layout) - 4)
    return kinds, named


def _contents(data: bytes, start: int, stop: int, wanted: set[int]) -> dict[int, bytes]:
    """Item → its bytes (iloc), for wanted items stored in the file itself.

    Raises:
        MalformedError: an item reaches beyond the data, there are too many extents, or the wanted
            items add up to more bytes than the file has.
    """
    version = data[start]
    sizes = struct.unpack_from(">BB", data, start + 4)
    offset_size, length_size, base_size, index_size = (
        nibble for size in sizes for nibble in (size >> 4, size & 15)
    )
    at = start + 6

    def number(size: int) -> int:
        nonlocal at
        if at + size > stop:
            raise MalformedError("the file is cut off")
        at += size
        return int.from_bytes(data[at - size : at], "big")

    contents = {}
    pieces, left = 0, len(data)
    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        method = number(2) & 15 if version in (1, 2) else 0
        number(2)
        base = number(base_size)
        parts = []
        count = number(2)
        # An entry may take no bytes at all, so the file size bounds nothing.
        pieces += 1 + count
        if pieces > _PIECES:
            raise MalformedError("it is in too many pieces")
        for _ in range(count):
            if version in (1, 2):
                number(index_size)
            first, length = base + number(offset_size), number(length_size)
            if method == 0 and first + length > len(data):
                raise MalformedError("the file is cut off")
            if method == 0 and item in wanted:
                left -= length
                if left < 0:
                    raise MalformedError("its items overlap")
                parts.append(data[first : first + length])
        if item in wanted:
            contents[item] = b"".join(parts)
    return contents
