"""WebP: the chunks around the picture (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from colorcli.photo import exif
from colorcli.photo.header import Header, MalformedError
from colorcli.photo.image import Metadata

_ANIMATED, _XMP, _EXIF, _ALPHA, _ICC = 0x02, 0x04, 0x08, 0x10, 0x20


def inspect(data: bytes) -> Header:
    """Read the chunks of a WebP.

    Raises:
        MalformedError: it is cut off, or has no size.
    """
    metadata = Metadata()
    size: tuple[int, int] | None = None
    warnings = []
    lossless = False
    for name, body in _chunks(data):
        lossless = lossless or name == b"VP8L"
        if name == b"VP8X":
            flags, wide, high = body[0], body[4:7], body[7:10]
            size = 1 + int.from_bytes(wide, "little"), 1 + int.from_bytes(high, "little")
            if flags & _ANIMATED:
                warnings.append("animated: only the first picture is read")
        elif name == b"VP8 " and size is None:
            wide_, high_ = struct.unpack_from("<HH", body, 6)
            size = wide_ & 0x3FFF, high_ & 0x3FFF
        elif name == b"VP8L" and size is None:
            (packed,) = struct.unpack_from("<I", body, 1)
            size = 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
        elif name == b"ICCP":
            metadata.icc = bytes(body)
        elif name == b"EXIF":
            metadata.exif = exif.strip_prefix(bytes(body))
        elif name == b"XMP ":
            metadata.xmp = bytes(body)
    if size is None:
        raise MalformedError("it has no size")
    metadata.dpi = exif.dpi(metadata.exif)
    return Header(
        *size,
        metadata,
        orientation=exif.orientation(metadata.exif),
        lossless=lossless,
        warnings=warnings,
    )


def joined(colours: bytes, transparent: bytes) -> bytes:
    """The colours of one lossy WebP with the transparency of another.

    Args:
        colours: a picture without transparency.
        transparent: the same picture with it.

    Returns:
        A WebP, or `transparent` if that turns out to be opaque.
    """
    alpha = [_chunk(name, bytes(body)) for name, body in _chunks(transparent) if name == b"ALPH"]
    if not alpha:
        return transparent
    header = inspect(transparent)
    picture = [_chunk(name, bytes(body)) for name, body in _chunks(colours) if name == b"VP8 "]
    return _file([_extended(_ALPHA, header.width, header.height), *alpha, *picture])


def embed(encoded: bytes, metadata: Metadata) -> tuple[bytes, list[str]]:
    """Put metadata into an encoded WebP.

    Args:
        encoded: a WebP as the encoder made it.
        metadata: to be written; the resolution belongs in its EXIF.

    Returns:
        The file, and no warnings: everything fits.
    """
    if metadata.exif is None and metadata.xmp is None and metadata.icc is None:
        return encoded, []
    header = inspect(encoded)
    flags, picture = 0, []
    for name, body in _chunks(encoded):
        if name == b"VP8X":
            flags |= body[0] & _ALPHA
        elif name in (b"VP8 ", b"VP8L", b"ALPH"):
            flags |= _ALPHA if name == b"VP8L" and body[4] & 0x10 else 0
            picture.append(_chunk(name, bytes(body)))
    for flag, value in ((_ICC, metadata.icc), (_EXIF, metadata.exif), (_XMP, metadata.xmp)):
        flags |= 0 if value is None else flag
    chunks = [_extended(flags, header.width, header.height)]
    chunks += [] if metadata.icc is None else [_chunk(b"ICCP", metadata.icc)]
    chunks += picture
    chunks += [] if metadata.exif is None else [_chunk(b"EXIF", metadata.exif)]
    chunks += [] if metadata.xmp is None else [_chunk(b"XMP ", metadata.xmp)]
    return _file(chunks), []


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    (length,) = struct.unpack_from("<I", data, 4)
    if 8 + length > len(data) + length % 2:
        raise MalformedError("the file is cut off")
    at, view = 12, memoryview(data)
    while at + 8 <= 8 + length:
        name, size = struct.unpack_from("<4sI", data, at)
        if at + 8 + size > len(data):
            raise MalformedError("the file is cut off")
        yield name, view[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _extended(flags: int, width: int, height: int) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + size)


def _file(chunks: list[bytes]) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
