"""JPEG: the segments around the picture (ITU-T T.81, JFIF 1.02, EXIF, ICC.1 annex B.4)."""

from __future__ import annotations

import re
import struct

from colorcli.photo import exif, iptc
from colorcli.photo.header import MEND, Header, MalformedError
from colorcli.photo.image import Metadata

_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
XMP_ROOM = 65533 - len(_XMP)
"""Bytes of the largest packet."""
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_SEQUENTIAL = (0xC0, 0xC1)
_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# In picture data a marker is FF and anything but a stuffed zero, a restart or a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Where a video behind a picture begins at the latest, after some bytes of its maker's own.
_VIDEO_AT = 64
_VIDEO = b"MotionPhoto_Data"
"""What some makers write before it, behind other things."""
# Payload of a segment, less the ICC header of 14 bytes.
_CHUNK = 65519


def inspect(data: bytes) -> Header:
    """Read the segments of a JPEG, to its very end.

    Raises:
        MalformedError: it has no size, or is cut off. Where its very end alone is missing, and the
            decoder can tell, that is a warning.
    """
    header: Header | None = None
    metadata = Metadata()
    icc: dict[int, bytes] = {}
    keep = [b"\xff\xd8"]
    more_xmp = several = cut = False
    sequential = whole_scan = False
    comments: list[tuple[bytes, bytes]] = []
    resources: list[bytes] = []
    at = 2
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            if not whole_scan:
                raise MalformedError("the file is cut off", tip=MEND)
            # Recovered from a card, say. The decoder tells whether all the rest is there, but takes
            # zeros, with which what is lost was filled up, for pixels.
            scan = keep.pop().rstrip(b"\0")
            keep += [scan, b"\0" if scan.endswith(b"\xff") else b"", b"\xff\xd9"]
            at, cut = len(data), True
            break
        at, marker = found.start(), data[found.start() + 1]
        if marker == 0xD9:
            keep.append(b"\xff\xd9")
            at += 2
            break
        if marker in (0x01, 0xD8):
            at += 2
            continue
        if at + 4 > len(data):
            raise MalformedError("the file is cut off", tip=MEND)
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        body = data[at + 4 : end]
        if end > len(data):
            raise MalformedError("the file is cut off", tip=MEND)
        if marker in _SIZES and len(body) >= 6:
            depth, height, width, channels = struct.unpack_from(">BHHB", body)
            if depth != 8:
                raise MalformedError(
                    f"its samples have {depth} bits, which are not read", tip="save it with 8 bits"
                )
            if header is None:
                sequential = marker in _SEQUENTIAL
                header = Header(width, height, metadata, cmyk=channels == 4)
        elif marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 12:
            metadata.dpi = _density(body)
        elif marker == 0xE1 and body.startswith(_EXIF) and metadata.exif is None:
            metadata.exif = body[len(_EXIF) :]
        elif marker == 0xE1 and body.startswith(_XMP) and metadata.xmp is None:
            metadata.xmp = body[len(_XMP) :]
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            several = True
        elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
            icc.setdefault(body[12], body[14:])
        elif marker == 0xE1 and body.startswith(_MORE_XMP):
            more_xmp = True
        elif marker == 0xFE and body:
            comments.append((b"COM", body))
        elif marker == 0xED and body.startswith(iptc.PREFIX):
            resources.append(body[len(iptc.PREFIX) :])
        # The decoder gets the picture alone: no application data for it to trip over, but Adobe's,
        # which says how ink is stored.
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or body[:5] in (b"JFIF\0", b"Adobe"):
            stop = end
            if marker == 0xDA:
                # All that follows is in it, then.
                whole_scan = sequential and header is not None and body[:1] == bytes((channels,))
                following = _MARKER.search(data, end)
                stop = len(data) if following is None else following.start()
            keep.append(data[at:stop])
            end = stop
        at = end
    if header is None:
        raise MalformedError("it has no size")
    header.cut = cut
    if cut:
        header.warnings.append("its last bytes are missing, but none of the picture's")
    if more_xmp:
        header.warnings.append("XMP beyond its first 64 KB is not read: dropped")
    if several:
        header.warnings.append("several pictures: only the first is read")
    elif data[at : at + 3] == b"\xff\xd8\xff":
        header.warnings.append("another JPEG behind the picture: only the first is read")
    elif b"ftyp" in data[at : at + _VIDEO_AT] or data.find(_VIDEO, at) >= 0:
        header.warnings.append("a video behind the picture (a motion photo): dropped")
    captions = (iptc.of_resources(part) for part in resources)
    # A block may go on in the next segment.
    metadata.iptc = next(filter(None, captions), None) or iptc.of_resources(b"".join(resources))
    metadata.notes = tuple(comments)
    if icc:
        metadata.icc = b"".join(icc[number] for number in sorted(icc))
    metadata.dpi = metadata.dpi or exif.dpi(metadata.exif)
    header.orientation = exif.orientation(metadata.exif)
    header.decodable = b"".join(keep)
    return header


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded JPEG.

    Args:
        encoded: a JPEG as the encoder made it, beginning with its JFIF segment.
        metadata: to be written.

    Returns:
        The file, and a line for each thing that did not fit.
    """
    lost = []
    segments = []
    captions = None if metadata.iptc is None else iptc.resources(metadata.iptc)
    picture = encoded[2:]
    if picture[:2] == b"\xff\xe0":
        jfif = bytearray(picture[: 2 + struct.unpack_from(">H", picture, 2)[0]])
        picture = picture[len(jfif) :]
        if metadata.dpi is not None:
            across, down = (min(max(round(value), 1), 65535) for value in metadata.dpi)
            struct.pack_into(">BHH", jfif, 11, 1, across, down)
        segments.append(bytes(jfif))
    for marker, prefix, value, name in (
        (0xE1, _EXIF, metadata.exif, "EXIF"),
        (0xE1, _XMP, metadata.xmp, "XMP"),
        (0xED, iptc.PREFIX, captions, "IPTC"),
    ):
        if value is None:
            continue
        if len(prefix) + len(value) > 65533:
            lost.append(f"{name} of {len(value)} bytes does not fit into a JPEG: dropped")
        else:
            segments.append(_segment(marker, prefix + value))
    if metadata.icc is not None:
        chunks = [metadata.icc[i : i + _CHUNK] for i in range(0, len(metadata.icc), _CHUNK)]
        if len(chunks) > 255:
            lost.append("the ICC profile does not fit into a JPEG: dropped")
        else:
            segments += (
                _segment(0xE2, _ICC + bytes((number, len(chunks))) + chunk)
                for number, chunk in enumerate(chunks, 1)
            )
    comments = (_segment(0xFE, text) for kind, text in metadata.notes if kind == b"COM")
    return b"".join((b"\xff\xd8", *segments, *comments, picture)), lost


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _density(jfif: bytes) -> tuple[float, float] | None:
    unit, across, down = struct.unpack_from(">BHH", jfif, 7)
    scale = {1: 1.0, 2: 2.54}.get(unit)
    return (across * scale, down * scale) if scale and across and down else None
