"""JPEG: the segments around the picture (ITU-T T.81, JFIF 1.02, EXIF, ICC.1 annex B.4)."""

from __future__ import annotations

import re
import struct

from colorcli.photo import exif, iptc
from colorcli.photo.header import MEND, Header, MalformedError
from colorcli.photo.image import Metadata

_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
XMP_ROOM = 65533 - len(_XMP)
"""Largest XMP packet, in bytes."""
_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_SEQUENTIAL = (0xC0, 0xC1)
_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# In picture data, a marker is FF and anything but a stuffed zero, a restart or a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
# Latest offset of a video after the picture: some makers put bytes of their own before it.
_VIDEO_AT = 64
_VIDEO = b"MotionPhoto_Data"
"""What some makers write before the video, after other data."""
# Payload of a segment, minus the ICC header of 14 bytes.
_CHUNK = 65519


def inspect(data: bytes) -> Header:
    """Read all segments of a JPEG.

    Raises:
        MalformedError: it has no size, is cut off, or its samples are not supported. A missing end
            that the decoder can check is only a warning.
    """
    said = _Said()
    # The decoder gets the picture without application data that could make it fail, except JFIF's
    # and Adobe's, which says how CMYK is stored.
    keep = [b"\xff\xd8"]
    whole_scan = cut = False
    at = 2
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            if not whole_scan:
                raise MalformedError("the file is cut off", tip=MEND)
            # Recovered from a memory card, say. The decoder tells whether all the rest is there,
            # but takes zeros, which may fill the lost part, for pixels.
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
        if end > len(data):
            raise MalformedError("the file is cut off", tip=MEND)
        body = data[at + 4 : end]
        said.take(marker, body)
        if marker == 0xDA:
            whole_scan = said.is_all_of(body)
            following = _MARKER.search(data, end)
            end = len(data) if following is None else following.start()
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) or body[:5] in (b"JFIF\0", b"Adobe"):
            keep.append(data[at:end])
        at = end
    header = said.header()
    header.decodable = b"".join(keep)
    header.cut = cut
    if cut:
        header.warnings.append("its last bytes are missing, but the picture is complete")
    if not said.several and (behind := _behind(data, at)):
        header.warnings.append(behind)
    return header


class _Said:
    """Collects the segments of a JPEG."""

    def __init__(self) -> None:
        self.several = False
        self._metadata = Metadata()
        self._header: Header | None = None
        self._channels = 0
        self._sequential = False
        self._icc: dict[int, bytes] = {}
        self._comments: list[tuple[bytes, bytes]] = []
        self._resources: list[bytes] = []
        self._more_xmp = False

    def take(self, marker: int, body: bytes) -> None:
        """Record one segment.

        Raises:
            MalformedError: the samples are of an unsupported kind.
        """
        if marker in _SIZES and len(body) >= 6:
            self._take_size(marker, body)
        elif marker == 0xE0 and body[:5] == b"JFIF\0" and len(body) >= 12:
            self._metadata.dpi = _density(body)
        elif marker == 0xE1:
            self._take_exif_or_xmp(body)
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            self.several = True
        elif marker == 0xE2 and body.startswith(_ICC) and len(body) > 14:
            self._icc.setdefault(body[12], body[14:])
        elif marker == 0xED and body.startswith(iptc.PREFIX):
            self._resources.append(body[len(iptc.PREFIX) :])
        elif marker == 0xFE and body:
            self._comments.append((b"COM", body))

    def is_all_of(self, scan: bytes) -> bool:
        """Whether the scan that begins with this segment is the picture's only one."""
        return self._sequential and scan[:1] == bytes((self._channels,))

    def header(self) -> Header:
        """The header of the picture.

        Raises:
            MalformedError: it has no size.
        """
        header, metadata = self._header, self._metadata
        if header is None:
            raise MalformedError("it has no size")
        if self._more_xmp:
            header.warnings.append("XMP beyond its first 64 KB is not supported: dropped")
        if self.several:
            header.warnings.append("several pictures: only the first is read")
        captions = (iptc.of_resources(part) for part in self._resources)
        # A block may continue in the next segment.
        whole = b"".join(self._resources)
        metadata.iptc = next(filter(None, captions), None) or iptc.of_resources(whole)
        metadata.notes = tuple(self._comments)
        if self._icc:
            metadata.icc = b"".join(self._icc[number] for number in sorted(self._icc))
        metadata.dpi = metadata.dpi or exif.dpi(metadata.exif)
        header.orientation = exif.orientation(metadata.exif)
        return header

    def _take_size(self, marker: int, body: bytes) -> None:
        depth, height, width, channels = struct.unpack_from(">BHHB", body)
        if depth != 8:
            raise MalformedError(
                f"its samples have {depth} bits, which is not supported", tip="save it with 8 bits"
            )
        self._channels = channels
        if self._header is None:
            self._sequential = marker in _SEQUENTIAL
            self._header = Header(width, height, self._metadata, cmyk=channels == 4)

    def _take_exif_or_xmp(self, body: bytes) -> None:
        metadata = self._metadata
        if body.startswith(_EXIF) and metadata.exif is None:
            metadata.exif = body[len(_EXIF) :]
        elif body.startswith(_XMP) and metadata.xmp is None:
            metadata.xmp = body[len(_XMP) :]
        elif body.startswith(_MORE_XMP):
            self._more_xmp = True


def _behind(data: bytes, at: int) -> str | None:
    """A warning for what follows the picture, which ends at `at`, or None."""
    if data[at : at + 3] == b"\xff\xd8\xff":
        return "another JPEG after the picture: only the first is read"
    if b"ftyp" in data[at : at + _VIDEO_AT] or data.find(_VIDEO, at) >= 0:
        return "a video after the picture (a motion photo): dropped"
    return None


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded JPEG.

    Args:
        encoded: a JPEG as the encoder made it, beginning with its JFIF segment.
        metadata: to be written.

    Returns:
        The file, and a warning for each thing that did not fit.
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
