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
# ImageMagick's wrapping of EXIF and others: it would show the gray photo's size and thumbnail.
_WRAPPED = b"Raw profile type "
# A profile or packet that unpacks to more is no profile but a bomb.
_UNPACKED = 16 * 1024**2
# Deflate unpacks two bits to 258 bytes at best (RFC 1951).
_DEFLATE = 1032
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def inspect(data: bytes) -> Header:
    """Read the chunks of a PNG, to its very end, and check their sums.

    Raises:
        MalformedError: it is cut off, damaged, or has no size.
    """
    header: Header | None = None
    metadata = Metadata()
    warnings: list[str] = []
    texts: list[tuple[bytes, bytes]] = []
    keep = [SIGNATURE]
    gamma, tagged, wrapped, kind, bits, packed = None, False, False, 0, 8, 0
    transfer: int | None = None
    for name, start, stop in _chunks(data):
        body = data[start:stop] if name != b"IDAT" else b""
        if name == b"IHDR":
            width, height, bits, kind = struct.unpack_from(">IIBB", body)
            header = Header(width, height, metadata, gray=kind == 4, warnings=warnings)
        elif header is None:
            raise MalformedError("it does not begin with its size")
        elif name == b"gAMA" and len(body) == 4:
            (stored,) = struct.unpack(">I", body)
            # The bounds of libpng, beyond which no curve is meant.
            gamma = 100000 / stored if 16 <= stored <= 625_000_000 else None
        elif name == b"IDAT":
            packed += stop - start
        elif name == b"sRGB":
            tagged = True
        elif name == b"cICP" and len(body) == 4:
            transfer = body[1]
        elif name == b"iCCP":
            metadata.icc = _unpacked(body.partition(b"\0")[2][1:])
            if metadata.icc is None:
                warnings.append("the ICC profile is damaged: dropped")
        elif name == b"eXIf":
            metadata.exif = exif.strip_prefix(body)
        elif name == b"iTXt" and body.startswith(_XMP + b"\0"):
            metadata.xmp = _international(body[len(_XMP) + 1 :])
        elif name in _TEXTS and body.startswith(_WRAPPED):
            wrapped = True
        elif name in _TEXTS and 1 <= body.find(b"\0") <= 79:
            texts.append((name, body))
        elif name == b"pHYs" and len(body) == 9:
            across, down, unit = struct.unpack(">IIB", body)
            if unit == 1 and across and down:
                metadata.dpi = (across * 0.0254, down * 0.0254)
        elif name == b"tRNS" and kind == 0 and len(body) >= 2:
            (header.transparent,) = struct.unpack_from(">H", body)
            if bits < 8:
                header.transparent *= 255 // ((1 << bits) - 1)
        elif name == b"acTL":
            warnings.append("animated: only the first picture is read")
        # The decoder gets the picture alone, with nothing beside it to trip over.
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            keep.append(data[start - 8 : stop + 4])
    if header is None:
        raise MalformedError("it has no size")
    pixels = header.width * header.height
    header.lacking = packed * _DEFLATE < pixels * bits * _CHANNELS.get(kind, 1) // 8
    # Of cICP, iCCP, sRGB and gAMA the first that is there counts; but where a code point only says
    # that tones are sRGB's, a profile says the same more exactly.
    if transfer is not None:
        header.gamma = cicp.gamma(transfer)
        if header.gamma is not None:
            metadata.icc = None
    # 0.45455 is the sRGB curve's stand-in, not a curve of its own.
    elif gamma is not None and not tagged and metadata.icc is None and abs(gamma - 2.2) > 0.01:
        header.gamma = gamma
    if wrapped:
        warnings.append("metadata as ImageMagick wraps it into text is not read: dropped")
    metadata.notes = tuple(texts)
    metadata.dpi = metadata.dpi or exif.dpi(metadata.exif)
    header.orientation = exif.orientation(metadata.exif)
    header.decodable = b"".join(keep)
    return header


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded PNG.

    Args:
        encoded: a PNG as the encoder made it.
        metadata: to be written.

    Returns:
        The file, and a line for each thing that did not fit: none, ever.
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
    """Name, start and stop of the body of each chunk, its sum checked where it matters."""
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
    """A chunk as it stands in a PNG: its length, its name, its body, and the CRC of both."""
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
