"""PNG: the chunks around the picture (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from colorcli.photo import cicp, exif
from colorcli.photo.header import Header, MalformedError
from colorcli.photo.image import Metadata

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# EXIF and others as wrapped by ImageMagick, which would show the gray photo's size and thumbnail.
_WRAPPED = b"Raw profile type "
# A profile or packet that unpacks to more is a decompression bomb.
_UNPACKED = 16 * 1024**2
# Deflate unpacks two bits to 258 bytes at best (RFC 1951).
_DEFLATE = 1032
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def inspect(data: bytes) -> Header:
    """Read all chunks of a PNG, and verify their checksums.

    Raises:
        MalformedError: it is cut off, damaged, has no size, or is stored for HDR.
    """
    said: _Said | None = None
    # The decoder gets the picture without metadata that could make it fail.
    keep = [SIGNATURE]
    packed = 0
    for name, start, stop in _chunks(data):
        if name == b"IHDR":
            said = _Said(data[start:stop])
        elif said is None:
            raise MalformedError("it does not begin with its header")
        elif name == b"IDAT":
            packed += stop - start
        else:
            said.take(name, data[start:stop])
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            keep.append(data[start - 8 : stop + 4])
    if said is None:
        raise MalformedError("it has no size")
    header = said.finished()
    header.lacking = packed * _DEFLATE < said.unpacked_bytes
    header.decodable = b"".join(keep)
    return header


class _Said:
    """Collects the chunks of a PNG.

    Args:
        size: the body of the first chunk, IHDR.
    """

    def __init__(self, size: bytes) -> None:
        width, height, bits, kind = struct.unpack_from(">IIBB", size)
        self._bits: int = bits
        self._kind: int = kind
        self._metadata = Metadata()
        self._header = Header(width, height, self._metadata, gray=self._kind == 4)
        self._texts: list[tuple[bytes, bytes]] = []
        self._gamma: float | None = None
        self._transfer: int | None = None
        self._tagged = self._wrapped = False

    @property
    def unpacked_bytes(self) -> int:
        """Lower bound for the unpacked pixels."""
        pixels = self._header.width * self._header.height
        return pixels * self._bits * _CHANNELS.get(self._kind, 1) // 8

    def take(self, name: bytes, body: bytes) -> None:
        """Record one chunk."""
        if name in _TEXTS:
            self._take_text(name, body)
        elif name in (b"gAMA", b"sRGB", b"cICP", b"iCCP"):
            self._take_curve(name, body)
        elif name == b"eXIf":
            self._metadata.exif = exif.strip_prefix(body)
        elif name == b"pHYs" and len(body) == 9:
            across, down, unit = struct.unpack(">IIB", body)
            if unit == 1 and across and down:
                self._metadata.dpi = (across * 0.0254, down * 0.0254)
        elif name == b"tRNS" and self._kind == 0 and len(body) >= 2:
            (transparent,) = struct.unpack_from(">H", body)
            # OpenCV scales samples of fewer bits to 8.
            scale = 255 // ((1 << self._bits) - 1) if self._bits < 8 else 1
            self._header.transparent = transparent * scale
        elif name == b"acTL":
            self._header.warnings.append("animated: only the first picture is read")

    def finished(self) -> Header:
        """The header of the picture."""
        header, metadata = self._header, self._metadata
        # Of cICP, iCCP, sRGB and gAMA, the first present counts; but a profile is more exact than
        # a code point that only means sRGB.
        if self._transfer is not None:
            header.gamma = cicp.gamma(self._transfer)
            if header.gamma is not None:
                metadata.icc = None
        elif self._gamma is not None and not self._tagged and metadata.icc is None:
            header.gamma = self._gamma
        if self._wrapped:
            header.warnings.append(
                "metadata wrapped into text by ImageMagick is not supported: dropped"
            )
        metadata.notes = tuple(self._texts)
        metadata.dpi = metadata.dpi or exif.dpi(metadata.exif)
        header.orientation = exif.orientation(metadata.exif)
        return header

    def _take_text(self, name: bytes, body: bytes) -> None:
        if name == b"iTXt" and body.startswith(_XMP + b"\0"):
            self._metadata.xmp = _international(body[len(_XMP) + 1 :])
        elif body.startswith(_WRAPPED):
            self._wrapped = True
        elif 1 <= body.find(b"\0") <= 79:
            self._texts.append((name, body))

    def _take_curve(self, name: bytes, body: bytes) -> None:
        """Record a chunk that says how samples map to light."""
        if name == b"sRGB":
            self._tagged = True
        elif name == b"cICP" and len(body) == 4:
            self._transfer = body[1]
        elif name == b"iCCP":
            self._metadata.icc = _unpacked(body.partition(b"\0")[2][1:])
            if self._metadata.icc is None:
                self._header.warnings.append("the ICC profile is damaged: dropped")
        elif name == b"gAMA" and len(body) == 4:
            (stored,) = struct.unpack(">I", body)
            # libpng's bounds, beyond which values are meaningless; and 0.45455 stands for the sRGB
            # curve, not for a curve of its own.
            meant = 16 <= stored <= 625_000_000 and abs(100000 / stored - 2.2) > 0.01
            self._gamma = 100000 / stored if meant else None


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded PNG.

    Args:
        encoded: a PNG as the encoder made it.
        metadata: to be written.

    Returns:
        The file, and no warnings: everything fits.
    """
    added = []
    if metadata.icc is not None:
        added.append(chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi is not None:
        across, down = (round(value / 0.0254) for value in metadata.dpi)
        added.append(chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif is not None:
        added.append(chunk(b"eXIf", metadata.exif))
    if metadata.xmp is not None:
        added.append(chunk(b"iTXt", _XMP + b"\0\0\0\0\0" + metadata.xmp))
    added += (chunk(kind, text) for kind, text in metadata.notes if kind in _TEXTS)
    end_of_size = len(SIGNATURE) + 25
    return b"".join((encoded[:end_of_size], *added, encoded[end_of_size:])), []


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and stop of the body of each chunk; damaged ancillary ones are skipped.

    Raises:
        MalformedError: the file is cut off, or a critical chunk is damaged.
    """
    at = len(SIGNATURE)
    view = memoryview(data)
    while True:
        if at + 12 > len(data):
            raise MalformedError("the file is cut off")
        length, name = struct.unpack_from(">I4s", data, at)
        start, stop = at + 8, at + 8 + length
        if stop + 4 > len(data):
            raise MalformedError("the file is cut off")
        sound = zlib.crc32(view[at + 4 : stop]) == struct.unpack_from(">I", data, stop)[0]
        if sound:
            yield name, start, stop
        elif not name[0] & 0x20:
            raise MalformedError(f"its {name.decode('latin-1')!r} chunk is damaged")
        if name == b"IEND":
            return
        at = stop + 4


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk: its length, name and body, and the CRC of name and body."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _unpacked(packed: bytes) -> bytes | None:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, _UNPACKED)
    except zlib.error:
        return None
    return data if unpacker.eof else None


def _international(body: bytes) -> bytes | None:
    """The text of an iTXt chunk after its keyword."""
    packed = body[:1] == b"\1"
    text = body[2:].split(b"\0", 2)[-1]
    return _unpacked(text) if packed else text
